"""Accounts on a real MariaDB: made, healed, proven; what stands there already is never overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from detectors.finding import Secret
from fixtures.servers.daemon import ServerFailed
from fixtures.servers.mariadb import PrivateMariadb, run_client
from restore.errors import AccountRefused, DatabaseMissing, Fenced, LoginRefused
from restore.ledger import codec
from restore.model.facts import AccountReady, Claim, LoginsVerified, SiteLooked
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import AccountName
from restore.model.outcome import Done, Manual, Outcome, Unchanged
from restore.model.plan import CreateAccount, LookSite, VerifyLogins
from restore.run.accounts import HASH_ONLY, create_account
from restore.run.verify_logins import verify_logins
from restore.survey.sites import look_site
from restore.systems.mysql import MysqlServer
from tests.memory.cut import Cut
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import MemorySource
from tests.memory.systems import GivenSystems
from tests.survey.plain import PASSWORD, PLAIN, login

HOME = b"web1/home/alice"
CONFIG = HOME + b"/www/login.conf"
SHOP = AccountName("shop", "localhost")
MUTATING = ("create_account", "grant", "unlock", "lock", "drop_account")


@pytest.fixture(autouse=True)
def one_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.examine.DETECTORS", (PLAIN,))
    monkeypatch.setattr("restore.survey.logins.DETECTORS", (PLAIN,))


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


class CutServer:
    """A live server whose client process ends before or after its n-th change."""

    def __init__(self, server: MysqlServer, at: int = 0) -> None:
        self._server = server
        self.at = at
        self.changes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., object] = getattr(self._server, name)
        if name not in MUTATING:
            return real

        def call(*arguments: object) -> object:
            self._count(f"before {name}")
            result = real(*arguments)
            self._count(f"after {name}")
            return result

        return call

    def _count(self, what: str) -> None:
        self.changes.append(what)
        if len(self.changes) == self.at:
            raise Cut(what)


@dataclass
class World:
    """A live server with the restored databases shopdb and blogdb, and a backup with one config."""

    server: PrivateMariadb
    client: MysqlServer
    source: MemorySource
    office: Office = field(default_factory=Office)

    def claim(self) -> Claim:
        """What the survey says of the config."""
        work = LookSite("web1", "alice", "backup", HOME, ())
        outcome = look_site("look", work, self._systems(self.client))
        assert isinstance(outcome, Done) and isinstance(outcome.fact, SiteLooked)
        return outcome.fact.claims[0]

    def work(self, **changes: Any) -> CreateAccount:
        claim = self.claim()
        work = CreateAccount(
            "web1", "alice", SHOP, "db1", ("shopdb",), claim, "backup", HOME, (), "listed", "+354 5812345"
        )
        return replace(work, **changes)

    def create(self, work: CreateAccount, server: object = None) -> Outcome:
        return create_account("account/1", work, self._systems(server or self.client))

    def _systems(self, server: Any) -> GivenSystems:
        return GivenSystems(MemoryDesk(self.office), {"backup": self.source}, databases={"db1": server})

    def grants(self, user: str = "'shop'@'localhost'") -> list[str]:
        return self.server.sql(f"SHOW GRANTS FOR {user}").splitlines()

    def logs_in(self, password: bytes = PASSWORD, database: str = "shopdb") -> bool:
        options = self.server.folder / "shop.cnf"
        options.write_text(self.server.client_options("shop", password.decode(), tcp=False))
        command = ["mariadb", f"--defaults-file={options}", database]
        try:
            run_client(command, "SELECT * FROM t")
        except ServerFailed:
            return False
        return True


@pytest.fixture
def world(mariadb: PrivateMariadb) -> Iterator[World]:
    mariadb.sql("CREATE DATABASE shopdb; CREATE TABLE shopdb.t (a INT); INSERT INTO shopdb.t VALUES (1);")
    mariadb.sql("CREATE DATABASE blogdb; CREATE TABLE blogdb.t (a INT); CREATE DATABASE shopxdb;")
    mariadb.sql("CREATE DATABASE `shop_db`; CREATE TABLE `shop_db`.t (a INT);")
    target = DatabaseTarget(
        "db1", mariadb.admin_user, SecretRef("env", "X"), socket=str(mariadb.socket), timeout=10
    )
    client = MysqlServer(target, Secret(mariadb.admin_password.encode()))
    yield World(mariadb, client, MemorySource("backup", {CONFIG: login()}))
    client.close()
    mariadb.sql("DROP DATABASE IF EXISTS shopdb; DROP DATABASE blogdb; DROP DATABASE shopxdb;")
    mariadb.sql("DROP DATABASE `shop_db`;")
    listed = "SELECT HEX(CONCAT(QUOTE(User), '@', QUOTE(Host))) FROM mysql.user"
    for account in (bytes.fromhex(line).decode() for line in mariadb.sql(listed).splitlines()):
        if not account.startswith((f"'{mariadb.admin_user}'", "'mariadb.sys'")):
            mariadb.sql(f"DROP USER {account}")


def ready(outcome: Outcome) -> AccountReady:
    assert isinstance(outcome, Done | Unchanged) and isinstance(outcome.fact, AccountReady)
    return outcome.fact


def state(world: World) -> tuple[str, list[str]]:
    shown = world.server.sql("SHOW CREATE USER 'shop'@'localhost'").strip()
    return shown, world.grants()


def test_the_account_logs_in_with_the_old_password_and_has_its_own_database_alone(world: World) -> None:
    fact = ready(world.create(world.work()))

    assert (fact.proof, fact.table, fact.databases) == ("login", "t", ("shopdb",))
    assert world.logs_in() and not world.logs_in(b"wrong") and not world.logs_in(database="blogdb")
    usage, grant = world.grants()
    assert usage.startswith("GRANT USAGE ON *.*") and grant.startswith("GRANT ALL PRIVILEGES ON `shopdb`.*")


def test_a_wildcard_in_a_database_name_grants_no_neighbours_database(world: World) -> None:
    world.create(world.work(databases=("shop_db",), claim=replace(world.claim(), database="shop_db")))

    assert world.logs_in(database="shop_db") and not world.logs_in(database="shopxdb")


def test_a_second_run_changes_nothing_and_proves_again(world: World) -> None:
    world.create(world.work())
    before = state(world)

    again = world.create(world.work())

    assert isinstance(again, Unchanged) and ready(again).proof == "login"
    assert state(world) == before


def test_a_cut_at_any_change_is_healed_by_the_next_run(world: World) -> None:
    work = world.work(databases=("blogdb", "shopdb"))
    whole = CutServer(world.client)
    world.create(work, whole)
    wanted = state(world)

    for at in range(1, len(whole.changes) + 1):
        world.server.sql("DROP USER 'shop'@'localhost'")
        cut = CutServer(world.client, at)
        with pytest.raises(Cut):
            world.create(work, cut)
        if not any(change.startswith("after unlock") for change in cut.changes):
            assert not world.logs_in(), f"it could log in before it was finished ({cut.changes[-1]})"

        assert ready(world.create(work)).proof == "login"
        assert state(world) == wanted, cut.changes[-1]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE USER 'shop'@'localhost' IDENTIFIED BY 'another'", "password"),
        ("CREATE USER 'shop'@'localhost' IDENTIFIED VIA unix_socket", "password"),
        (
            "CREATE USER 'shop'@'localhost' IDENTIFIED BY 'p\\'w$1;)';"
            "GRANT SELECT ON blogdb.* TO 'shop'@'localhost'",
            "blogdb",
        ),
        (
            "CREATE USER 'shop'@'localhost' IDENTIFIED BY 'p\\'w$1;)'; GRANT PROCESS ON *.* TO 'shop'@'localhost'",
            "all databases",
        ),
        ("CREATE USER 'shop'@'10.1.%' IDENTIFIED BY 'another'", "take the other's logins"),
        ("CREATE USER 'shop'@'%' IDENTIFIED BY 'another'", "take the other's logins"),
    ],
)
def test_a_live_account_that_is_another_is_a_question_and_stays_as_it_is(
    world: World, made: str, reason: str
) -> None:
    world.server.sql(made)
    before = world.server.sql("SELECT * FROM mysql.global_priv; SELECT * FROM mysql.db")

    outcome = world.create(world.work())

    assert isinstance(outcome, Manual)
    [item] = outcome.items
    assert item.cause == "account-differs" and reason in " ".join(item.evidence) and item.contact
    assert world.server.sql("SELECT * FROM mysql.global_priv; SELECT * FROM mysql.db") == before
    assert PASSWORD.decode() not in codec.encode(outcome)


def test_rights_on_another_database_of_the_same_customer_are_no_surprise(world: World) -> None:
    world.create(world.work(databases=("blogdb",), claim=replace(world.claim(), database="blogdb")))

    outcome = world.create(world.work(own=("blogdb", "shopdb")))

    assert ready(outcome).databases == ("shopdb",)
    assert world.logs_in(database="blogdb") and world.logs_in(database="shopdb")


def test_no_account_is_made_for_a_database_that_is_not_there(world: World) -> None:
    work = world.work(databases=("shopdb", "lost"))

    with pytest.raises(DatabaseMissing, match="lost is not on db1"):
        world.create(work)

    with pytest.raises(ServerFailed):
        world.grants()


@pytest.mark.parametrize("content", [login(password=b"changed"), login(user=b"other"), b"", None])
def test_a_config_that_changed_since_the_survey_is_a_question(world: World, content: bytes | None) -> None:
    work = world.work()
    world.source.put(CONFIG, content if content is not None else b"")
    if content is None:
        world.source.put(HOME + b"/www", b"no folder any more")

    outcome = world.create(work)

    assert isinstance(outcome, Manual) and outcome.items[0].cause == "config-changed"
    with pytest.raises(ServerFailed):
        world.grants()


def test_an_answered_password_makes_the_account_without_any_config(world: World) -> None:
    work = world.work(claim=None)
    vault_id = MemoryDesk(world.office).put_secret("queue", "answer", Secret(b"told by phone"))

    fact = ready(world.create(replace(work, password_id=vault_id)))

    assert fact.proof == "login" and world.logs_in(b"told by phone")


def test_an_answered_password_of_nothing_is_refused(world: World) -> None:
    vault_id = MemoryDesk(world.office).put_secret("queue", "answer", Secret(b""))

    with pytest.raises(AccountRefused, match="empty"):
        world.create(world.work(claim=None, password_id=vault_id))


@pytest.mark.parametrize(
    ("user", "databases"),
    [
        ("root", ("shopdb",)),
        ("", ("shopdb",)),
        ("mariadb.sys", ("shopdb",)),
        ("br_load_x", ("shopdb",)),
        ("shop", ("mysql",)),
        ("shop", ("MySQL",)),
        ("shop", ("br_kept_x",)),
        ("shop", ()),
    ],
)
def test_no_config_gets_an_administrators_name_or_a_system_database(
    world: World, user: str, databases: tuple[str, ...]
) -> None:
    with pytest.raises(AccountRefused):
        world.create(world.work(account=AccountName(user, "localhost"), databases=databases))


def test_an_account_for_another_machine_is_made_and_said_to_be_unproven(world: World) -> None:
    fact = ready(world.create(world.work(account=AccountName("shop", "10.9.8.7"))))

    assert (fact.proof, fact.table) == (HASH_ONLY, "")
    assert len(world.grants("'shop'@'10.9.8.7'")) == 2


def test_an_account_that_does_not_prove_is_locked_again_and_named(world: World) -> None:
    """An anonymous account of the same host would be taken by the server where it sorts first."""
    refusing = CutServer(world.client)

    def refuse(*_: object) -> str:
        raise LoginRefused("'shop'@'localhost' cannot log in: 1045")

    refusing.login = refuse  # type: ignore[attr-defined]

    with pytest.raises(LoginRefused) as caught:
        world.create(world.work(), refusing)

    assert "locked again" in caught.value.kept and not world.logs_in()
    assert "ACCOUNT LOCK" in state(world)[0]
    assert ready(world.create(world.work())).proof == "login"


def test_an_account_that_stood_unlocked_is_not_locked_when_its_proof_fails(world: World) -> None:
    world.create(world.work())
    world.server.sql("DROP TABLE shopdb.t; CREATE TABLE shopdb.t (a INT) ENGINE=MyISAM")
    refusing = CutServer(world.client)

    def refuse(*_: object) -> str:
        raise LoginRefused("no")

    refusing.login = refuse  # type: ignore[attr-defined]

    with pytest.raises(LoginRefused):
        world.create(world.work(), refusing)

    assert world.logs_in()


def test_wordpress_is_proven_by_its_options_table_or_the_wrong_prefix_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("restore.run.accounts", fromlist=["MARKERS"]).MARKERS, "plain", "options")
    world.server.sql("CREATE TABLE shopdb.wp_options (a INT)")
    right = world.work(claim=replace(world.claim(), prefix="wp_"))
    wrong = world.work(claim=replace(world.claim(), prefix="other_"))

    facts = [ready(world.create(work)) for work in (right, wrong)]

    assert [fact.table for fact in facts] == ["wp_options", "t"]
    assert facts[0].notes == () and "other_options" in facts[1].notes[0]


def test_a_host_name_that_must_resolve_is_listed(world: World) -> None:
    work = world.work(claim=replace(world.claim(), host="mysql.old-host.example"))

    assert ready(world.create(work)).hosts_needed == ("mysql.old-host.example",)


def test_a_fenced_worker_makes_nothing(world: World) -> None:
    work = world.work()

    class Fencing(MemoryDesk):
        def renew(self, step: str) -> None:
            raise Fenced("taken over")

    systems = world._systems(world.client)
    world_desk = Fencing(world.office)
    world_desk.get_secret = MemoryDesk(world.office).get_secret  # type: ignore[method-assign]
    systems.desk = world_desk

    with pytest.raises(Fenced):
        create_account("account/1", work, systems)

    with pytest.raises(ServerFailed):
        world.grants()


def test_a_user_name_of_odd_letters_gets_his_account(world: World) -> None:
    world.source.put(CONFIG, login("þór's `x` %_".encode()))
    work = world.work(account=AccountName("þór's `x` %_", "localhost"))

    assert ready(world.create(work)).proof == "login"


def test_an_account_of_ed25519_logs_in_and_is_finished_like_any_other(world: World) -> None:
    world.server.sql("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'")
    work = world.work(plugin="ed25519")

    facts = [ready(world.create(work)), ready(world.create(work))]

    assert [fact.proof for fact in facts] == ["login", "login"]
    assert "VIA ed25519" in state(world)[0] and world.logs_in() and not world.logs_in(b"wrong")


def test_an_account_with_the_same_password_by_another_plugin_is_the_customers(world: World) -> None:
    world.server.sql("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'")
    world.server.sql("CREATE USER 'shop'@'localhost' IDENTIFIED VIA ed25519 USING PASSWORD('p\\'w$1;)')")

    assert ready(world.create(world.work())).proof == "login"
    assert "VIA ed25519" in state(world)[0]


def test_a_candidate_is_proven_by_a_login_to_an_account_that_stands_there_and_to_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.run.verify_tries.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("restore.run.verify_logins.is_candidate", bool)
    claim = world.claim()
    work = VerifyLogins(
        "web1", "alice", (claim,), (), ("db1",), ("localhost",), "backup", HOME, (), ("shopdb",)
    )

    def verdict(asked: VerifyLogins = work) -> tuple[str, str]:
        outcome = verify_logins("prove/1", asked, world._systems(world.client))
        assert isinstance(outcome, Done) and isinstance(outcome.fact, LoginsVerified)
        return outcome.fact.logins[0].verdict, outcome.fact.logins[0].against

    assert verdict() == ("unknown", "no hash of this account survived, and no live account has its name")
    world.create(world.work())
    before = state(world)
    assert verdict() == ("proven", "logged in to db1 as 'shop'@'localhost' and read a row of t")
    assert "equal to the hash" in verdict(replace(work, own=("blogdb",)))[1]
    world.server.sql("ALTER USER 'shop'@'localhost' ACCOUNT LOCK")
    assert "equal to the hash" in verdict()[1]
    world.server.sql("ALTER USER 'shop'@'localhost' ACCOUNT UNLOCK")
    assert state(world) == before
    world.server.sql("ALTER USER 'shop'@'localhost' IDENTIFIED VIA unix_socket")
    said, why = verdict()
    assert (said, why.startswith("tried on a live account, and refused: ")) == ("unknown", True), why
    assert PASSWORD.decode() not in why

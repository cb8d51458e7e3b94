"""What preflight finds on real servers and disks, and what it makes of a server's facts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.certificates import PrivateCA
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from fixtures.servers.mariadb import PrivateMariadb
from fixtures.servers.sshd import PrivateSshd
from restore.model.incident import DatabaseTarget, Incident, MailTarget, OldServer, SecretRef, SourceSpec
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint, ServerFacts
from restore.model.ports import DatabaseServer, MailServer, Source
from restore.model.survey import Finding, Index, MailboxPlace
from restore.survey.preflight import check
from restore.survey.preflight_databases import Need, judge
from restore.survey.preflight_folder import check_state
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from restore.systems.mysql import MysqlServer
from restore.systems.sftp import SftpSource
from restore.systems.sftp_connect import SftpAddress
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

HERE = SecretRef("env", "X")
ANNA = "anna@example.is"
NOW = 1_700_000_000.0
GOOD = ServerFacts(
    "10.11.14-MariaDB-0+deb12u2",
    (("character_set_server", "utf8mb4"), ("max_allowed_packet", str(64 << 20)), ("log_bin", "OFF")),
    (),
    replica=False,
    tls=False,
    clock=NOW,
    disk_free=1 << 40,
)
SOCKET = DatabaseTarget("db1", "admin", HERE, socket="/run/x.sock")


def weights(findings: Sequence[Finding]) -> set[tuple[str, str]]:
    return {(one.weight, one.where) for one in findings if one.weight != "note"}


def said(findings: Sequence[Finding], where: str) -> str:
    return " ".join(f"{one.weight} {one.what}" for one in findings if one.where == where)


class World:
    """An incident with one of everything, each of which a test replaces by what it has."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.specs: list[SourceSpec] = []
        self.sources: dict[str, Source] = {}
        self.mails: dict[str, MailServer] = {}
        self.mail_targets: list[MailTarget] = []
        self.databases: dict[str, DatabaseServer] = {}
        self.database_targets: list[DatabaseTarget] = []
        self.dumps: list[DumpFile] = []

    def folder(self, root: Path) -> None:
        self.specs.append(SourceSpec("backup", "folder", str(root)))
        self.sources["backup"] = FolderSource("backup", str(root))

    def sftp(self, server: PrivateSshd, **changes: str) -> None:
        known = SftpAddress(
            server.host, server.port, server.user, str(server.key), str(server.known_hosts), 5
        )
        address = replace(known, **changes)  # type: ignore[arg-type]
        self.specs.append(SourceSpec("backup", "sftp", "/"))
        self.sources["backup"] = SftpSource("backup", "/", address)

    def mail(self, server: PrivateDovecot, *, password: str = "masterpw", ca: Path | None = None) -> None:
        target = MailTarget(
            "mail1",
            server.host,
            server.imaps_port,
            "verify",
            str(ca or server.ca),
            "master",
            HERE,
            timeout=30,
        )
        self.mail_targets.append(target)
        self.mails["mail1"] = ImapServer(target, Secret(password.encode()))

    def database(self, server: PrivateMariadb, *, password: str = "", ca: Path | None = None) -> None:
        tcp = {"host": server.host, "port": server.port, "ca": str(ca or server.ca)} if server.tcp else {}
        socket = "" if server.tcp else str(server.socket)
        target = DatabaseTarget("db1", server.admin_user, HERE, socket=socket, timeout=5, **tcp)  # type: ignore[arg-type]
        target = replace(target, account_hosts=("127.0.0.1",)) if server.tcp else target
        self.database_targets.append(target)
        self.databases["db1"] = MysqlServer(target, Secret((password or server.admin_password).encode()))

    def findings(self, mailboxes: Sequence[str] = (ANNA,)) -> tuple[Finding, ...]:
        old = OldServer("web1", "backup", "web1", "customers.csv", "mail1", ("db1",))
        incident = Incident(
            "incident.toml", "", "crash", str(self.state), 2, None, tuple(self.specs), (old,),
            tuple(self.mail_targets), tuple(self.database_targets),
        )  # fmt: skip
        places = tuple(MailboxPlace(MailboxId("web1", address), b"x") for address in mailboxes)
        index = Index((), places, tuple(self.dumps))
        systems = GivenSystems(MemoryDesk(Office()), self.sources, self.mails, self.databases)
        return check(incident, index, systems)

    def close(self) -> None:
        for source in self.sources.values():
            source.close()
        for database in self.databases.values():
            database.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    options = DovecotOptions(extra="auth_failure_delay = 0\n")
    with PrivateDovecot({ANNA: "secret"}, options=options) as server:
        yield server


@pytest.fixture(scope="module")
def sshd() -> Iterator[PrivateSshd]:
    with PrivateSshd() as server:
        (server.root / "web1").mkdir()
        yield server


def test_nothing_speaks_against_servers_that_are_well(
    world: World, sshd: PrivateSshd, dovecot: PrivateDovecot
) -> None:
    with PrivateMariadb(tcp=True, tls=True) as mariadb:
        world.sftp(sshd)
        world.mail(dovecot)
        world.database(mariadb)

        assert weights(world.findings()) <= {("ask", f"state folder {world.state}")}


def test_a_tree_that_is_not_in_the_source_is_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "web1").symlink_to("/")
    world.folder(tmp_path / "backup")

    assert "a link, not a folder" in said(world.findings(), "source backup")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"known_hosts": "/dev/null"}, "SHA256:"),
        ({"user": "nobody"}, "refuses the user"),
        ({"key": "/nonexistent"}, "key file"),
        ({"host": "127.0.0.2"}, "refused"),
    ],
)
def test_a_source_that_cannot_be_used_is_named_with_its_reason(
    world: World, sshd: PrivateSshd, changes: dict[str, str], words: str
) -> None:
    world.sftp(sshd, **changes)

    findings = world.findings()

    assert ("ask", "source backup") in weights(findings) and words in said(findings, "source backup")


def test_a_wrong_master_password_is_said(world: World, dovecot: PrivateDovecot) -> None:
    world.mail(dovecot, password="wrong")

    assert ("ask", "mail server mail1") in weights(world.findings())


def test_a_mail_server_whose_certificate_nobody_vouches_for_is_said(
    world: World, dovecot: PrivateDovecot, tmp_path: Path
) -> None:
    world.mail(dovecot, ca=PrivateCA(tmp_path / "ca").path)

    assert "certificate" in said(world.findings(), "mail server mail1").lower()


def test_mailboxes_that_nobody_made_yet_are_said(world: World, dovecot: PrivateDovecot) -> None:
    world.mail(dovecot)

    findings = world.findings(["bert@example.is"])

    assert "not there: bert@example.is" in said(findings, "mail server mail1")


def test_an_anonymous_account_on_a_target_is_a_question(world: World) -> None:
    with PrivateMariadb() as mariadb:
        mariadb.sql("CREATE USER ''@'localhost'")
        world.database(mariadb)

        assert "ask it has anonymous accounts: ''@'localhost'" in said(
            world.findings(), "database server db1"
        )


def test_a_wrong_administrators_password_is_said_and_not_shown(world: World) -> None:
    with PrivateMariadb() as mariadb:
        world.database(mariadb, password="not this one")

        findings = world.findings()

    assert ("ask", "database server db1") in weights(findings)
    assert "not this one" not in repr(findings)


@pytest.mark.parametrize("fault", ["another authority", "expired"])
def test_a_database_server_whose_certificate_is_not_good_is_said(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    authority = PrivateCA(tmp_path / "ours")
    if fault == "expired":
        issue = authority.issue
        monkeypatch.setattr(authority, "issue", lambda name: issue(name, expired=True))
    with PrivateMariadb(tcp=True, ca=authority) as mariadb:
        trusted = authority if fault == "expired" else PrivateCA(tmp_path / "theirs")
        world.database(mariadb, ca=trusted.path)

        findings = world.findings()

    assert ("ask", "database server db1") in weights(findings)
    assert "certificate" in said(findings, "database server db1").lower()


def test_a_server_that_is_down_is_said(world: World) -> None:
    with PrivateMariadb() as mariadb:
        world.database(mariadb)

    assert ("ask", "database server db1") in weights(world.findings())


def test_dumps_that_do_not_fit_are_said_for_target_and_staging(world: World) -> None:
    with PrivateMariadb() as mariadb:
        world.database(mariadb)
        file = Fingerprint("backup", b"big.sql.gz", 1 << 45, NOW)
        world.dumps.append(DumpFile(DatabaseId("web1", "big"), file))

        findings = world.findings()

    assert "are free" in said(findings, "database server db1")
    assert "largest dumps" in said(findings, f"state folder {world.state}")


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_small_disk_in_memory_cannot_hold_the_ledger(tmpfs: Path) -> None:
    findings = list(check_state(str(tmpfs), Need(0, 0)))

    assert [one.weight for one in findings] == ["refuse", "ask"]
    assert "free on its disk" in findings[0].what and "tmpfs" in findings[1].what
    assert list(tmpfs.iterdir()) == []


def test_a_disk_that_is_read_only_refuses_the_run(tmpfs: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)

    assert [one.weight for one in check_state(str(tmpfs), Need(0, 0))] == ["refuse"]


def test_a_full_disk_refuses_the_run(tmpfs: Path) -> None:
    with pytest.raises(OSError, match="space"):
        (tmpfs / "hog").write_bytes(bytes(2_000_000))

    assert "refuse" in [one.weight for one in check_state(str(tmpfs), Need(0, 0))]


def test_a_disk_without_inodes_refuses_the_run(tmpfs: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g,nr_inodes=50", tmpfs], check=True)

    assert any("inodes" in one.what for one in check_state(str(tmpfs), Need(0, 0)))


def test_a_state_folder_that_others_may_enter_refuses_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    assert "mode 0755" in " ".join(one.what for one in check_state(str(tmp_path), Need(0, 0)))


def with_variable(name: str, value: str) -> ServerFacts:
    return replace(GOOD, variables=(*(pair for pair in GOOD.variables if pair[0] != name), (name, value)))


@pytest.mark.parametrize(
    ("facts", "weight"),
    [
        (replace(GOOD, version="8.0.36"), "refuse"),
        (replace(GOOD, version="10.3.39-MariaDB"), "refuse"),
        (replace(GOOD, version="10.11.8-MariaDB"), "note"),
        (replace(GOOD, version="11.6.2-MariaDB"), "note"),
        (replace(GOOD, replica=True), "refuse"),
        (with_variable("read_only", "ON"), "refuse"),
        (with_variable("log_bin", "ON"), "note"),
        (with_variable("lower_case_table_names", "1"), "ask"),
        (with_variable("max_allowed_packet", "1048576"), "ask"),
        (with_variable("sql_mode", "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES"), "ask"),
        (with_variable("character_set_server", "latin1"), "note"),
        (with_variable("local_infile", "ON"), "note"),
        (with_variable("time_zone", "Europe/Berlin"), "note"),
        (replace(GOOD, clock=NOW + 3600), "ask"),
        (replace(GOOD, clock=NOW - 20), "note"),
        (replace(GOOD, disk_free=None), "note"),
        (replace(GOOD, disk_free=10), "ask"),
    ],
)
def test_each_fact_has_its_weight(facts: ServerFacts, weight: str) -> None:
    findings = list(judge(SOCKET, facts, Need(1000, 1), NOW))

    assert [one.weight for one in findings] == [weight]
    assert findings[0].why


def test_a_sound_server_is_not_talked_about() -> None:
    assert list(judge(SOCKET, GOOD, Need(1000, 1), NOW)) == []


def test_an_unencrypted_line_to_another_machine_refuses_the_run() -> None:
    far = DatabaseTarget("db2", "admin", HERE, host="db2.example", tls="none", account_hosts=("10.0.0.5",))

    assert [one.weight for one in judge(far, GOOD, Need(0, 0), NOW)] == ["refuse"]
    assert list(judge(far, replace(GOOD, tls=True), Need(0, 0), NOW)) == []


def test_accounts_at_localhost_on_a_server_reached_by_tcp_are_a_question() -> None:
    far = DatabaseTarget("db2", "admin", HERE, host="127.0.0.1")

    assert ["proven" in one.what for one in judge(far, GOOD, Need(0, 0), NOW)] == [True]


def test_what_a_server_says_cannot_act_on_the_screen() -> None:
    facts = replace(GOOD, version="5.5\x1b[2J", anonymous_accounts=("''@'\x1b]0;x'",), clock=time.time())

    assert all((one.what + one.why).isprintable() for one in judge(SOCKET, facts, Need(0, 0), NOW))

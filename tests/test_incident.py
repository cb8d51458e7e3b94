"""A tired operator writes the incident file; every mistake must be named at once, and no secret shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from restore.errors import IncidentInvalid, SecretMissing
from restore.incident import read_incident, secret
from restore.model.incident import SecretRef

GOOD = """
[incident]
name = "november"
state = "{folder}/state"
[limits]
workers = 2
[[source]]
name = "backup"
kind = "folder"
path = "{folder}"
copies = 3
bytes_per_second = 1000000
[[old_server]]
name = "web1"
source = "backup"
path = "web1"
customers = "customers.csv"
mail_to = "mail1"
databases_to = ["db1"]
[[mail_target]]
name = "mail1"
host = "127.0.0.1"
port = 143
tls = "none"
master_user = "master"
master_password = {{ file = "{folder}/secret" }}
[[database_target]]
name = "db1"
socket = "{folder}/s.sock"
admin_user = "admin"
admin_password = {{ file = "{folder}/secret" }}
account_hosts = ["localhost", "10.0.0.7"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "secret").chmod(0o600)
    return tmp_path


def written(folder: Path, text: str) -> str:
    path = folder / "incident.toml"
    path.write_text(text)
    return str(path)


def mistakes(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(IncidentInvalid) as caught:
        read_incident(written(folder, text))
    return caught.value.mistakes


def test_a_right_file_is_read_whole(folder: Path) -> None:
    incident = read_incident(written(folder, GOOD.format(folder=folder)))

    (source,), (server,), (target,) = incident.sources, incident.old_servers, incident.database_targets
    assert (source.copies, source.bytes_per_second) == (3, 1_000_000)
    assert (server.databases_to, server.maildirs) == (("db1",), "var/vmail/{domain}/{user}/Maildir")
    assert target.account_hosts == ("localhost", "10.0.0.7")


def test_the_loss_is_stated_as_a_time_since_a_day_alone_would_be_out_by_hours(folder: Path) -> None:
    text = GOOD.format(folder=folder)
    timed, day = (text.replace("[incident]", f"[incident]\nlost = {lost}") for lost in
                  ("2017-11-15T06:30:00Z", "2017-11-15"))  # fmt: skip

    assert read_incident(written(folder, timed)).lost == 1510727400
    assert [one.partition(":")[0] for one in mistakes(folder, day)] == ["incident.lost"]


def test_a_server_may_have_several_copies_each_with_its_date_and_kind(folder: Path) -> None:
    copies = """
date = 2026-11-24
older_dumps = "use"
[[old_server.copy]]
source = "backup"
path = "weekly/web1"
date = 2026-11-17T02:00:00+02:00
[[old_server.copy]]
source = "backup"
path = "rescue/web1"
kind = "wreck"
"""
    text = GOOD.format(folder=folder).replace("[[mail_target]]", f"{copies}[[mail_target]]")

    (server,) = read_incident(written(folder, text)).old_servers

    assert [(one.path, one.kind, one.taken) for one in server.copies] == [
        ("web1", "backup", datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC).timestamp()),
        ("weekly/web1", "backup", datetime(2026, 11, 17, tzinfo=UTC).timestamp()),
        ("rescue/web1", "wreck", None),
    ]
    assert server.older_dumps == "use"

    wrong = (
        text.replace("weekly/web1", "../web1")
        .replace('kind = "wreck"', 'kind = "ruin"\ndate = "last night"')
        .replace('source = "backup"\npath = "rescue/web1"', 'source = "tape"\npath = "web1"')
    )
    assert [line.split(":")[0] for line in mistakes(folder, wrong)] == [
        "old_server[web1].copy[2].path",
        "old_server[web1].copy[3].kind",
        "old_server[web1].copy[3].date",
        "old_server[web1].source",
    ]


def test_where_more_dumps_lie_and_what_becomes_of_damaged_ones_is_stated(folder: Path) -> None:
    keys = """
more_dumps = ["var/backups/all.sql", "my/{date}", "tab/{database}"]
damaged_dumps = "restore-partial"
tab_charset = "utf8mb4"
"""
    text = GOOD.format(folder=folder).replace("[[mail_target]]", f"{keys}[[mail_target]]")
    (server,) = read_incident(written(folder, text)).old_servers
    wrong = (
        text.replace("my/{date}", "../{user}").replace("restore-partial", "yes").replace("utf8mb4", "latin1")
    )

    assert server.more_dumps == ("var/backups/all.sql", "my/{date}", "tab/{database}")
    assert (server.damaged_dumps, server.tab_charset) == ("restore-partial", "utf8mb4")
    assert [line.split(":")[0] for line in mistakes(folder, wrong)] == [
        "old_server[web1].more_dumps",
        "old_server[web1].tab_charset",
        "old_server[web1].damaged_dumps",
    ]


def test_every_mistake_is_named_at_once_with_its_key_and_what_was_expected(folder: Path) -> None:
    text = (
        GOOD.format(folder=folder)
        .replace('kind = "folder"', 'kind = "ftp"')
        .replace("copies = 3", 'copies = "three"')
        .replace('mail_to = "mail1"', 'mail_to = "mail9"')
        .replace('customers = "customers.csv"', 'costumers = "customers.csv"')
    )

    found = mistakes(folder, text)

    assert [line.split(":")[0] for line in found] == [
        "source[backup].kind",
        "source[backup].copies",
        "old_server[web1].costumers",
        "old_server[web1].mail_to",
    ]
    assert "did you mean customers" in found[2]


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_state_folder_where_a_file_stands_is_a_mistake(folder: Path, below: str) -> None:
    (folder / "taken").touch()
    text = GOOD.format(folder=folder).replace(f'state = "{folder}/state"', f'state = "{folder}/taken{below}"')

    (found,) = mistakes(folder, text)

    assert found.startswith("incident.state: expected a folder;")


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(folder: Path) -> None:
    text = GOOD.format(folder=folder).replace(f'{{ file = "{folder}/secret" }}', '"hunter2"')

    found = mistakes(folder, text)

    assert len(found) == 2
    assert "hunter2" not in "".join(found)


def test_a_secret_file_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "secret").chmod(0o644)

    assert "must be 0600" in mistakes(folder, GOOD.format(folder=folder))[0]


def test_a_mail_password_never_crosses_a_network_in_the_clear(folder: Path) -> None:
    text = GOOD.format(folder=folder).replace('host = "127.0.0.1"', 'host = "mail.example"')

    assert mistakes(folder, text)[0].startswith("mail_target[mail1].tls")


@pytest.mark.parametrize(
    "text", ["", "incident = 3", "[incident]\nname = 1\n", "\x00", "[[source]]\n[[source]]\n"]
)
def test_rubbish_is_a_list_of_mistakes(folder: Path, text: str) -> None:
    assert mistakes(folder, text)


def test_a_missing_file_says_so(folder: Path) -> None:
    with pytest.raises(IncidentInvalid, match="cannot be read"):
        read_incident(str(folder / "nothing.toml"))


def test_two_sources_of_one_name_are_a_mistake(folder: Path) -> None:
    twin = '\n[[source]]\nname = "backup"\nkind = "folder"\npath = "/x"\n'

    assert "source: the name backup stands twice" in mistakes(folder, GOOD.format(folder=folder) + twin)


def test_a_source_and_a_target_of_one_name_are_a_mistake(folder: Path) -> None:
    text = GOOD.format(folder=folder).replace('"mail1"', '"backup"')

    assert mistakes(folder, text) == (
        "the name backup is given to two servers; expected a name of its own for each",
    )


def test_a_secret_comes_from_its_file_or_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "from-env")

    assert secret(SecretRef("file", str(folder / "secret"))).reveal() == b"hunter2"
    assert secret(SecretRef("env", "PW")).reveal() == b"from-env"
    with pytest.raises(SecretMissing, match="NOPE"):
        secret(SecretRef("env", "NOPE"))

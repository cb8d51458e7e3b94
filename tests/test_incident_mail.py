"""What the incident file says of mail: how it is logged in, how mailboxes are made, where the old users stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import IncidentInvalid, MailPasswordRefused, SecretMissing
from restore.incident import read_incident, secret
from restore.incident.secrets import password_of, token
from restore.model.incident import MakeCommand, PasswdFile, SecretRef, UserTable
from restore.model.making import UserBase
from tests.test_incident import GOOD, folder, written

__all__ = ["folder"]

MASTER = 'master_user = "master"\nmaster_password = {{ file = "{folder}/secret" }}\n'


def told(folder: Path, *, server: str = "", target: str = "", login: str = MASTER) -> str:
    text = GOOD.replace('databases_to = ["db1"]\n', f'databases_to = ["db1"]\n{server}\n').replace(
        MASTER, login + target
    )
    return written(folder, text.replace("{{", "{").replace("}}", "}").replace("{folder}", str(folder)))


def create(lines: str) -> str:
    return f"[mail_target.create]\n{lines}\n"


SQL = (
    'kind = "sql"\nsocket = "/s"\nuser = "u"\npassword = { file = "{folder}/secret" }\ndatabase = "mail"\n'
    'find = "SELECT 1 FROM m WHERE a = {address}"\nmake = "INSERT INTO m VALUES ({address}, {hash}, {quota_kb})"'
)
COMMAND = 'kind = "command"\nfind = ["/f", "{address}"]\nmissing = [3]\n'
COMMAND += 'make = ["/m", "{user}", "{domain}", "{quota_mb}"]'


def test_each_way_of_making_mailboxes_is_read_as_it_stands(folder: Path) -> None:
    kinds = []
    for lines in ('kind = "passwd-file"\npath = "/p"\nline = "{address}:{hash}::::::"', SQL, COMMAND):
        made = read_incident(told(folder, target=create(lines))).mail_targets[0].create
        kinds.append(made)

    assert kinds[0] == PasswdFile("/p", "{address}:{hash}::::::")
    assert isinstance(kinds[1], UserTable) and (kinds[1].server.name, kinds[1].database) == ("mail1", "mail")
    assert kinds[2] == MakeCommand(("/f", "{address}"), ("/m", "{user}", "{domain}", "{quota_mb}"), (3,), 60)


def test_where_the_old_users_stand_is_read_as_it_stands(folder: Path) -> None:
    text = '[old_server.mail_users]\nkind = "dump"\npath = "{domain}/x.sql.gz"\nquota = ""\nquota_unit = "MB"'
    server = read_incident(told(folder, server=f'pop3_logs = ["var/log/mail.log*"]\n{text}')).old_servers[0]

    assert server.mail_users == UserBase("dump", "{domain}/x.sql.gz", quota="", quota_unit=1 << 20)
    assert server.pop3_logs == ("var/log/mail.log*",)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'kind = "passwd-file"\npath = "p"\nline = "{address}:{hash}"',
            "create.path: expected an absolute path",
        ),
        ('kind = "passwd-file"\npath = "/p"\nline = "{hash}:{address}"', "begins with {address}:"),
        ('kind = "passwd-file"\npath = "/p"\nline = "{address}:{hash}:{oops}"', "in braces only address"),
        (SQL.replace("{hash}", "'{hash}'"), "without quotes around them"),
        (SQL.replace("INSERT INTO", "REPLACE INTO"), "begins with INSERT"),
        (
            SQL.replace('{quota_kb})"', '{quota_kb}) ON DUPLICATE KEY UPDATE h = 1"'),
            "changes no row that stands",
        ),
        (COMMAND.replace("{domain}", "{hash}"), "the hash comes on standard input"),
        (COMMAND.replace('"/f"', '"f"'), "absolute path"),
        (COMMAND.replace("[3]", "[0]"), "exit codes from 1 to 125"),
        ('kind = "ldap"', 'create.kind: expected one of "passwd-file", "sql", "command"'),
    ],
)
def test_what_would_alter_or_show_something_is_named_when_the_file_is_read(
    folder: Path, lines: str, expected: str
) -> None:
    with pytest.raises(IncidentInvalid) as wrong:
        read_incident(told(folder, target=create(lines)))
    assert expected in str(wrong.value)


def test_a_login_wants_the_keys_of_its_kind_and_no_others(folder: Path) -> None:
    target = read_incident(
        told(folder, login='login = "xoauth2"\ntoken = {{ command = ["/t", "{address}", "a b"] }}\n')
    )

    assert target.mail_targets[0].credential == SecretRef("command", "/t '{address}' 'a b'")
    for login in (
        'login = "users"\n',
        'login = "xoauth2"\ntoken = {{ command = ["t"] }}\n',
        'login = "users"\n' + MASTER,
    ):
        with pytest.raises(IncidentInvalid):
            read_incident(told(folder, login=login))


def test_a_token_is_what_its_command_writes_and_a_failing_one_shows_nothing_of_it(tmp_path: Path) -> None:
    echo = SecretRef("command", "/bin/echo 'token of {address}'")
    fails = SecretRef("command", "/bin/sh -c 'echo hunter2; echo hunter2 >&2; exit 3'")

    assert token(echo, "a;b@x").reveal() == b"token of a;b@x"
    with pytest.raises(SecretMissing) as missing:
        token(fails, "a@x")
    assert "exited with 3" in str(missing.value) and "hunter2" not in str(missing.value)


def test_a_password_is_that_of_its_own_line_colons_included(folder: Path) -> None:
    (folder / "secret").write_text("a@x.test:with: colon \nab@x.test:other\n")
    passwords = secret(SecretRef("file", str(folder / "secret")))

    assert [password_of(passwords, one).reveal() for one in ("A@x.test", "ab@x.test")] == [
        b"with: colon ",
        b"other",
    ]
    with pytest.raises(MailPasswordRefused):
        password_of(passwords, "b@x.test")

"""What a worker on another host is given: what it needs, and nothing that stays behind on its disk."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from restore.elsewhere import Handed, cautions, equipment, place_of
from restore.errors import BadUse, SecretMissing
from restore.model.incident import (
    DatabaseTarget,
    Incident,
    MailTarget,
    MakeCommand,
    PasswdFile,
    SecretRef,
    SourceSpec,
    UserTable,
)

PASSWORD = b"hunter2 \xff"


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    """One server of each kind, with files and passwords in the coordinator's own folder."""
    for name, content in (("key", b"PRIVATE"), ("hosts", b"HOSTS"), ("ca", b"CA"), ("password", PASSWORD)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    key, hosts = str(tmp_path / "key"), str(tmp_path / "hosts")
    password = SecretRef("file", str(tmp_path / "password"))
    table = DatabaseTarget("users", "vmail", password, host="10.0.0.9", ca=str(tmp_path / "ca"))
    made = UserTable(table, "vmail", "find", "make")
    return Incident(
        path="/root/incident.toml",
        digest="",
        name="november",
        state="/var/lib/state",
        workers=2,
        vault_key=SecretRef("file", str(tmp_path / "no-vault-key-is-read")),
        sources=(SourceSpec("backup", "sftp", "", "10.0.0.1", key=key, known_hosts=hosts),),
        old_servers=(),
        mail_targets=(
            MailTarget("mail1", "10.0.0.2", 993, "verify", str(tmp_path / "ca"), "m", password, create=made),
        ),
        database_targets=(DatabaseTarget("db1", "admin", password, socket="/run/db.sock"),),
    )


def test_passwords_and_files_reach_a_worker_and_none_of_them_its_disk(
    incident: Incident, tmp_path: Path
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    handed = Handed(incident, equipment(incident), scratch)
    (source,), (mail,) = handed.incident.sources, handed.incident.mail_targets
    assert isinstance(mail.create, UserTable)

    files = [source.key, source.known_hosts, mail.ca, mail.create.server.ca]
    assert [Path(path).read_bytes() for path in files] == [b"PRIVATE", b"HOSTS", b"CA", b"CA"]
    assert handed.secret(mail.master_password).reveal() == PASSWORD
    assert all(path.is_symlink() or path.is_dir() for path in scratch.rglob("*"))
    handed.close()
    assert list(scratch.iterdir()) == []


def test_what_goes_through_dask_holds_no_password_and_no_key(incident: Incident) -> None:
    sent = pickle.dumps(incident)

    assert [secret for secret in (PASSWORD, b"PRIVATE") if secret in sent] == []


def test_a_password_that_is_missing_is_said_before_any_worker_is_asked(
    incident: Incident, tmp_path: Path
) -> None:
    (tmp_path / "password").unlink()

    with pytest.raises(SecretMissing, match="password cannot be read"):
        equipment(incident)


def test_what_each_workers_host_must_have_of_its_own_is_said(incident: Incident) -> None:
    folder = SourceSpec("wreck", "folder", "/mnt/wreck")
    (mail,) = incident.mail_targets
    command = MakeCommand(("find",), ("/usr/local/bin/make-mailbox", "{address}"))
    token = SecretRef("command", "get-token {address}")
    making = replace(mail, create=command, login="xoauth2", credential=token)

    assert cautions(replace(incident, sources=(folder,), mail_targets=(making,))) == [
        "every worker's host must have the backup wreck at /mnt/wreck",
        "every worker's host must have the database db1 at /run/db.sock",
        "every worker's host must have /usr/local/bin/make-mailbox, which makes the mailboxes of mail1",
        "every worker's host must have the command that gives the tokens of mail1",
    ]


def test_mailboxes_that_are_made_in_a_file_of_this_host_are_not_made_elsewhere(incident: Incident) -> None:
    (mail,) = incident.mail_targets
    here = replace(mail, create=PasswdFile("/etc/dovecot/users", "{address}"))

    with pytest.raises(BadUse, match="made in /etc/dovecot/users on this host"):
        cautions(replace(incident, mail_targets=(here,)))


@pytest.mark.parametrize(
    "typed", ["10.0.0.1:8786", "tcp://10.0.0.1:8786", "tls://10.0.0.1", "tls://h:8x/", ""]
)
def test_a_scheduler_that_is_stated_wrongly_is_told_from_one_that_is_down(typed: str) -> None:
    with pytest.raises(BadUse, match="tls://HOST:PORT"):
        place_of(typed)
    assert place_of("tls://[2001:db8::1]:8786") == ("2001:db8::1", 8786)

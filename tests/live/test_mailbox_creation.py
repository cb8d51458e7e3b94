"""Mailboxes that do not exist on the new mail server: made with the passwords and quotas that the old one kept."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.model.incident import MailTarget, OldServer, PasswdFile, SecretRef
from restore.model.mail import MailboxId
from restore.model.making import NewMailbox, UserBase
from restore.model.outcome import Manual, Outcome
from restore.model.plan import RestoreMailbox
from restore.run.mailbox_creation import restore_made
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from restore.systems.mail_users import OldMailUsers
from restore.systems.mailbox_passwd_file import PasswdFileMaker
from tests.live.mailroom import NO_PENALTY, fact_of
from tests.live.program import Program
from tests.memory.cut import Cut
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

# openssl passwd -6 -salt saltsalt "ol'd pw"
HASH = "$6$saltsalt$uSSKHVrgYUc1.geBY4wbfxslXE325Krn9kh5OpZ3dYClJA5Pdn4C2cSDp4zfTriKdY5yOzCFB0S1QCIzq/VgT0"
OLD_USERS = (
    "stands@alice.example:{PLAIN}other::::::\n"
    f"info@alice.example:{HASH}:5000:5000::/home/x::userdb_quota_rule=*:storage=7M\n"
    "locked@alice.example:!::::::\n"
)
LINE = "{address}:{hash}:::::: userdb_quota_rule=*:bytes={quota_bytes}"


@dataclass(frozen=True, slots=True)
class Place:
    """A mail server with one mailbox, and a backup that holds four."""

    dovecot: PrivateDovecot
    folder: Path

    @property
    def users(self) -> Path:
        return self.dovecot.folder / "etc" / "passwd"

    def program(self, create: str) -> Program:
        incident = self.folder / "incident.toml"
        secret = self.folder / "master"
        secret.write_text(self.dovecot.master_password)
        secret.chmod(0o600)
        incident.write_text(
            f'[incident]\nname = "lost"\nstate = "{self.folder}/state"\n[limits]\nworkers = 2\n'
            f'[[source]]\nname = "backup"\nkind = "folder"\npath = "{self.folder}/backup"\n'
            '[[old_server]]\nname = "web1"\nsource = "backup"\npath = "web1"\ncustomers = "customers.csv"\n'
            'mail_to = "mail1"\n[old_server.mail_users]\nkind = "passwd-file"\npath = "etc/dovecot/users"\n'
            f'[[mail_target]]\nname = "mail1"\nhost = "127.0.0.1"\nport = {self.dovecot.imaps_port}\n'
            f'ca = "{self.dovecot.ca}"\nmaster_user = "master"\nmaster_password = {{ file = "{secret}" }}\n'
            f"[mail_target.create]\n{create}\n"
        )
        return Program(incident)

    def logs_in(self, user: str, password: str) -> int | None:
        """How many messages that user sees; None where he cannot log in."""
        client = imaplib.IMAP4(self.dovecot.host, self.dovecot.port)
        try:
            client.login(user, password)
        except imaplib.IMAP4.error:
            return None
        seen = client.select()[1][0]
        client.logout()
        return int(seen or b"0")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    options = DovecotOptions(quota="50M", users_from_file=True, extra=NO_PENALTY)
    tree = tmp_path / "backup" / "web1"
    for user in ("stands", "info", "lost", "locked"):
        message = tree / "var/vmail/alice.example" / user / "Maildir/cur/1.a:2,S"
        message.parent.mkdir(parents=True)
        message.write_text("Subject: hi\nMessage-ID: <1@x>\n\nold mail\n")
    (tree / "customers.csv").write_text(
        "customer,home,domains,mailboxes,databases,contact,phone\nalice,home/alice,alice.example,,,,\n"
    )
    (tree / "etc" / "dovecot").mkdir(parents=True)
    (tree / "etc" / "dovecot" / "users").write_text(OLD_USERS)
    with PrivateDovecot({"stands@alice.example": "live"}, options=options) as dovecot:
        yield Place(dovecot, tmp_path)


@pytest.mark.long
def test_a_missing_mailbox_is_made_with_its_old_password_and_quota_and_without_one_a_person_is_asked(
    place: Place,
) -> None:
    program = place.program(f'kind = "passwd-file"\npath = "{place.users}"\nline = "{LINE}"')
    before = place.users.read_text()
    first = program("run", "--yes")
    asked = {one["subject"]: one["id"] for one in program("queue", "list", "--json").document}

    assert first.code == 3, first.out + first.err
    assert sorted(asked) == ["web1/mailbox/locked@alice.example", "web1/mailbox/lost@alice.example"]
    assert (
        place.users.read_text()
        == f"{before}info@alice.example:{{CRYPT}}{HASH}:::::: userdb_quota_rule=*:bytes=7340032\n"
    )
    assert [
        place.logs_in("info@alice.example", "ol'd pw"),
        place.logs_in("stands@alice.example", "live"),
    ] == [1, 1]
    told = program("report", "--customer", "alice").out
    assert "with the password it had" in told and "7,340,032 bytes, as the server tells it" in told

    lost, locked = (asked[f"web1/mailbox/{name}@alice.example"] for name in ("lost", "locked"))
    assert (
        program(
            "queue", "answer", lost, "--user", "lost@alice.example", "--password-stdin", feed="new'pw\n"
        ).code
        == 0
    )
    assert program("queue", "answer", locked, "--choose", "1").code == 0
    second = program("run", "--yes")
    assert second.code == 0, second.out + second.err
    assert place.logs_in("lost@alice.example", "new'pw") == 1
    assert [place.logs_in("locked@alice.example", word) for word in ("", "!", "*")] == [None] * 3
    stood = place.users.read_text()
    assert program("run", "--yes", "--again").code == 0
    assert place.users.read_text() == stood
    kept = b"".join(file.read_bytes() for file in (place.folder / "state").rglob("*") if file.is_file())
    shown = (first.out + first.err + told + second.out + second.err).encode()
    assert [word for word in (b"saltsalt", b"new'pw", b"$5$") if word in kept + shown] == []


@dataclass(slots=True)
class Cutting:
    """A maker whose process is killed before, or after, it makes a mailbox."""

    maker: PasswdFileMaker
    moment: str
    where: str = "here"

    def stands(self, address: str) -> bool:
        return self.maker.stands(address)

    def make(self, mailbox: NewMailbox) -> bool:
        if self.moment == "before":
            raise Cut
        made = self.maker.make(mailbox)
        if self.moment == "after":
            raise Cut
        return made


def test_killed_before_or_after_a_mailbox_is_made_the_next_run_says_and_proves_that_it_was(
    place: Place,
) -> None:
    office = Office()
    source = FolderSource("night", str(place.folder / "backup"))
    server = OldServer(
        "web1", "night", "web1", "", "", (), mail_users=UserBase("passwd-file", "etc/dovecot/users")
    )
    target = MailTarget(
        "live", "127.0.0.1", place.dovecot.port, "none", "", "master", SecretRef("env", "X"), timeout=20
    )
    maker = PasswdFileMaker(PasswdFile(str(place.users), LINE))

    def restore(user: str, moment: str = "") -> Outcome:
        mailbox = MailboxId("web1", f"{user}@alice.example")
        path = f"web1/var/vmail/alice.example/{user}/Maildir".encode()
        systems = GivenSystems(
            MemoryDesk(office),
            {"night": source},
            {"live": ImapServer(target, Secret(place.dovecot.master_password.encode()))},
            users=OldMailUsers(server, lambda name: source),
            makers={"live": Cutting(maker, moment)},
        )
        return restore_made(
            "mail:1", RestoreMailbox(mailbox, "alice", "night", path, "live", make=True), systems
        )

    for moment in ("before", "after"):
        with pytest.raises(Cut):
            restore("info", moment)
    outcome = restore("info")

    notes = fact_of(outcome).notes
    assert place.users.read_text().count("info@alice.example") == 1
    assert notes[0].startswith("the mailbox was made in here, with the password it had")
    assert (
        "quota 7,340,032 bytes, as the server tells it" in notes
        and place.logs_in("info@alice.example", "ol'd pw") == 1
    )
    assert "the mailbox was made" not in str(fact_of(restore("stands")).notes)
    asked = restore("lost")
    assert isinstance(asked, Manual) and [one.cause for one in asked.items] == ["mailbox-no-password"]

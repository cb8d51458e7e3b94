"""How a lost server kept its mail is stated in the incident file, for each copy of it; every mistake is named."""

from __future__ import annotations

from pathlib import Path

from restore.incident import read_incident
from restore.model.mail import MailboxId
from restore.model.plan import MailCopy
from restore.model.ports import Source
from restore.model.stores import IMAP, MAILDIR, MBOX, MDBOX, MailLayout, Store
from restore.survey.index import read_index
from restore.systems.imap_source import NoFiles
from tests.memory.source import MemorySource
from tests.test_incident import GOOD, folder, mistakes, written

__all__ = ["folder"]

WRECK = """
[[source]]
name = "wreck1"
kind = "imap"
host = "127.0.0.1"
tls = "none"
master_user = "master"
master_password = {{ file = "{folder}/secret" }}
copies = 2
"""
MBOXES = """
[old_server.mail]
format = "mbox"
mailboxes = "home/{{user}}/mail"
inbox = "var/mail/{{user}}"
domain = "example.is"
[[old_server.copy]]
source = "wreck1"
kind = "wreck"
[[old_server.copy]]
source = "backup"
path = "weekly"
[old_server.copy.mail]
format = "mdbox"
mailboxes = "dbox/{{domain}}/{{user}}"
"""
MIXED = GOOD.replace("[[old_server]]", f"{WRECK}[[old_server]]").replace(
    "[[mail_target]]", f"{MBOXES}[[mail_target]]"
)


def test_each_copy_of_a_server_may_keep_its_mail_in_its_own_way(folder: Path) -> None:
    incident = read_incident(written(folder, MIXED.format(folder=folder)))

    (server,) = incident.old_servers
    assert [server.at(rank).mail_layout for rank in range(3)] == [
        MailLayout(MBOX, "home/{user}/mail", "var/mail/{user}", "example.is"),
        MailLayout(IMAP),
        MailLayout(MDBOX, "dbox/{domain}/{user}"),
    ]
    assert incident.sources[1].copies == 2


def test_a_server_that_states_nothing_kept_maildirs(folder: Path) -> None:
    (server,) = read_incident(written(folder, GOOD.format(folder=folder))).old_servers
    assert server.mail_layout == MailLayout(MAILDIR, "var/vmail/{domain}/{user}/Maildir")


def test_a_wrong_layout_is_named_with_what_was_expected(folder: Path) -> None:
    wrong = MIXED.replace('format = "mbox"', 'format = "mbx"').replace(
        'domain = "example.is"', 'domain = "a b"'
    )
    wrong = wrong.replace('format = "mdbox"', 'format = "mdbox"\ninbox = "x/{{user}}"')
    wrong = wrong.replace('source = "wreck1"', 'source = "wreck1"\npath = "x"').replace(
        'tls = "none"\nmaster_user', "user"
    )
    found = mistakes(folder, wrong.format(folder=folder))

    for expected in (
        "mail.format",
        "mail.domain",
        "mail.inbox",
        "its copy on wreck1",
        "wreck1].master_user",
        "user: there",
    ):
        assert any(expected in line for line in found), (expected, found)


def test_mailboxes_of_all_kinds_are_found_and_united_by_their_address(folder: Path) -> None:
    incident = read_incident(written(folder, MIXED.format(folder=folder)))
    people = b"customer,home,domains,mailboxes,databases,contact,phone\nanna,,,anna@example.is cleo@example.is,,,\n"
    files: dict[bytes, bytes] = {
        b"web1/customers.csv": people,
        b"web1/home/anna/mail/Sent": b"",
        b"web1/var/mail/anna": b"",
        b"web1/var/mail/anna.lock": b"",
        b"web1/var/mail/bert": b"",
        b"web1/home/nomail/public_html/index.php": b"",
        b"weekly/dbox/example.is/anna/mailboxes/INBOX/dbox-Mails/dovecot.index.log": b"",
    }
    sources: dict[str, Source] = {"backup": MemorySource("backup", files), "wreck1": NoFiles("wreck1")}
    found = {place.mailbox: place for place in read_index(incident, sources.__getitem__).mailboxes}

    anna, bert, cleo = (
        found.pop(MailboxId("web1", f"{user}@example.is")) for user in ("anna", "bert", "cleo")
    )
    wreck = MailCopy("wreck1", b"", "wreck", store=Store(IMAP))
    assert (anna.path, anna.store) == (b"web1/home/anna/mail", Store(MBOX, b"web1/var/mail/anna"))
    assert anna.also == (wreck, MailCopy("backup", b"weekly/dbox/example.is/anna", store=Store(MDBOX)))
    assert (bert.path, bert.store, bert.also) == (
        b"web1/var/mail/bert",
        Store(MBOX, b"web1/var/mail/bert"),
        (wreck,),
    )
    assert (cleo.source, cleo.store, cleo.also) == ("wreck1", Store(IMAP), ())
    assert not found

"""How a lost server kept its mail: the kind of store, and where each mailbox of it lies."""

from __future__ import annotations

from dataclasses import dataclass

MAILDIR, MBOX, SDBOX, MDBOX, IMAP = "maildir", "mbox", "sdbox", "mdbox", "imap"
FORMATS = (MAILDIR, MBOX, SDBOX, MDBOX)
"""Kinds of store that lie in a tree of files; an IMAP server is a source of its own."""
DBOX = (SDBOX, MDBOX)


@dataclass(frozen=True, slots=True)
class MailLayout:
    """Where a copy of a lost server keeps its mail: path patterns inside its tree. `mailboxes` is each mailbox's
    folder, `inbox` (mbox alone) the file that is its INBOX, where that lies elsewhere; one of them may be "".
    `domain` is that of addresses whose pattern has no {domain}."""

    format: str = MAILDIR
    mailboxes: str = ""
    inbox: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """What stands at a mailbox's path: a tree of that format. `inbox` is the path of the file that is its INBOX, where
    that is not in the tree (mbox alone)."""

    format: str = MAILDIR
    inbox: bytes = b""


MAILDIR_STORE = Store()

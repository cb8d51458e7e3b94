"""Where a copy of a lost server keeps its mail, as [old_server.mail] or [old_server.copy.mail] states it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from restore.incident.table import Table
from restore.model.incident import Incident, OldServer, ServerCopy
from restore.model.stores import FORMATS, IMAP, MAILDIR, MBOX, MailLayout

Check = Callable[[str], str]
DOMAIN = re.compile(r"[A-Za-z0-9._-]{1,253}")


def read_layout(above: Table, inside: Check) -> MailLayout | None:
    """What the table `mail` in `above` states, None where there is none; mistakes go to the table's. `inside` says what
    is wrong with a path inside a source, "" where nothing is."""
    above.known.add("mail")
    stated = above.values.get("mail")
    if stated is None:
        return None
    if not isinstance(stated, Mapping):
        above.wrong("mail", "a [mail] table")
        return None
    table = Table(f"{above.where}.mail", stated, above.mistakes)
    kind = table.choice("format", FORMATS)
    domain = table.text("domain", "", check=_domain)
    pattern = _pattern(inside, domain)
    layout = MailLayout(
        kind,
        table.text("mailboxes", "" if kind == MBOX else None, check=pattern),
        table.text("inbox", "", check=pattern) if kind == MBOX else "",
        domain,
    )
    if kind == MBOX and not (layout.mailboxes or layout.inbox):
        table.wrong("mailboxes", "a path pattern here, or in inbox")
    if kind == MAILDIR and "maildirs" in above.values:
        above.wrong("maildirs", "either this or [mail], not both")
    table.end()
    return layout


def _domain(value: str) -> str:
    return "" if DOMAIN.fullmatch(value) else "a domain like example.org"


def _pattern(inside: Check, domain: str) -> Check:
    def check(value: str) -> str:
        found = re.findall(r"\{([^}]*)\}", value)
        needs = {"user"} if domain else {"user", "domain"}
        if needs - set(found) or set(found) - {"user", "domain", "date"} or inside(value):
            return "a path pattern with {user} and {domain} (the latter may be left out where `domain` is stated)"
        return ""

    return check


def with_imap(incident: Incident, mistakes: list[str]) -> tuple[OldServer, ...]:
    """The old servers, each of their copies that is a mail server known as one; what else is stated of such a copy is
    a mistake."""
    served = {one.name for one in incident.sources if one.kind == "imap"}
    return tuple(_with_imap(one, served, mistakes) for one in incident.old_servers)


def _with_imap(server: OldServer, served: Collection[str], mistakes: list[str]) -> OldServer:
    if not any(copy.source in served for copy in server.copies):
        return server
    files = server.mail or MailLayout(MAILDIR, server.maildirs)
    first, *further = (_copy_with_imap(server, copy, served, files, mistakes) for copy in server.copies)
    if (
        server.customers
        and not server.customers.startswith("/")
        and all(one.source in served for one in server.copies)
    ):
        mistakes.append(
            f"old_server[{server.name}].customers: expected an absolute path: a mail server holds no files"
        )
    return replace(server, mail=first.mail, further=tuple(further))


def _copy_with_imap(
    server: OldServer, copy: ServerCopy, served: Collection[str], files: MailLayout, mistakes: list[str]
) -> ServerCopy:
    if copy.source not in served:
        return replace(copy, mail=copy.mail or files)
    if copy.path or (copy.mail is not None and copy != server.copies[0]):
        where = f"old_server[{server.name}]: its copy on {copy.source}"
        mistakes.append(f"{where}: expected neither path nor mail, since a mail server gives it")
    return replace(copy, mail=MailLayout(IMAP))

"""Where a copy of a lost server keeps its mail, as [old_server.mail] or [old_server.copy.mail] states it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from restore.incident.table import Table
from restore.model.stores import FORMATS, MAILDIR, MBOX, MailLayout

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

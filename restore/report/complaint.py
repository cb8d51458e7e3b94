"""What a customer complains of, as an item of the manual queue linked to what the ledger knows of him."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from restore.ledger.queue import COMPLAINT
from restore.ledger.reading import Filter, Reading
from restore.model.facts import SiteLooked
from restore.model.outcome import Candidate, ManualItem
from restore.model.text import safe
from restore.report.gather import gather
from restore.report.recovery import SINGULAR, CustomerPart, Item
from restore.report.summary import moment
from restore.report.things import fact_of_record

LINE, LINES, ID_DIGITS = 1000, 40, 12
LOOKS = ("done", "unchanged", "partial")
SETTLED = Candidate("it is settled with the customer", "settled")


def complaint(
    name: str, text: str, at: datetime, customer: CustomerPart | None, known: Sequence[str]
) -> ManualItem:
    """A complaint that came in at that time: its words, and `known` of the customer (None where the ledger has not
    met him). Two complaints are two items, even of the same words."""
    words = [safe(line, LINE) for line in text.splitlines() if line.strip()]
    server, _, bare = name.rpartition("/")
    server, bare = (customer.server, customer.name) if customer else (safe(server), safe(bare))
    seed = f"{COMPLAINT}\0{server}\0{bare}\0{at.isoformat()}\0{text}"
    return ManualItem(
        id=hashlib.sha256(seed.encode("utf-8", "surrogateescape")).hexdigest()[:ID_DIGITS],
        cause=COMPLAINT,
        customer=bare,
        subject=f"{server}/customer/{bare}",
        question=f"The customer complained at {moment(at)}: {words[0]}",
        evidence=(*(f"he says: {line}" for line in words[1:LINES]), *known),
        candidates=(SETTLED,),
        contact=customer.contact if customer else "",
    )


def known_of(reading: Reading, name: str) -> tuple[tuple[CustomerPart, ...], list[str]]:
    """The customers of that name, or "server/name", that the ledger knows; and of the only one all that it knows."""
    wanted = safe(name)
    found = tuple(
        one
        for one in gather(reading).customers
        if one.name and wanted in (one.name, f"{one.server}/{one.name}")
    )
    if len(found) != 1:
        return found, [f"the ledger knows no customer {wanted}: his things have not been begun"]
    return found, [*known_lines(found[0]), *_findings(reading, found[0])]


def _findings(reading: Reading, customer: CustomerPart) -> list[str]:
    """The logins that his sites' configs state, as they were last looked at."""
    looked: SiteLooked | None = None
    for name in sorted(customer.names):
        for record in reading.events(Filter(customer=name, kinds=LOOKS)):
            fact = fact_of_record(record)
            if isinstance(fact, SiteLooked) and fact.server == customer.server:
                looked = fact
    return [
        f"{safe(claim.config)} ({safe(claim.system)}, {claim.status}): user {safe(claim.user)}, database"
        f" {safe(claim.database)}"
        for claim in (looked.claims if looked else ())
    ]


def known_lines(customer: CustomerPart) -> list[str]:
    """What came back, what did not and why, and what is asked, one line a thing; what did not come back first."""
    lines = [_thing(item) for item in customer.items]
    lines += [f"not followed, or not readable: {safe(line, LINE)}" for line in customer.refused[:LINES]]
    lines += [f"his configs need the database host name {safe(host)}" for host in customer.hosts]
    return lines or ["nothing of his has been begun"]


def _thing(item: Item) -> str:
    line = f"{SINGULAR[item.service]} {safe(item.name)}: {item.state.value}"
    line += f" at {moment(item.at)}" if item.here and item.at else ""
    line += f" [{item.cause}]" if item.cause else ""
    told: Sequence[str] = item.missing or ((item.what,) if item.what else ())
    line += f": {safe('; '.join(told), LINE)}" if told else ""
    asked = ", ".join(one.item.id for one in item.questions)
    return f"{line} (question {asked})" if asked else line

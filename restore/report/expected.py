"""What a verification lets expect of each thing, told from its facts, and later held against the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restore.ledger.reading import Record
from restore.model.facts import DumpVerified, Fact, LoginsVerified, MailboxVerified
from restore.model.outcome import Done, Failed, Outcome, Partial, Unchanged, fact_of
from restore.model.text import safe
from restore.report.hope import OPEN, Expected, Hope
from restore.report.layout import size, span
from restore.report.recovery import HERE, Item, Recovery, State


def expected(server: str, customer: str, subject: str, outcome: Outcome) -> Iterator[Expected]:
    """What one step of a verification lets expect; nothing for steps that verify no thing. `subject` is the thing's,
    "server/kind/name"."""
    fact = fact_of(outcome)
    if isinstance(outcome, Failed) and "/" in subject:
        kind, _, name = subject.partition("/")[2].partition("/")
        service = {"mailbox": "mail", "database": "database"}.get(kind)
        if service:
            why = f"{outcome.message} [{outcome.code}]"
            yield Expected(service, safe(server), safe(customer), safe(name), Hope.UNKNOWN, why)
    elif isinstance(outcome, Done | Unchanged | Partial):
        missing = outcome.missing if isinstance(outcome, Partial) else ()
        yield from _of_fact(safe(customer), fact, missing)


def _of_fact(customer: str, fact: Fact | None, missing: tuple[str, ...]) -> Iterator[Expected]:
    match fact:
        case MailboxVerified():
            yield _mailbox(customer, fact)
        case DumpVerified():
            yield _dump(customer, fact, missing)
        case LoginsVerified(server=server, logins=logins):
            for one in logins:
                hope = {"proven": Hope.WHOLE, "wrong": Hope.DOUBT}.get(one.verdict, Hope.UNKNOWN)
                what = f"the password in {one.config} is {one.verdict}: {one.against}"
                yield Expected("account", safe(server), customer, one.user, hope, what)


def _mailbox(customer: str, fact: MailboxVerified) -> Expected:
    hope = Hope.WHOLE
    if fact.live != "compared":
        hope = Hope.LOST
    elif fact.damaged:
        hope = Hope.PART if fact.there + fact.lacking else Hope.LOST
    what = (
        f"{fact.messages:,} messages, {size(fact.bytes)}: {fact.lacking:,} to be restored, {fact.there:,} there already"
        + (f", {fact.deleted_since:,} deleted since by their owner" if fact.deleted_since else "")
        + (f", {len(fact.damaged):,} damaged" if fact.damaged else "")
        + (f", {len(fact.doubtful):,} doubtful" if fact.doubtful else "")
        + (f"; {fact.known:,} known from an earlier look" if fact.known else "")
    )
    lost = fact.damaged if fact.live == "compared" else (safe(fact.live, 1000), *fact.damaged)
    return Expected(
        "mail",
        safe(fact.mailbox.server),
        customer,
        safe(fact.mailbox.address),
        hope,
        what,
        lost,
        fact.doubtful,
    )


def _dump(customer: str, fact: DumpVerified, missing: tuple[str, ...]) -> Expected:
    server, name = safe(fact.database.server), safe(fact.database.name)
    if fact.code and fact.salvage is not None:
        return _salvaged(customer, fact, missing)
    if fact.code:
        return Expected(
            "database", server, customer, name, Hope.LOST, f"[{fact.code}]", (safe(fact.damage, 1000),)
        )
    what = f"{fact.tables:,} tables, {fact.rows:,} rows, {size(fact.bytes)} of SQL, loaded in {span(fact.load_seconds)}"
    refused = tuple(f"byte {one.offset:,}: {one.head}: {one.reason}" for one in fact.refused)
    hope = Hope.PART if missing else Hope.WHOLE
    return Expected("database", server, customer, name, hope, what, missing, notes=(*refused, *fact.notes))


def _salvaged(customer: str, fact: DumpVerified, missing: tuple[str, ...]) -> Expected:
    """A damaged dump of which something can be read: in part where a run would let that go live, else a question."""
    server, name = safe(fact.database.server), safe(fact.database.name)
    words = fact.salvage.words if fact.salvage is not None else ""
    if fact.partial:
        what = f"[{fact.code}] what can be read goes live: {words}"
        return Expected("database", server, customer, name, Hope.PART, what, missing, notes=fact.notes)
    what = f"[{fact.code}] a question; what can be read: {words}"
    return Expected("database", server, customer, name, Hope.LOST, what, missing, notes=fact.notes)


def from_records(records: Iterable[Record]) -> tuple[Expected, ...]:
    """What verifications let expect of each thing, told by their newest steps' ends."""
    newest: dict[tuple[str, str, str], Expected] = {}
    for record in sorted(records, key=lambda one: one.seq):
        if isinstance(record.event, Outcome):
            server = record.subject.partition("/")[0]
            for one in expected(server, record.customer, record.subject, record.event):
                newest[one.service, one.server, one.name] = one
    return tuple(newest.values())


@dataclass(frozen=True, slots=True)
class Compared:
    """A thing as it was expected and as it turned out; `held` tells whether the forecast did, None: no run has come
    to it yet, or nothing was promised."""

    expected: Expected
    item: Item | None
    held: bool | None

    @property
    def line(self) -> str:
        """In words."""
        turned = f"{self.item.state.value}" if self.item else "not begun"
        verdict = {True: "as forecast", False: "NOT AS FORECAST", None: "open"}[self.held]
        one = self.expected
        return f"{verdict}: {one.service} {one.server}/{one.name}: {one.hope.value} ({one.what}); it {turned}"


def compare(recovery: Recovery) -> tuple[Compared, ...]:
    """Forecast and outcome, item by item."""
    items = {(item.service, item.server, _bare(item)): item for item in recovery.items}
    return tuple(_compared(one, items.get((one.service, one.server, one.name))) for one in recovery.forecast)


def _bare(item: Item) -> str:
    """An account's user name: its item is named with target and host."""
    return item.name[1:].partition("'@")[0] if item.service == "account" else item.name


def _compared(one: Expected, item: Item | None) -> Compared:
    if item is None or item.state in (State.UNFINISHED, State.UNDONE, State.LEFT) or one.hope in OPEN:
        return Compared(one, item, None)
    wanted = {
        Hope.WHOLE: (State.BACK,),
        Hope.PART: (State.PART,),
        Hope.LOST: tuple(state for state in State if state not in HERE),
    }[one.hope]
    return Compared(one, item, item.state in wanted)


def compared_lines(recovery: Recovery) -> list[str]:
    """Forecast and outcome for people: sums, then what did not turn out as forecast; [] where nothing was verified."""
    pairs = compare(recovery)
    if not pairs:
        return []
    held = sum(one.held is True for one in pairs)
    broken = [one for one in pairs if one.held is False]
    waiting = len(pairs) - held - len(broken)
    lines = [
        f"Forecast of the last verification and outcome: {held:,} things as forecast, {len(broken):,} not,"
        f" {waiting:,} open (not restored yet, or nothing could be promised)."
    ]
    return [*lines, *(f"  {safe(one.line, 2000)}" for one in broken)]


def compared_document(recovery: Recovery) -> list[dict[str, object]]:
    """Forecast and outcome of every thing, for machines."""
    return [
        {
            "service": one.expected.service,
            "server": one.expected.server,
            "customer": one.expected.customer,
            "thing": one.expected.name,
            "forecast": one.expected.hope.value,
            "told": safe(one.expected.what, 2000),
            "outcome": one.item.state.value if one.item else None,
            "held": one.held,
        }
        for one in compare(recovery)
    ]

"""The report as lines of text: the whole incident, or one customer before an operator who has him on the telephone."""

from __future__ import annotations

from datetime import datetime

from restore.ledger.queue import ItemState
from restore.model.text import safe
from restore.report.expected import compare, compared_lines
from restore.report.hands import people
from restore.report.layout import span, table
from restore.report.plan import SCOPE
from restore.report.pop3 import pop3_lines
from restore.report.queue import queue_lines
from restore.report.recovery import (
    SERVICES,
    SINGULAR,
    TITLES,
    CustomerPart,
    Item,
    Recovery,
    State,
    by_cause,
    pop3_of,
    recovery_points,
    recovery_times,
    sums,
)

LONGEST = 2000
POINTED = ("mail", "database")
NO_LOSS = "When the servers were lost is not in the ledger: state it as `lost` in the incident file, or with --lost."
MAIL_POINT = (
    "A mailbox that got no mail for a while lacks nothing of that while: its time is the most it can lack."
)
ACCOUNT_POINT = "An account has no recovery point: its password is the one the site's configuration states."


def incident_lines(recovery: Recovery, lost: datetime | None = None) -> list[str]:
    """The whole incident: sums, recovery times, who did not get everything back, causes, the queue, who worked.
    `lost` is when the old servers were lost (UTC), where somebody states it."""
    lines = [f"From the ledger alone: {recovery.head}, the newest of {moment(recovery.latest)}", ""]
    lines += [*_sum_lines(recovery), "", *_time_lines(recovery, lost), *_point_lines(recovery, lost), ""]
    if told := compared_lines(recovery):
        lines += [*told, ""]
    if told := pop3_lines(recovery.pop3):
        lines += [*told, ""]
    short = [customer for customer in recovery.customers if not customer.whole]
    lines.append(f"{len(short):,} of {len(recovery.customers):,} customers did not get everything back:")
    for customer in short:
        lines.append(f"  {customer}  {customer.contact}".rstrip())
        lines += [
            line for item in customer.items if item.state is not State.BACK for line in _item_lines(item)
        ]
    for code, hint, group in by_cause(recovery.failures):
        lines += ["", f"{len(group):,} x {code}. Next: {safe(hint, LONGEST)}"]
        lines += [f"  {safe(one.record.key)}: {safe(one.failed.message, LONGEST)}" for one in group]
    left = [one for one in recovery.queue if one.state is not ItemState.DONE]
    lines += ["", "Manual queue:", *(f"  {line}" for line in queue_lines(left)), ""]
    return [*lines, *_people_lines(recovery), "", SCOPE]


def customer_lines(recovery: Recovery, customer: CustomerPart) -> list[str]:
    """One customer, whole."""
    lines = [f"Customer {customer}" + (f"  ({customer.contact})" if customer.contact else "")]
    lines += [f"From the ledger alone: {recovery.head}, the newest of {moment(recovery.latest)}", ""]
    for title, items in (("Did not come back:", customer.gone), ("Came back:", customer.back)):
        if items:
            lines += [title, *(line for item in items for line in _item_lines(item, notes=True)), ""]
    if not customer.items:
        lines += ["The ledger knows of no mailbox, database or account of this customer's.", ""]
    mine = [one.line for one in compare(recovery) if one.expected.whose == (customer.server, customer.name)]
    for title, told in (
        ("What the last verification let expect, and what came of it:", mine),
        (
            "Read by POP3, so that all mail is downloaded once more:",
            [f"{one.mailbox.address}: {one.evidence}" for one in pop3_of(recovery, customer)],
        ),
        ("Seen in the home and not restored:", customer.seen),
        ("Not followed, or not readable:", customer.refused),
        ("Database host names in the configs that must resolve to a new server:", customer.hosts),
    ):
        if told:
            lines += [title, *(f"  - {safe(line, LONGEST)}" for line in told), ""]
    return [*lines, SCOPE]


def _item_lines(item: Item, *, notes: bool = False) -> list[str]:
    when = f", {moment(item.at)}" if item.here and item.at else ""
    code = f" [{item.cause}]" if item.cause else ""
    lines = [f"    {SINGULAR[item.service]} {item.name}: {item.state.value}{when}{code}"]
    lines += [f"        {safe(item.what, LONGEST)}"] if item.what else []
    lines += [f"        {item.as_of} {moment(item.taken)}"] if item.taken else []
    lines += [f"        not back: {safe(line, LONGEST)}" for line in item.missing]
    lines += [f"        kept: {safe(item.kept, LONGEST)}"] if item.kept else []
    lines += [f"        next: {safe(item.hint, LONGEST)}"] if item.hint else []
    lines += [f"        next: bulkrestore queue show {safe(one.item.id)}" for one in item.questions]
    lines += [f"        - {safe(line, LONGEST)}" for line in item.notes] if notes else []
    return lines


def _sum_lines(recovery: Recovery) -> list[str]:
    counted = sums(recovery.items)
    shown = [state for state in State if any(counts[state] for counts in counted.values())]
    rows = [
        (
            TITLES[service],
            *(f"{counted[service][state]:,}" for state in shown),
            f"{counted[service].total():,}",
        )
        for service in SERVICES
    ]
    return table(rows, ("", *(state.value for state in shown), "all known"))


def since_text(recovery: Recovery, lost: datetime | None) -> str:
    """From when the recovery times count."""
    if lost is not None:
        return f"from the loss of the servers ({moment(lost)}, as stated)"
    return f"from the first run's start ({moment(recovery.began)})"


def _time_lines(recovery: Recovery, lost: datetime | None) -> list[str]:
    rows = []
    for service in SERVICES:
        times = recovery_times(recovery, service, lost)
        if times is not None:
            rows.append((TITLES[service], span(times.p50), span(times.p95), span(times.longest)))
    since = f"Time {since_text(recovery, lost)} until a thing was wholly back (RTO as it turned out):"
    return [since, *table(rows, ("", "p50", "p95", "max"))] if rows else ["Nothing has come back yet."]


def _point_lines(recovery: Recovery, lost: datetime | None) -> list[str]:
    if lost is None:
        return [point_text(recovery, lost)]
    rows = []
    for service in POINTED:
        points = recovery_points(recovery, lost, service)
        if points is not None:
            spans = (span(points.p50), span(points.p95), span(points.longest))
            rows.append((TITLES[service], f"{points.count:,}", *spans))
    stated = (
        f"What the backups lack (RPO as it turned out), the servers being lost at {moment(lost)} as stated:"
    )
    shown = [stated, *table(rows, ("", "restored", "p50", "p95", "max"))] if rows else []
    return [*shown, point_text(recovery, lost)]


def point_text(recovery: Recovery, lost: datetime | None) -> str:
    """What can and what cannot be said of the recovery point (RPO)."""
    told = []
    for service, what in (("database", "The backups of {} restored databases are"),
                          ("mail", "The newest messages that the backups of {} mailboxes hold are")):  # fmt: skip
        taken = [one.taken for one in recovery.items if one.here and one.taken and one.service == service]
        if taken:
            told.append(f"{what.format(f'{len(taken):,}')} of {moment(min(taken))} to {moment(max(taken))}.")
        later = sum(lost is not None and one > lost for one in taken)
        told += (
            [f"{later:,} of them are newer than the loss that was stated: check that time."] if later else []
        )
    if not told:
        return "The recovery point (RPO) cannot be told from the ledger: it has no backup's time."
    if lost is None:
        told.append(NO_LOSS)
    return " ".join((*told, MAIL_POINT, ACCOUNT_POINT))


def _people_lines(recovery: Recovery) -> list[str]:
    lines = ["Who worked on what:"]
    for one in people(recovery):
        what = ", ".join((*one.commands, *one.steps, *one.acts))
        lines.append(
            f"  {safe(one.name)} on {safe(one.host)}, {moment(one.first)} to {moment(one.last)}: {safe(what)}"
        )
    return lines


def moment(at: datetime | None) -> str:
    """A time as every text of the report writes it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-"

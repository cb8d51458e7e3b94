"""A verification on paper: per customer what would come back and what would be lost and why, how long a run would
take, and how sure all that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from restore.model.outcome import Failed, ManualItem
from restore.model.text import safe
from restore.report.estimate import Estimate
from restore.report.hope import Expected, Hope
from restore.report.layout import span
from restore.report.plan import items_lines
from restore.report.queue import item_document
from restore.report.recovery import SINGULAR, TITLES

LONGEST = 2000
SHOWN = 50
CANNOT = (
    "A message that was altered before it was first read, and that carries nothing by which that shows (no signature,"
    " no size in its name, no structure broken), reads as sound. What changed since this look is named by another one"
    " with --full.",
    "A value altered in a dump that stands unpacked and is still SQL cannot be told; a packed dump's own check sum"
    " covers each byte.",
    "Space, quota and limits of the live servers may still refuse what reads well here.",
)
KINDS = {"mail": "mailboxes", "load": "dumps"}


@dataclass(frozen=True, slots=True)
class Verification:
    """All that a verification found. `known` and `chosen` count mailboxes ("mail") and dumps ("load"); `failed` are
    looks that failed, `items` what a run would ask a person."""

    things: tuple[Expected, ...]
    items: tuple[ManualItem, ...]
    failed: tuple[Failed, ...]
    known: Mapping[str, int]
    chosen: Mapping[str, int]
    estimate: Estimate | None

    @property
    def short(self) -> bool:
        """Whether anything would not come back as it was, or could not be looked at."""
        bad = (Hope.LOST, Hope.PART, Hope.DOUBT)
        unchecked = any(one.hope is Hope.UNKNOWN and one.service != "account" for one in self.things)
        return bool(self.failed) or unchecked or any(one.hope in bad or _altered(one) for one in self.things)


def _altered(one: Expected) -> bool:
    return one.service == "mail" and bool(one.doubts)


def verification_lines(found: Verification) -> list[str]:
    """For people."""
    lines = ["Verified without changing any target:", *_counts(found)]
    by_customer: dict[tuple[str, str], list[Expected]] = {}
    for one in found.things:
        by_customer.setdefault((one.server, one.customer), []).append(one)
    for (server, customer), things in sorted(by_customer.items()):
        lines += [
            "",
            f"{server}/{customer or '(nobody)'}:",
            *(line for one in things for line in _thing_lines(one)),
        ]
    lines += ["", *items_lines(found.items)]
    if found.failed:
        lines += [
            "",
            "Looks that failed:",
            *(f"  {one.key}: {one.message} {one.hint}" for one in found.failed),
        ]
    return [
        *lines,
        "",
        *_estimate_lines(found.estimate),
        "",
        "How sure this is:",
        *(f"  {one}" for one in sure(found)),
    ]


def _counts(found: Verification) -> list[str]:
    lines = [
        f"  {found.chosen[kind]:,} of {found.known[kind]:,} {KINDS[kind]} tried out" for kind in found.known
    ]
    for service, title in TITLES.items():
        mine = [one for one in found.things if one.service == service]
        told = [f"{sum(one.hope is hope for one in mine):,} {hope.value}" for hope in Hope]
        lines.append(
            f"  {title}: " + ", ".join(text for text in told if not text.startswith("0 ")) if mine else ""
        )
    return [line for line in lines if line]


def _thing_lines(one: Expected) -> list[str]:
    lines = [f"  {SINGULAR[one.service]} {one.name}: {one.hope.value}: {safe(one.what, LONGEST)}"]
    for title, told in (("lost", one.lost), ("doubtful", one.doubts), ("note", one.notes)):
        lines += [f"      {title}: {safe(line, LONGEST)}" for line in told[:SHOWN]]
        if told[SHOWN:]:
            lines.append(f"      {title}: and {len(told) - SHOWN:,} more; --json names all")
    return lines


def _estimate_lines(estimate: Estimate | None) -> list[str]:
    if estimate is None:
        return ["How long a run would take: nothing was measured."]
    return [
        f"How long a full run would take: about {span(estimate.likely)} ({span(estimate.least)} to"
        f" {span(estimate.most)}), from what was measured:",
        *(f"  {line}" for line in estimate.basis),
    ]


def sure(found: Verification) -> list[str]:
    """How far all this can be relied on, in sentences."""
    lines = [text for kind in found.known if (text := _sampled(kind, found))]
    return [*lines, *CANNOT]


def _sampled(kind: str, found: Verification) -> str:
    known, chosen = found.known[kind], found.chosen[kind]
    if chosen >= known:
        return f"All {known:,} {KINDS[kind]} were tried out." if known else ""
    service = "mail" if kind == "mail" else "database"
    bad = sum(one.service == service and one.hope in (Hope.LOST, Hope.PART) for one in found.things)
    return (
        f"{chosen:,} of {known:,} {KINDS[kind]} were tried out, chosen by chance: {bad:,} of them would not come back"
        f" whole; of all, at most {bound(bad, chosen):.0%} would not (with 95 % confidence)."
    )


def bound(bad: int, tried: int) -> float:
    """The upper end of the one-sided 95 % Wilson score interval of a share; 1.0 where nothing was tried.

    https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm
    """
    if not tried:
        return 1.0
    z, share = 1.645, bad / tried
    middle = share + z * z / (2 * tried)
    half = z * (share * (1 - share) / tried + z * z / (4 * tried * tried)) ** 0.5
    return float(min(1.0, (middle + half) / (1 + z * z / tried)))


def verification_document(found: Verification) -> dict[str, object]:
    """For machines."""
    guess = found.estimate
    return {
        "tried": {KINDS[kind]: found.chosen[kind] for kind in found.known},
        "known": {KINDS[kind]: found.known[kind] for kind in found.known},
        "things": [expected_document(one) for one in found.things],
        "questions": [item_document(item) for item in found.items],
        "failed": [{"key": one.key, "code": one.code, "message": one.message} for one in found.failed],
        "estimate_seconds": {"least": guess.least, "likely": guess.likely, "most": guess.most}
        if guess
        else None,
        "basis": list(guess.basis) if guess else [],
        "sure": sure(found),
    }


def expected_document(one: Expected) -> dict[str, object]:
    """One thing's forecast for machines."""
    return {
        "service": one.service,
        "server": one.server,
        "customer": one.customer,
        "thing": one.name,
        "forecast": one.hope.name.lower(),
        "what": safe(one.what, LONGEST),
        "lost": _texts(one.lost),
        "doubtful": _texts(one.doubts),
        "notes": _texts(one.notes),
    }


def _texts(lines: Sequence[str] | Iterable[str]) -> list[str]:
    return [safe(line, LONGEST) for line in lines]

"""Questions for a person, with ids that stay the same as long as the question does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from restore.model.outcome import Candidate, ManualItem
from restore.model.survey import Customer
from restore.model.text import safe


def ask(
    cause: str,
    subject: str,
    question: str,
    *,
    customer: Customer | None = None,
    evidence: Sequence[str] = (),
    candidates: Sequence[Candidate] = (),
) -> ManualItem:
    """One item of the manual queue; all of a tenant's text in it is made safe to show."""
    return ManualItem(
        id=item_id(cause, subject),
        cause=cause,
        customer=safe(customer.name) if customer else "",
        subject=safe(subject),
        question=question,
        evidence=tuple(safe(line, 1000) for line in evidence),
        candidates=tuple(candidates),
        contact=safe(customer.reach) if customer else "",
    )


def item_id(cause: str, subject: str, state: str = "") -> str:
    """The id of a question: 12 hexadecimal digits over its cause, its subject and what it was seen to be."""
    text = f"{cause}\0{subject}\0{state}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]

"""What operators taught that holds for many: rules for customers' own frameworks, and whose databases of a prefix are.

Each is a standing item of the queue with its answer, so that the ledger keeps who taught it and when, a request brings
it to the run under way, and dropping the item takes it back. A rule's reading is a config's claim like any other: it
is checked against ownership. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from detectors.rule import Rule, rules_of, rules_text
from restore.model.mysql import DatabaseId
from restore.model.outcome import Answer, ManualItem
from restore.model.survey import Customer, Decision, Index
from restore.model.text import safe
from restore.plan.ownership import own
from restore.plan.question import item_id

CAUSE = "taught"
RULE = "rule"
OWNER = "owner"
READ_BY = "read-by-rule"


def rule_item(rule: Rule) -> tuple[ManualItem, Answer]:
    """A rule as the queue keeps it: under its name, so that one taught again takes the place of the old one."""
    subject = f"{RULE}/{rule.name}"
    text = f"Logins are read from {safe(rule.file)} as an operator taught."
    item = ManualItem(
        item_id(CAUSE, subject), CAUSE, "", subject, text, tuple(rules_text([rule]).splitlines())
    )
    return item, Answer(item.id, subject, RULE, rules_text([rule]))


def prefix_item(server: str, prefix: str, customer: str) -> tuple[ManualItem, Answer]:
    """A prefix of databases' names as the queue keeps it."""
    subject = f"{server}/prefix/{prefix}"
    text = f"Databases of {server} named {safe(prefix)}… that nobody else owns are {safe(customer)}'s."
    item = ManualItem(item_id(CAUSE, subject), CAUSE, safe(customer), subject, text)
    return item, Answer(item.id, subject, OWNER, customer)


class Taught:
    """What was taught and not taken back."""

    def __init__(self, settled: Iterable[Decision]) -> None:
        answers = [one.answer for one in settled if one.answer is not None and one.item.cause == CAUSE]
        self.rules: tuple[Rule, ...] = tuple(
            rule for one in answers if one.effect == RULE for rule in rules_of(one.value)
        )
        self.prefixes: Mapping[tuple[str, str], str] = {
            (one.subject.split("/", 2)[0], one.subject.split("/", 2)[2]): one.value
            for one in answers
            if one.effect == OWNER
        }

    def rules_for(self, customer: Customer) -> tuple[Rule, ...]:
        """The rules that one customer's home is read with."""
        return tuple(one for one in self.rules if one.is_for(customer.server, customer.name))

    def owners(self, index: Index) -> Mapping[DatabaseId, tuple[tuple[Customer, ...], str]]:
        """The databases that a prefix gives to somebody, with the rung; never one that has an owner already."""
        if not self.prefixes:
            return {}
        known = own(index).databases
        customers = {(one.server, one.name): one for one in index.customers}
        found: dict[DatabaseId, tuple[tuple[Customer, ...], str]] = {}
        for database in {dump.database for dump in index.dumps if dump.database not in known}:
            fitting = [
                (prefix, whose)
                for (server, prefix), whose in self.prefixes.items()
                if server == database.server and database.name.startswith(prefix)
            ]
            prefix, whose = max(fitting, key=lambda one: len(one[0]), default=("", ""))
            owner = customers.get((database.server, whose))
            if owner is not None:
                found[database] = ((owner,), f"an operator's rule: databases named {safe(prefix)}… are his")
        return found


def mark(rules: Sequence[Rule]) -> str:
    """What tells a look with these rules from one with others; "" for none."""
    return "/" + hashlib.sha256(rules_text(rules).encode()).hexdigest()[:8] if rules else ""

"""Views, triggers, routines and events that were made for a locked stand-in come to the customer's own account once it
stands."""

from __future__ import annotations

from restore.errors import ObjectRefused
from restore.model.plan import CreateAccount
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.ours import stand_in


def take_over_objects(key: str, work: CreateAccount, systems: Systems) -> tuple[str, ...]:
    """Define them anew for the account, which has its rights already; notes about those that stay as they are."""
    server = systems.database(work.target)
    notes = []
    for name in work.databases:
        old = stand_in(name)
        if not server.defined_by(name, old):
            continue
        systems.desk.renew(key)
        try:
            server.redefine(name, old, work.account)
        except ObjectRefused as refused:
            notes.append(
                f"{safe(name)} keeps objects that the locked account {old} defines: {refused.message}"
            )
    return tuple(notes)

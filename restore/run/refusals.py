"""What a server, or a rule of ours, refuses of one customer's thing: a question for a person, who mends it by hand and
runs again, or lets it be. As a failure it could never be let be."""

from __future__ import annotations

from restore.errors import AccountRefused, DatabaseRefused, RestoreError
from restore.model.outcome import Candidate, ManualItem
from restore.model.plan import CreateAccount, LoadDatabase, SwitchDatabase, Work
from restore.model.text import safe
from restore.plan import accounts, databases
from restore.plan.question import item_id

LINE = 1000
LEAVE = Candidate("leave it out", "keep")


def refusal(work: Work, error: RestoreError) -> ManualItem | None:
    """The question that a refusal is; None where this error, or this work, is no such thing."""
    if not isinstance(error, AccountRefused | DatabaseRefused):
        return None
    match work:
        case CreateAccount(server=server, account=account):
            about, what = accounts.subject(server, account.user), f"the account {account}"
        case LoadDatabase(dump=dump):
            about, what = databases.subject(dump.database), f"the database {dump.database.name}"
        case SwitchDatabase(database=database):
            about, what = databases.subject(database), f"the database {database.name}"
        case _:
            return None
    return ManualItem(
        item_id(error.code, about),
        error.code,
        safe(work.customer),
        safe(about),
        f"{safe(what)} was refused on {work.target}. Mend what stands below and run again, or leave it out.",
        (
            safe(error.message, LINE),
            error.hint,
            *((f"kept: {safe(error.kept, LINE)}",) if error.kept else ()),
        ),
        (LEAVE,),
        safe(work.contact),
    )

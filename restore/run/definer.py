"""For whom a database's views, triggers, routines and events are made.

MariaDB checks a view against its definer when it is created: one that calls a function is refused while the definer
does not exist (1449) or has no right to it (1370). So the customer's account is made here already, locked, with its
verifier and its rights; the account step finds it as a killed one would have left it, and lets it log in last.
"""

from __future__ import annotations

import secrets

from detectors.finding import Secret
from restore.model.mysql import AccountName
from restore.model.plan import Definer, SwitchDatabase
from restore.model.ports import DatabaseServer, Systems
from restore.model.verifier import native_verifier, of_plugin, verifier_digest
from restore.plan.ours import stand_in
from restore.run.accounts import RESERVED_USERS
from restore.survey.verifiers import all_verifiers


def make_definer(key: str, work: SwitchDatabase, systems: Systems) -> tuple[AccountName, tuple[str, ...]]:
    """The account to define the objects, standing with rights on the database, and notes about it.

    The customer's where it is known and nothing else stands under its name; else a stand-in that nobody can log in
    to, with rights on that database alone.
    """
    server = systems.database(work.target)
    if work.definer is not None and _made(key, work, work.definer, systems, server):
        return work.definer.account, ()
    account = _stand_in(server, work.name)
    return account, (f"views, triggers and routines are defined by the locked account {account}",)


def _made(key: str, work: SwitchDatabase, definer: Definer, systems: Systems, server: DatabaseServer) -> bool:
    user = definer.account.user
    if user.lower() in RESERVED_USERS or user.startswith("br_"):
        return False
    kept = systems.desk.get_secret(key, definer.secret_id)
    verifier = of_plugin(all_verifiers(kept) if definer.is_password else kept, definer.plugin)
    state = server.account(definer.account)
    if not verifier.reveal():
        return False
    if state is None:
        systems.desk.renew(key)
        server.create_account(definer.account, verifier)
    elif (
        state.verifier_digest != verifier_digest(verifier)
        or state.global_rights
        or not set(state.databases) <= set(definer.databases)
    ):
        return False
    server.grant(definer.account, work.name)
    return True


def _stand_in(server: DatabaseServer, database: str) -> AccountName:
    account = stand_in(database)
    if server.account(account) is None:
        server.create_account(account, native_verifier(Secret(secrets.token_bytes(24))))
    server.grant(account, database)
    return account

"""The end of an incident: all that it made for its own use goes, on the targets and in the state folder; the ledger
stays. Begun, it is written down; killed anywhere, the next close does the rest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from restore.errors import DatabaseRefused, StateUnwritable
from restore.ledger.disk import sync_folder
from restore.ledger.events import Closed, Closing, Purged
from restore.ledger.ledger import Ledger
from restore.ledger.vault import FOLDER as VAULT
from restore.ledger.vault import KEY_FILE, erase_all
from restore.model.mysql import AccountName
from restore.model.ports import DatabaseServer
from restore.plan.ours import STAGING, Trace, Traces, stand_in

# The state folder's own parts that go, in this order; the vault goes after them.
PARTS = ("staging", "scratch", "dbox", "cluster", "journals")
# Where a Purged event says so for a part of the state folder.
HERE = "state folder"


@dataclass(frozen=True, slots=True)
class Ours:
    """A database that this incident made and that still stands on a target."""

    target: str
    name: str
    trace: Trace


def standing(
    servers: Mapping[str, DatabaseServer], traces: Traces
) -> tuple[tuple[Ours, ...], tuple[str, ...]]:
    """What this incident's own databases are on all targets; and "target/name" of databases that bear such a name
    and are not known to its ledger. Raises what a server raises."""
    ours: list[Ours] = []
    strange: list[str] = []
    for target, server in servers.items():
        for name in sorted(server.databases()):
            trace = traces.of(target, name)
            if trace is not None:
                ours.append(Ours(target, name, trace))
            elif name.startswith("br_"):
                strange.append(f"{target}/{name}")
    return tuple(ours), tuple(strange)


@dataclass(frozen=True, slots=True)
class StandIn:
    """A locked account that this incident made to define a database's views, triggers, routines and events, and what
    it defines there now."""

    target: str
    account: AccountName
    database: str
    defines: tuple[str, ...]


def stand_ins(servers: Mapping[str, DatabaseServer], traces: Traces) -> tuple[StandIn, ...]:
    """The locked accounts that still stand on all targets. Raises what a server raises."""
    found: list[StandIn] = []
    for target, server in servers.items():
        for name in traces.databases(target):
            account = stand_in(name)
            state = server.account(account)
            if state is not None and state.locked:
                used = (
                    one
                    for each in sorted({name, *state.databases})
                    for one in server.defined_by(each, account)
                )
                found.append(StandIn(target, account, name, tuple(used)))
    return tuple(found)


def drop(server: DatabaseServer, one: Ours) -> None:
    """Drop one of them; raises DatabaseRefused where it still stands afterwards."""
    if one.trace.kind == STAGING:
        server.drop_staging(one.name)
    else:
        server.drop_kept(one.name)
    if one.name in server.databases():
        raise DatabaseRefused(f"{one.name} still stands on {one.target} after it was dropped")


def parts(state: Path) -> tuple[str, ...]:
    """What lies in the state folder and goes."""
    names = (*PARTS, VAULT, KEY_FILE)
    return tuple(name for name in names if os.path.lexists(state / name))


def close_incident(
    ledger: Ledger, servers: Mapping[str, DatabaseServer], traces: Traces, state: Path, reason: str
) -> Iterator[tuple[str, str]]:
    """Drop this incident's own databases and the locked accounts that define nothing any more, and remove the state
    folder's parts, each recorded once it is seen to be gone; tells where what is gone as it goes. Raises what the
    servers and the ledger raise, and StateUnwritable."""
    ledger.append_all([Closing(reason)])
    for one in standing(servers, traces)[0]:
        drop(servers[one.target], one)
        ledger.append_all([Purged(one.target, one.name)])
        yield one.target, one.name
    for idle in stand_ins(servers, traces):
        if not idle.defines:
            _drop_account(servers[idle.target], idle)
            ledger.append_all([Purged(idle.target, str(idle.account))])
            yield idle.target, str(idle.account)
    for name in parts(state):
        _remove(state, name)
        ledger.append_all([Purged(HERE, name)])
        yield HERE, name
    ledger.append_all([Closed(reason)])


def _drop_account(server: DatabaseServer, one: StandIn) -> None:
    server.drop_account(one.account)
    if server.account(one.account) is not None:
        raise DatabaseRefused(f"{one.account} still stands on {one.target} after it was dropped")


def _remove(state: Path, name: str) -> None:
    path = state / name
    try:
        if name in (VAULT, KEY_FILE):
            erase_all(path)
        elif path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            shutil.rmtree(path)
        sync_folder(state)
    except OSError as error:
        raise StateUnwritable(f"{path} could not be removed: {error.strerror}") from error
    if os.path.lexists(path):
        raise StateUnwritable(f"{path} still stands after it was removed")

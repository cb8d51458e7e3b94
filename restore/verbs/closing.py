"""What was set aside, and the end of an incident: kept list, kept drop, close."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from restore.errors import BadUse, LedgerMissing
from restore.ledger import codec
from restore.ledger.events import Purged, Purging
from restore.ledger.ledger import Ledger
from restore.ledger.queue import ItemState
from restore.ledger.reading import Reading
from restore.model.facts import DatabaseSwitched
from restore.model.incident import Incident
from restore.model.ports import DatabaseServer
from restore.model.text import safe
from restore.plan.ours import LOAD, STAGING, SWITCH, Traces
from restore.report.layout import table
from restore.run.closing import Ours, StandIn, close_incident, drop, parts, stand_ins, standing
from restore.run.pen import last_pen
from restore.verbs.asking import Line, ask_or_become
from restore.verbs.confirming import confirmed
from restore.verbs.screen import DONE, QUESTIONS, Screen, incident_of, operator_of
from restore.wiring import database_servers

HOLDS = {"kept": "what stood there before the restore", "undone": "what an undo took out of it"}


def kept_list(options: Namespace, screen: Screen) -> int:
    """What was set aside and still stands on the targets."""
    incident = incident_of(options)
    traces = _traces(incident)
    with database_servers(incident) as servers:
        found, strange = standing(servers, traces)
        accounts = stand_ins(servers, traces)
    kept = [one for one in found if one.trace.kind != STAGING]
    if screen.as_json:
        screen.document(
            {
                "kept": [_document(one) for one in kept],
                "accounts": [_account_document(one) for one in accounts],
                "strange": [safe(one) for one in strange],
            }
        )
        return DONE
    rows = [(one.target, one.name, safe(str(one.trace.database)), HOLDS[one.trace.kind]) for one in kept]
    screen.say(*(table(rows, ("target", "name", "of", "holds")) if rows else ["Nothing is set aside."]))
    screen.say(*(f"{one.target}: {_account_words(one)}" for one in accounts))
    screen.say(*(f"not of this incident's ledger, left alone: {safe(one)}" for one in strange))
    return DONE


def _account_words(one: StandIn) -> str:
    """What is said of a locked account that defines, or defined, a database's objects."""
    if not one.defines:
        return f"the locked account {one.account}, made for {safe(one.database)}, defines nothing: close drops it"
    return f"the locked account {one.account} defines {safe(', '.join(one.defines))} of {safe(one.database)}: it stays"


def _account_document(one: StandIn) -> dict[str, object]:
    return {
        "target": one.target,
        "account": str(one.account),
        "of": safe(one.database),
        "defines": [safe(each) for each in one.defines],
    }


def _traces(incident: Incident) -> Traces:
    with Reading.open(Path(incident.state)) as reading:
        switched = [one for one in reading.facts_ever(SWITCH) if isinstance(one, DatabaseSwitched)]
        return Traces(reading.step_keys(LOAD), switched)


def _document(one: Ours) -> dict[str, str]:
    return {
        "target": one.target,
        "name": one.name,
        "kind": one.trace.kind,
        "of": safe(str(one.trace.database)),
    }


def kept_drop(options: Namespace, screen: Screen) -> int:
    """Drop what was set aside."""
    if not options.reason.strip():
        raise BadUse("say with --reason why it is not needed any more: the log keeps it")
    incident = incident_of(options)
    with database_servers(incident) as servers:
        found, _ = standing(servers, _traces(incident))
        kept = [one for one in found if one.trace.kind != STAGING]
        chosen = list({_chosen(name, kept): None for name in options.name})
        for one in chosen:
            what = f"{HOLDS[one.trace.kind]} ({safe(str(one.trace.database))})"
            screen.warn(f"  {one.target}/{one.name}: {what}")
        if not confirmed(options, screen, f"Drop these {len(chosen):,}? They can never be put back."):
            screen.warn("Nothing was dropped.")
            return DONE
        _drop_recorded(options, screen, chosen, servers)
    return DONE


def _drop_recorded(
    options: Namespace, screen: Screen, chosen: Sequence[Ours], servers: Mapping[str, DatabaseServer]
) -> None:
    """Drop them here, each recorded before and after; a coordinator under way writes it into its ledger."""
    incident, operator = incident_of(options), operator_of(options)

    def each(note: Callable[[Purging | Purged], object]) -> None:
        for one in chosen:
            note(Purging(one.target, one.name, options.reason))
            drop(servers[one.target], one)
            note(Purged(one.target, one.name))
            _say_gone(screen, one.target, one.name)

    def become() -> None:
        with last_pen(incident, operator) as ledger:
            each(lambda event: ledger.append_all([event]))

    def ask(line: Line) -> None:
        each(lambda event: line.settle("record", events=[codec.encode(event)]))

    ask_or_become(incident, operator, screen, ask, become)


def _chosen(name: str, kept: Sequence[Ours]) -> Ours:
    found = [one for one in kept if name in (one.name, f"{one.target}/{one.name}")]
    if len(found) != 1:
        told = (
            f"{len(found)} targets have" if found else "nothing that was set aside by this incident is called"
        )
        raise BadUse(f"{told} {safe(name)}: bulkrestore kept list")
    return found[0]


def _say_gone(screen: Screen, target: str, what: str) -> None:
    if screen.as_json:
        screen.document({"gone": what, "target": target})
    else:
        screen.say(f"gone: {target}/{what}")


def close(options: Namespace, screen: Screen) -> int:
    """Remove all that the incident made for its own use; its ledger stays."""
    incident = incident_of(options)
    if not (Path(incident.state) / "ledger.sqlite").exists():
        raise LedgerMissing(f"there is no ledger in {incident.state}: nothing is there to be closed")
    with last_pen(incident, operator_of(options)) as ledger, database_servers(incident) as servers:
        if not ledger.ending() and _waits(options, screen, ledger):
            return QUESTIONS
        traces = _traces(incident)
        found, strange = standing(servers, traces)
        lying = parts(Path(incident.state))
        accounts = stand_ins(servers, traces)
        if ledger.ending() and not found and not lying and all(one.defines for one in accounts):
            screen.warn(f"Nothing is left to do: {ledger.ending()}.")
        _preview(screen, found, strange, lying)
        for one in accounts:
            screen.warn(f"  {one.target}: {_account_words(one)}")
        if not ledger.ending() and not confirmed(options, screen, "Close the incident?"):
            screen.warn("Nothing was removed.")
            return DONE
        _close(options, screen, incident, ledger, servers)
    return DONE


def _waits(options: Namespace, screen: Screen, ledger: Ledger) -> bool:
    """Whether questions are left that keep it from being closed."""
    left = [one for one in ledger.queue if one.state in (ItemState.OPEN, ItemState.ANSWERED)]
    if not left:
        return False
    if options.anyway and options.reason.strip():
        return False
    if options.anyway:
        raise BadUse("say with --reason why it is closed with questions left: the log keeps it")
    causes = Counter(f"{one.item.cause} ({one.state.value})" for one in left)
    told = ", ".join(f"{count:,} {cause}" for cause, count in causes.most_common())
    screen.warn(f"Not closed: {len(left):,} questions are left: {told}. See: bulkrestore queue list")
    screen.warn("Answer and run, or drop them, or give --anyway with --reason.")
    return True


def _preview(screen: Screen, found: Sequence[Ours], strange: Sequence[str], lying: Sequence[str]) -> None:
    counts = Counter((one.target, one.trace.kind) for one in found)
    for (target, kind), count in sorted(counts.items()):
        screen.warn(f"  {target}: {count:,} {kind} databases are dropped")
    for name in lying:
        screen.warn(f"  state folder: {name} is removed")
    for name in strange:
        screen.warn(f"  left alone, not of this incident's ledger: {safe(name)}")


def _close(
    options: Namespace,
    screen: Screen,
    incident: Incident,
    ledger: Ledger,
    servers: Mapping[str, DatabaseServer],
) -> None:
    traces = _traces(incident)
    for gone in close_incident(
        ledger, servers, traces, Path(incident.state), options.reason or "all is done"
    ):
        _say_gone(screen, *gone)
    left, _ = standing(servers, traces)
    accounts = stand_ins(servers, traces)
    if screen.as_json:
        documents = [*map(_document, left), *map(_account_document, accounts)]
        screen.document({"closed": True, "left": documents, "kept": incident.state})
    else:
        screen.say(*(f"{one.target}: {_account_words(one)}" for one in accounts))
        screen.say(f"Closed. What is left of it is its ledger, in {incident.state}.")

"""Verbs that steer the run under way: pause, resume, drain, limit; and retry, which is a run of what failed."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from restore.errors import BadUse, CoordinatorGone, NobodyRuns
from restore.ledger.reading import Reading, Record
from restore.model.incident import Incident
from restore.model.mysql import DatabaseId
from restore.model.operator import Operator
from restore.model.survey import Narrowing
from restore.model.text import safe
from restore.plan.wanted import BOTH
from restore.request import socket_path
from restore.run.lock import holder
from restore.verbs.asking import PATIENCE_SECONDS, PAUSE_SECONDS, Line
from restore.verbs.restoring import run_narrowed
from restore.verbs.screen import DONE, Screen, incident_of, operator_of

WORDS = {
    "pause": "Paused: what has begun ends, nothing more begins until `bulkrestore resume`.",
    "resume": "Resumed.",
    "drain": "Draining: what has begun ends, nothing more begins, then the run ends.",
}


def pause(options: Namespace, screen: Screen) -> int:
    """Begin nothing more until resumed."""
    return _steer(options, screen, "pause")


def resume(options: Namespace, screen: Screen) -> int:
    """Go on after a pause."""
    return _steer(options, screen, "resume")


def drain(options: Namespace, screen: Screen) -> int:
    """Begin nothing more, and end."""
    return _steer(options, screen, "drain")


def limit(options: Namespace, screen: Screen) -> int:
    """Give a resource of the run another number of slots."""
    return _steer(options, screen, "limit", resource=options.resource, slots=options.value)


def _steer(options: Namespace, screen: Screen, verb: str, **more: object) -> int:
    incident = incident_of(options)
    command = " ".join([verb, *(str(one) for one in more.values())])
    said = _ask(incident, operator_of(options), verb, {"command": command, "reason": options.reason, **more})
    if screen.as_json:
        screen.document({"accepted": command, **said})
    else:
        words = WORDS.get(verb) or f"{more['resource']} has {more['slots']} slots until the run ends."
        screen.say(f"{words} {said['running']} step(s) are under way.")
    return DONE


def _ask(
    incident: Incident, operator: Operator, verb: str, words: Mapping[str, object]
) -> Mapping[str, object]:
    """Ask the run under way; one that has only just begun is waited for. Raises NobodyRuns."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with closing(Line(socket_path(Path(incident.state)), incident, operator)) as line:
                return line.settle(verb, **words)
        except CoordinatorGone as error:
            if holder(Path(incident.state)) is None or time.monotonic() > end:
                raise NobodyRuns(f"no run is under way for {incident.path} that could {verb}") from error
        time.sleep(PAUSE_SECONDS)


def retry(options: Namespace, screen: Screen) -> int:
    """Do once more what failed: what the steps named, or all that stand failed, were about."""
    if bool(options.step) == options.failed:
        raise BadUse("name the steps as `bulkrestore status` does, or give --failed for all that failed")
    with Reading.open(Path(incident_of(options).state)) as reading:
        failed = {one.record.key: one.record for one in reading.failures()}
        keys = options.step or [key for key in failed if _about(key, failed[key])]
        wanted = [_about(key, failed[key]) if key in failed else None for key in keys]
    for key, about in zip(keys, wanted, strict=True):
        if about is None:
            raise BadUse(f"{safe(key)} did not fail, or is no step of a restore")
    if not wanted:
        screen.say("Nothing that can be tried again stands failed.")
        return DONE
    customers, mailboxes, databases = (
        frozenset().union(*parts) for parts in zip(*filter(None, wanted), strict=True)
    )
    kinds = BOTH if customers else frozenset[str]()
    narrowing = Narrowing(customers, kinds, mailboxes, databases)
    return run_narrowed(options, screen, narrowing, "retry")


def _about(key: str, record: Record) -> tuple[frozenset[str], frozenset[str], frozenset[DatabaseId]] | None:
    """The customers, mailboxes and databases that a run must be narrowed to, to try this step again."""
    server, _, about = record.subject.partition("/")
    name = about.partition("/")[2]
    nobody: frozenset[str] = frozenset()
    match key.partition("/")[0]:
        case "mail":
            return nobody, frozenset({name.lower()}), frozenset()
        case "load" | "switch":
            return nobody, nobody, frozenset({DatabaseId(server, name)})
        case "look" | "account":
            return frozenset({f"{server}/{record.customer}"}), nobody, frozenset()
        case _:
            return None

"""Answers that hold for many: a rule for a framework of customers' own making, and a prefix of databases' names.

Both are shown with all that they would change before anything is recorded, and act from the next look on.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detectors.rule import FIELDS, BadRule, Rule, rules_of, rules_text
from restore.errors import BadUse, LedgerMissing
from restore.ledger.events import Answered, Asked, ItemEvent, Settled
from restore.ledger.queue import ItemState, Queue, QueueItem
from restore.ledger.reading import Reading
from restore.model.incident import Incident
from restore.model.outcome import Answer, ManualItem
from restore.model.survey import Decision, Narrowing
from restore.model.text import safe
from restore.plan.question import item_id
from restore.plan.taught import CAUSE, READ_BY, RULE, prefix_item, rule_item
from restore.verbs.confirming import confirmed
from restore.verbs.noting import note
from restore.verbs.previewing import Preview, masked, preview
from restore.verbs.screen import DONE, QUESTIONS, Screen, incident_of

PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")
MOST = 40
Standing = tuple[ManualItem, Answer]


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What would be taught, in words, for whom ("" is all), and the items that say it."""

    words: str
    standing: tuple[Standing, ...]
    customers: frozenset[str]
    needs_claims: bool

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return tuple(Decision(item, answer) for item, answer in self.standing)


def queue_teach(options: Namespace, screen: Screen) -> int:
    """Teach where a framework of customers' own making keeps its login; shown before it is recorded."""
    incident = incident_of(options)
    queue = _queue(incident)
    rules = _rules_read(options.source) if options.source else (_rule_typed(options, queue),)
    customers = frozenset(one for rule in rules for one in rule.customers)
    if any(not rule.customers for rule in rules):
        customers = frozenset()
    words = "; ".join(f"{rule.name} reads {safe(rule.file)}, for {_whom(rule.customers)}" for rule in rules)
    lesson = _Lesson(words, tuple(map(rule_item, rules)), customers, True)
    return _teach(options, screen, incident, queue, lesson)


def queue_own(options: Namespace, screen: Screen) -> int:
    """Say whose the databases of a prefix are that nobody owns; shown before it is recorded."""
    incident = incident_of(options)
    server, _, customer = options.customer.rpartition("/")
    servers = [one.name for one in incident.old_servers]
    server = server or (servers[0] if len(servers) == 1 else "")
    if server not in servers:
        raise BadUse(f"say whose with --customer SERVER/NAME; the servers are {', '.join(servers)}")
    if not PREFIX.fullmatch(options.prefix):
        raise BadUse(
            "--prefix: expected the beginning of databases' names, of letters, digits, _ and - (at least two)"
        )
    words = f"databases of {server} named {options.prefix}… that nobody owns are {safe(customer)}'s"
    standing = (prefix_item(server, options.prefix, customer),)
    lesson = _Lesson(words, standing, frozenset({f"{server}/{customer}"}), False)
    return _teach(options, screen, incident, _queue(incident), lesson)


def queue_rules(options: Namespace, screen: Screen) -> int:
    """What was taught, as TOML that another incident can be taught from."""
    queue = _queue(incident_of(options))
    known = [one for one in queue if one.item.cause == CAUSE and one.answer is not None]
    if screen.as_json:
        screen.document([{"id": one.item.id, "what": one.item.question, "subject": one.item.subject,
                          "text": one.answer.value} for one in known if one.answer])  # fmt: skip
        return DONE
    for one in known:
        screen.say(f"# {one.item.id}: {one.item.question}")
        if one.answer is not None and one.answer.effect == RULE:
            screen.say(*one.answer.value.splitlines(), "")
    if not known:
        screen.say("# Nothing was taught.")
    return DONE


def _queue(incident: Incident) -> Queue:
    try:
        with Reading.open(Path(incident.state)) as reading:
            return reading.queue()
    except LedgerMissing:
        return Queue()


def _rules_read(path: str) -> tuple[Rule, ...]:
    try:
        return rules_of(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadUse(f"{safe(path)} cannot be read: {error}") from error
    except BadRule as error:
        raise BadUse(f"{safe(path)}: {safe(str(error), 500)}") from error


def _rule_typed(options: Namespace, queue: Queue) -> Rule:
    """The rule that the options state; for the item's customer where they do not say for whom."""
    whom = tuple(options.customer)
    if options.item and not whom and not options.all:
        item = queue.find(options.item).item
        whom = (f"{item.subject.partition('/')[0]}/{item.customer}",) if item.customer else ()
    if bool(whom) == options.all:
        raise BadUse("say for whom, once: ITEM (its customer), --customer C, or --all")
    told = {name: str(getattr(options, name) or "") for name in FIELDS}
    try:
        rule = Rule("new", options.file or "", whom, **told)
    except BadRule as error:
        raise BadUse(safe(str(error), 500)) from error
    return replace(rule, name=options.name or _name_of(rule))


def _name_of(rule: Rule) -> str:
    """A name made of the file and of what is read there."""
    plain = re.sub(r"[^a-z0-9]+", "-", rule.file.lower()).strip("-")[:28] or "file"
    return f"{plain}-{item_id(RULE, rules_text([rule]))[:6]}"


def _whom(customers: Sequence[str]) -> str:
    return ", ".join(map(safe, customers)) or "all customers"


def _teach(options: Namespace, screen: Screen, incident: Incident, queue: Queue, lesson: _Lesson) -> int:
    homes = Narrowing(customers=lesson.customers, kinds=frozenset({"accounts"}))
    rest = not lesson.needs_claims
    shown = preview(incident, queue.decisions(), lesson.decisions, homes, rest=rest)
    if not shown.looked:
        raise BadUse(f"no home was found of {_whom(sorted(lesson.customers))}: nothing was recorded")
    settled = _open(queue, shown.settled)
    _show(options, screen, lesson, shown, settled)
    if options.preview:
        return QUESTIONS if shown.raised else DONE
    if lesson.needs_claims and not shown.claims:
        raise BadUse("no site fits it: nothing was recorded")
    if not confirmed(options, screen, "Teach this?"):
        screen.warn("Nothing was recorded.")
        return DONE
    events: list[ItemEvent] = []
    for item, answer in lesson.standing:
        events += [Asked(item), Answered(answer, options.reason), Settled(item.id, "a person taught it")]
    names = ", ".join(answer.subject for _, answer in lesson.standing)
    for one in settled:
        about = Answer(one.item.id, one.item.subject, READ_BY, names)
        events += [Answered(about, options.reason), Settled(one.item.id, f"taught: {names}")]
    note(options, screen, settled, events)
    if not screen.as_json:
        screen.say(
            f"Recorded; {len(settled):,} question(s) closed. The next look asks again what it does not settle."
        )
    return DONE


def _open(queue: Queue, settled: Sequence[ManualItem]) -> list[QueueItem]:
    """Those of the questions that are open in the queue."""
    known = {one.item.id: one for one in queue if one.state is ItemState.OPEN}
    return [known[one.id] for one in settled if one.id in known]


def _show(
    options: Namespace, screen: Screen, lesson: _Lesson, shown: Preview, settled: Sequence[QueueItem]
) -> None:
    if screen.as_json:
        screen.document({
            "taught": [answer.subject for _, answer in lesson.standing],
            "recorded": not options.preview,
            "looked_at": shown.looked,
            "reads": [masked(one) for one in shown.claims],
            "settles": [_document(one) for one in shown.settled],
            "raises": [_document(one) for one in shown.raised],
            "failed": [{"step": one.key, "message": one.message} for one in shown.failed],
        })  # fmt: skip
        return
    screen.say(f"To be taught: {lesson.words}.", f"Homes looked at: {shown.looked:,}")
    claims = [_claim_line(masked(one)) for one in shown.claims]
    _list(screen, "It would read", claims)
    opened = {one.item.id for one in settled}
    _list(screen, "It would settle", [_item_line(one, one.id in opened) for one in shown.settled])
    _list(
        screen,
        "It would contradict or leave open",
        [f"{_item_line(one, True)}: {one.question}" for one in shown.raised],
    )
    _list(screen, "Could not be looked at", [f"{safe(one.key)}: {one.message}" for one in shown.failed])


def _list(screen: Screen, title: str, lines: Sequence[str]) -> None:
    if lines:
        screen.say(f"{title} ({len(lines):,}):", *(f"  {line}" for line in lines[:MOST]))
        if len(lines) > MOST:
            screen.say(f"  and {len(lines) - MOST:,} more: --json lists all")


def _claim_line(told: object) -> str:
    one = told if isinstance(told, dict) else {}
    where = f"{one['socket'] or one['host']}" + (f":{one['port']}" if one["port"] else "")
    return (
        f"{safe(one['customer'])}  {safe(one['config'])}  {one['status']}: {safe(one['user'])} on"
        f" {safe(one['database'])} at {safe(where)}, password {one['password'] or 'not read'}"
    )


def _item_line(item: ManualItem, asked: bool) -> str:
    return f"{item.id}  {item.cause}  {item.customer}  {item.subject}" + (
        "" if asked else "  (not asked yet)"
    )


def _document(item: ManualItem) -> dict[str, str]:
    return {"id": item.id, "cause": item.cause, "customer": item.customer, "subject": item.subject}

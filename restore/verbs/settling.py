"""Verbs by which a person settles a question: queue answer, queue drop."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from detectors.finding import Secret
from restore.errors import BadUse
from restore.ledger.events import Answered, Dropped, ItemEvent, Settled
from restore.ledger.queue import COMPLAINT, KEEP, ItemState, QueueItem
from restore.ledger.reading import Reading
from restore.model.outcome import Answer
from restore.model.text import safe
from restore.report.queue import is_of
from restore.verbs.asking import Pad, record
from restore.verbs.confirming import confirmed
from restore.verbs.noting import check_seen, note
from restore.verbs.screen import DONE, Screen, incident_of, operator_of

BY_A_PERSON = "a person settled it"

ABOUT_LOGINS = frozenset(
    {
        "no-login",
        "login-unclear",
        "foreign-database",
        "unowned-database",
        "unknown-database",
        "mailbox-no-password",
    }
)


def queue_answer(options: Namespace, screen: Screen) -> int:
    """Settle a question, or all of a cause: the next run acts on it."""
    if _bulk(options):
        if options.choose is None or options.user:
            raise BadUse("many questions are answered at once with --cause CODE and --choose N")
        return _settle_all(options, screen, lambda item: _chosen(options, item))
    item = _find(options, options.item)
    answer = _chosen(options, item) if options.choose is not None and not options.user else None
    _mind_claims(options, screen, [item])
    if answer is None:
        return _answer_login(options, screen, item)
    note(options, screen, [item], _answered(options, item, answer))
    return _settled(screen, item, f"answered: {answer.effect} {safe(answer.value)}")


def _bulk(options: Namespace) -> bool:
    """Whether all items of a cause are meant; raises BadUse where it is not clear which."""
    if bool(options.item) == bool(options.cause):
        raise BadUse("give the id of an item, or --cause CODE for all of that cause")
    if options.customer and not options.cause:
        raise BadUse("--customer is for --cause: an item is one customer's by itself")
    return bool(options.cause)


def _find(options: Namespace, beginning: str) -> QueueItem:
    with Reading.open(Path(incident_of(options).state)) as reading:
        return reading.queue().find(beginning)


def _answered(options: Namespace, item: QueueItem, answer: Answer) -> list[ItemEvent]:
    """A complaint, and what shall stay as it is, is done with its answer; all else waits for a run to act on it."""
    events: list[ItemEvent] = [Answered(answer, options.reason)]
    done = item.item.cause == COMPLAINT or answer.effect == KEEP
    return [*events, Settled(item.item.id, BY_A_PERSON)] if done else events


def _mind_claims(options: Namespace, screen: Screen, items: Sequence[QueueItem]) -> None:
    """Warn of items that somebody else works on; they are settled all the same."""
    me = operator_of(options).name
    for one in items:
        if one.claimed_by not in ("", me):
            screen.warn(f"{one.item.id} is claimed by {safe(one.claimed_by)}: tell them that you settle it")


def _chosen(options: Namespace, item: QueueItem) -> Answer | None:
    """The answer that --choose means for this item; None where it has none of that number."""
    candidates = item.item.candidates
    if not 1 <= options.choose <= len(candidates):
        return None
    chosen = candidates[options.choose - 1]
    return Answer(item.item.id, item.item.subject, chosen.effect, chosen.value)


def _settle_all(
    options: Namespace, screen: Screen, answer_of: Callable[[QueueItem], Answer | None] | None
) -> int:
    """Answer, or (without `answer_of`) drop, every open item of a cause, once the operator has seen which."""
    items = _of_cause(options)
    answers = {one.item.id: answer_of(one) if answer_of else None for one in items}
    meant = [one for one in items if answer_of is None or answers[one.item.id]]
    effects = {answer.effect for answer in answers.values() if answer}
    if not meant or len(effects) > 1:
        told = f"{options.choose} means {', '.join(sorted(effects))}" if effects else "none has that answer"
        raise BadUse(f"{told}: settle them one by one, or narrow them with --customer")
    screen.warn(
        f"{'Drop' if answer_of is None else 'Answer'} {len(meant):,} of {len(items):,} open {options.cause}:"
    )
    for one in meant:
        screen.warn(
            f"  {one.item.id}  {one.item.customer}  {one.item.subject}{_label(options, one, answer_of)}"
        )
    _mind_claims(options, screen, meant)
    if not confirmed(options, screen, f"Settle these {len(meant):,}?"):
        screen.warn("Nothing was recorded.")
        return DONE
    events = [event for one in meant for event in _decided(options, one, answers[one.item.id])]
    note(options, screen, meant, events)
    return _told(options, screen, meant, answers)


def _of_cause(options: Namespace) -> list[QueueItem]:
    with Reading.open(Path(incident_of(options).state)) as reading:
        opened = [one for one in reading.items(ItemState.OPEN) if one.item.cause == options.cause]
    items = [one for one in opened if not options.customer or is_of(one, options.customer)]
    if not items:
        raise BadUse(f"no open item has the cause {safe(options.cause)}: bulkrestore queue list")
    return items


def _label(options: Namespace, one: QueueItem, answer_of: Callable[[QueueItem], Answer | None] | None) -> str:
    return f": {safe(one.item.candidates[options.choose - 1].label)}" if answer_of else ""


def _decided(options: Namespace, one: QueueItem, answer: Answer | None) -> list[ItemEvent]:
    return _answered(options, one, answer) if answer else [Dropped(one.item.id, options.reason)]


def _told(
    options: Namespace, screen: Screen, items: Sequence[QueueItem], answers: Mapping[str, Answer | None]
) -> int:
    told = []
    for one in items:
        answer = answers[one.item.id]
        words = (
            f"answered: {answer.effect} {safe(answer.value)}"
            if answer
            else f"dropped: {safe(options.reason)}"
        )
        told.append((one, words))
    if screen.as_json:
        screen.document([{"id": one.item.id, "settled": words} for one, words in told])
    else:
        screen.say(*(f"{one.item.id}  {one.item.cause}  {one.item.subject}  {words}" for one, words in told))
    return DONE


def _answer_login(options: Namespace, screen: Screen, item: QueueItem) -> int:
    """Answer with an account, its password in the vault."""
    if options.choose is not None and not options.user:
        count = len(item.item.candidates)
        told = f"{count} answers" if count else "no answer"
        raise BadUse(f"{item.item.id} has {told} to choose from: bulkrestore queue show {item.item.id}")
    if not options.user:
        raise BadUse("give --choose N, or --user NAME (and --database NAME) for an account")
    _check_login(options, item)
    password = _password(options)

    def decide(pad: Pad) -> Sequence[ItemEvent]:
        check_seen(pad.queue, [item])
        answer = Answer(
            item.item.id, item.item.subject, "login", user=options.user, database=options.database or ""
        )
        return _answered(options, item, replace(answer, password_id=pad.keep("answered password", password)))

    record(options, screen, decide)
    return _settled(screen, item, f"answered: login {safe(options.user)}")


def _check_login(options: Namespace, item: QueueItem) -> None:
    """Refuse a login that answers another question than this one, before its password is asked for."""
    asked = item.item
    if asked.cause not in ABOUT_LOGINS:
        raise BadUse(
            f"{asked.id} ({asked.cause}) does not ask for a login: bulkrestore queue show {asked.id}"
        )
    if asked.cause == "no-login":
        return
    if asked.cause == "mailbox-no-password":
        address = asked.subject.rpartition("/mailbox/")[2]
        if options.user != address or options.database:
            raise BadUse(
                f"{asked.id} asks for the password of one mailbox: give --user {safe(address)} alone"
            )
        return
    own = [one.value for one in asked.candidates if one.effect == "database"]
    if not options.database or (own and options.database not in own):
        names = f" ({', '.join(safe(name) for name in own[:20])})" if own else ""
        raise BadUse(f"{asked.id} needs --database with one of the customer's own databases{names}")


def _password(options: Namespace) -> Secret:
    if options.password_stdin:
        return Secret(sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r"))
    if not sys.stdin.isatty():
        raise BadUse("no terminal to ask for the password without echo: give --password-stdin")
    return Secret(getpass.getpass(f"password of {safe(options.user)}: ").encode("utf-8", "surrogateescape"))


def queue_drop(options: Namespace, screen: Screen) -> int:
    """Decide that nothing shall be done about a question, or about all of a cause."""
    if not options.reason.strip():
        raise BadUse("say with --reason why nothing shall be done about it: the log keeps it")
    if _bulk(options):
        return _settle_all(options, screen, None)
    item = _find(options, options.item)
    _mind_claims(options, screen, [item])
    note(options, screen, [item], [Dropped(item.item.id, options.reason)])
    return _settled(screen, item, f"dropped: {safe(options.reason)}")


def _settled(screen: Screen, item: QueueItem, words: str) -> int:
    if screen.as_json:
        screen.document({"id": item.item.id, "settled": words})
    else:
        screen.say(f"{item.item.id}  {item.item.cause}  {item.item.subject}  {words}")
    return DONE

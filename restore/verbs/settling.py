"""Verbs by which a person settles a question: queue answer, queue drop."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace

from detectors.finding import Secret
from restore.errors import BadUse
from restore.ledger.events import Answered, Dropped
from restore.ledger.queue import QueueItem
from restore.model.outcome import Answer
from restore.model.text import safe
from restore.run.pen import Pen, pen
from restore.verbs.screen import DONE, Screen, incident_of, operator_of

ABOUT_LOGINS = frozenset(
    {"no-login", "login-unclear", "foreign-database", "unowned-database", "unknown-database"}
)


def queue_answer(options: Namespace, screen: Screen) -> int:
    """Settle a question: the next run acts on it."""
    with pen(incident_of(options), operator_of(options)) as desk:
        item = desk.ledger.queue.find(options.item)
        answer = _answer(options, item, desk)
        desk.ledger.append_all([Answered(answer, options.reason)])
    return _settled(screen, item, f"answered: {answer.effect} {safe(answer.value or answer.user)}")


def _answer(options: Namespace, item: QueueItem, desk: Pen) -> Answer:
    """The answer that the options give, its password in the vault."""
    if options.choose is not None and not options.user:
        candidates = item.item.candidates
        if options.choose > len(candidates):
            raise BadUse(
                f"{item.item.id} has {len(candidates)} answers to choose from: bulkrestore queue show {item.item.id}"
            )
        chosen = candidates[options.choose - 1]
        return Answer(item.item.id, item.item.subject, chosen.effect, chosen.value)
    if not options.user:
        raise BadUse("give --choose N, or --user NAME (and --database NAME) for an account")
    _check_login(options, item)
    password = _password(options)
    vault_id = desk.vault.put("answered password", password)
    return Answer(
        item.item.id,
        item.item.subject,
        "login",
        user=options.user,
        database=options.database or "",
        password_id=vault_id,
    )


def _check_login(options: Namespace, item: QueueItem) -> None:
    """Refuse a login that answers another question than this one, before its password is asked for."""
    asked = item.item
    if asked.cause not in ABOUT_LOGINS:
        raise BadUse(
            f"{asked.id} ({asked.cause}) does not ask for a login: bulkrestore queue show {asked.id}"
        )
    if asked.cause == "no-login":
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
    """Decide that nothing shall be done about a question."""
    if not options.reason.strip():
        raise BadUse("say with --reason why nothing shall be done about it: the log keeps it")
    with pen(incident_of(options), operator_of(options)) as desk:
        item = desk.ledger.queue.find(options.item)
        desk.ledger.append_all([Dropped(item.item.id, options.reason)])
    return _settled(screen, item, f"dropped: {safe(options.reason)}")


def _settled(screen: Screen, item: QueueItem, words: str) -> int:
    if screen.as_json:
        screen.document({"id": item.item.id, "settled": words})
    else:
        screen.say(f"{item.item.id}  {item.item.cause}  {item.item.subject}  {words}")
    return DONE

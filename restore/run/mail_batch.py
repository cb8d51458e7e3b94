"""One batch of messages into a live folder: intent, append, read back, compare, proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from restore.errors import MailFolderRemade, MailRefused, MailServerFailing
from restore.model.mail import AppendResult, Intent, Proof, Refusal, Stored
from restore.model.text import safe
from restore.run.mail_memory import locate
from restore.run.mail_proof import Outgoing, compare, read_back
from restore.run.mail_step import OVER_QUOTA, TOO_LARGE, LiveFolder, MailStep, Tally

GONE = frozenset(("TRYCREATE", "NONEXISTENT"))
FAULTS = frozenset(("SERVERBUG", "CONTACTADMIN", "UNAVAILABLE"))
FAULTS_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch that was sent: its messages, its intent, and what waits for the server's answer."""

    batch: Sequence[Outgoing]
    intent: Intent
    answer: Callable[[], Sequence[AppendResult]]


def send(step: MailStep, live: LiveFolder, batch: Sequence[Outgoing], tally: Tally) -> Flight | None:
    """Append a batch, without waiting for the answer; None where no message of it is to be tried.

    The intent is on disk before the first byte leaves. Nothing else may be asked of the session before land().
    Raises Fenced, MailUnreachable, MailStalled; the intent then tells the next run where to look.
    """
    fitting = [
        outgoing
        for outgoing in batch
        if not _beyond_quota(step, outgoing, tally) and not _beyond_limit(step, outgoing, tally)
    ]
    if not fitting:
        return None
    live.make(step)
    identities = tuple(outgoing.identity for outgoing in fitting)
    files = tuple(outgoing.file for outgoing in fitting)
    intent = Intent(step.batch_name(), live.path, live.uidvalidity, live.uidnext, identities, files)
    step.record(intent)
    return Flight(fitting, intent, _begin(step, live, fitting))


def land(step: MailStep, live: LiveFolder, flight: Flight, tally: Tally) -> None:
    """Read every message of a sent batch back and count what became of it; the proof goes to the journal with the
    next record. Raises Fenced, MailUnreachable, MailStalled, MailFolderRemade."""
    results = _results(step, live, flight.batch, flight.answer)
    try:
        uids = _uids(step, live, flight.intent, results)
        back = read_back(step, live, flight.batch, uids)
    except MailRefused as error:
        _check_gone(live, error.response_code, error.message)
        raise
    altered, stated = [], []
    for place, (outgoing, result, uid) in enumerate(zip(flight.batch, results, uids, strict=True)):
        if isinstance(result, Refusal):
            _refuse(step, tally, outgoing, result)
        elif compare(step, tally, outgoing, uid, back):
            altered.append(place)
        elif uid and uid not in back.whole:
            stated.append(place)
    step.later(Proof(flight.intent.batch, live.uidvalidity, tuple(uids), tuple(altered), tuple(stated)))
    live.grow([uid for uid in uids if uid])
    step.changed = step.changed or any(isinstance(result, Stored) for result in results)


def _begin(
    step: MailStep, live: LiveFolder, batch: Sequence[Outgoing]
) -> Callable[[], Sequence[AppendResult]]:
    step.desk.renew(step.key)
    messages = [outgoing.message for outgoing in batch]
    try:
        return step.session.send(live.path, messages, step.still_ours)
    except MailRefused as error:
        return partial(_refused, error)


def _refused(error: MailRefused) -> NoReturn:
    raise error


def _append(step: MailStep, live: LiveFolder, batch: Sequence[Outgoing]) -> list[AppendResult]:
    return _results(step, live, batch, _begin(step, live, batch))


def _results(
    step: MailStep, live: LiveFolder, batch: Sequence[Outgoing], answer: Callable[[], Sequence[AppendResult]]
) -> list[AppendResult]:
    """A batch that is refused as a whole is halved, down to the one message that is to blame."""
    try:
        results = answer()
    except MailRefused as error:
        _check_gone(live, error.response_code, error.message)
        if len(batch) == 1:
            return [_last_try(step, live, batch[0], Refusal(error.message, error.response_code))]
        half = len(batch) // 2
        if error.response_code == OVER_QUOTA:  # what still fits is for the newer ones
            newer = _append(step, live, batch[half:])
            return [*_append(step, live, batch[:half]), *newer]
        return [*_append(step, live, batch[:half]), *_append(step, live, batch[half:])]
    step.faults = 0
    return [
        _last_try(step, live, outgoing, result) if isinstance(result, Refusal) else result
        for outgoing, result in zip(batch, results, strict=True)
    ]


def _check_gone(live: LiveFolder, response_code: str, words: str) -> None:
    if response_code in GONE:
        raise MailFolderRemade(f"folder {safe('/'.join(live.path))} went away meanwhile: {words}")


def _check_fault(step: MailStep, refusal: Refusal) -> None:
    """One message may trip a server; many in a row mean that the server itself is ill, of a full disk for one."""
    step.faults = step.faults + 1 if refusal.response_code in FAULTS else 0
    if step.faults >= FAULTS_IN_A_ROW:
        raise MailServerFailing(f"{FAULTS_IN_A_ROW} messages in a row: {refusal.words}", server=step.target)


def _last_try(step: MailStep, live: LiveFolder, outgoing: Outgoing, refusal: Refusal) -> AppendResult:
    """A message refused alone: once more without its keywords, which some servers will not have."""
    _check_gone(live, refusal.response_code, refusal.words)
    _check_fault(step, refusal)
    system = frozenset(flag for flag in outgoing.message.flags if flag.startswith("\\"))
    if system == outgoing.message.flags or refusal.response_code in (OVER_QUOTA, *TOO_LARGE):
        return refusal
    step.desk.renew(step.key)
    alone = replace(outgoing.message, flags=system)
    try:
        result = step.session.append(live.path, [alone], step.still_ours)[0]
    except MailRefused as error:
        return Refusal(error.message, error.response_code)
    if isinstance(result, Stored):
        step.notes.add(f"stored without keywords, which were refused ({refusal.words})", outgoing.path)
    return result


def _beyond_quota(step: MailStep, outgoing: Outgoing, tally: Tally) -> bool:
    if step.quota_floor is None or outgoing.identity.size < step.quota_floor:
        return False
    words = f"over quota: not tried, since a message of {step.quota_floor:,} bytes was refused"
    _refuse(step, tally, outgoing, Refusal(words, OVER_QUOTA))
    return True


def _beyond_limit(step: MailStep, outgoing: Outgoing, tally: Tally) -> bool:
    """A message that the server says it takes none of that size is not sent for the refusal alone."""
    largest = step.session.largest()
    if largest is None or outgoing.identity.size <= largest:
        return False
    words = f"not tried: the server takes messages of {largest:,} bytes at most (APPENDLIMIT)"
    _refuse(step, tally, outgoing, Refusal(words, TOO_LARGE[0]))
    return True


def _refuse(step: MailStep, tally: Tally, outgoing: Outgoing, refusal: Refusal) -> None:
    line = f"{safe(outgoing.path)}: {safe(refusal.words)}"
    tally.refused.append(line)
    size = outgoing.identity.size
    if refusal.response_code == OVER_QUOTA:
        step.quota_floor = size if step.quota_floor is None else min(step.quota_floor, size)
        step.over_quota.append(line)
    elif refusal.response_code in TOO_LARGE:
        step.too_large.append(line)


def _uids(
    step: MailStep, live: LiveFolder, intent: Intent, results: Sequence[AppendResult]
) -> list[int | None]:
    """Each message's UID: by APPENDUID, or where the server does not say by looking at what came since."""
    uids = [result.uid if isinstance(result, Stored) else None for result in results]
    silent = [place for place, result in enumerate(results) if result == Stored(None)]
    if silent:
        taken = [uid for uid in uids if uid]
        wanted = [intent.identities[place] for place in silent]
        found = locate(step.session, live.path, live.uidnext, wanted, taken)
        came = [message.uid for message in step.session.messages(live.path, live.uidnext)]
        spare = iter(sorted(set(came) - {uid for uid in (*found, *taken) if uid}))
        for place, uid in zip(silent, found, strict=True):
            uids[place] = uid or next(spare, None)
    return uids

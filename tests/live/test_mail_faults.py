"""Connections cut anywhere, a server killed or frozen: the next run ends as if nothing had happened."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from fixtures.servers.proxy import Fault, FaultProxy
from restore.errors import Fenced, MailStalled, MailUnreachable
from restore.model.outcome import Done, Unchanged
from restore.run.leases import Leases
from tests.live.mailroom import DATE, NO_PENALTY, PASSWORD, Backup, Room, crlf, mail

CUTS = 100
MANY_CUTS = 600
CUTS_A_MAILBOX = 6
SEEDS = 200
BARE = "IMAP4rev1 NAMESPACE UIDPLUS LITERAL+"
UP_BYTES = 60_000
DOWN_BYTES = 70_000
BACKUP = {number: mail(number, size=(number * 997) % 7_000, with_id=number % 5 > 0) for number in range(16)}
RIGHT = Counter([*map(crlf, BACKUP.values()), crlf(BACKUP[3]), crlf(mail(900))])


def address(seed: int) -> str:
    return f"cut{seed}@example.is"


@pytest.fixture(
    scope="module", params=[DovecotOptions(), DovecotOptions(capability=BARE)], ids=["all", "singles"]
)
def dovecot(request: pytest.FixtureRequest) -> Iterator[PrivateDovecot]:
    users = {address(seed): PASSWORD for seed in range(SEEDS + 150)}
    options: DovecotOptions = request.param
    with PrivateDovecot(
        users, options=DovecotOptions(capability=options.capability, extra=NO_PENALTY)
    ) as server:
        yield server


@pytest.fixture
def backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backup:
    """Seventeen messages, one of them twice, that go in batches of five."""
    monkeypatch.setattr("restore.run.mail_folder.BATCH_MESSAGES", 5)
    made = Backup(tmp_path)
    for number, content in BACKUP.items():
        made.put(content, f"cur/{number}.a:2,S", date=DATE + number)
    made.put(BACKUP[3], "new/3.twin", date=DATE + 3)
    return made


class Freezing(Leases):
    """The worker that holds the step is frozen at its `moment`-th call; its lease runs out, and another one does the
    whole step before it wakes."""

    def __init__(self, moment: int, other: Callable[[], object]) -> None:
        super().__init__(1, clock=lambda: self.now)
        self.now = 0.0
        self._moments = iter(range(1, moment))
        self._other = other

    def check(self, epoch: int, step: str, worker: str) -> None:
        if worker != "second" and not self.now and next(self._moments, None) is None:
            self.now = 2 * self.seconds
            self._other()
        super().check(epoch, step, worker)


def prepared(dovecot: PrivateDovecot, backup: Backup, seed: int) -> Room:
    """A mailbox in which new mail and a copy of an old one have landed."""
    room = Room(dovecot, backup, address(seed))
    with room.user() as client:
        for content in (mail(900), BACKUP[7]):
            client.append("INBOX", "", "", crlf(content))
    return room


def finished(room: Room) -> bool:
    """Whether a run over a sound line ends with each message there as often as it should be."""
    room.port = 0
    outcome = room.run()
    return (
        isinstance(outcome, Done | Unchanged) and isinstance(room.run(), Unchanged) and room.held() == RIGHT
    )


@pytest.mark.parametrize("cuts", [CUTS, pytest.param(MANY_CUTS, marks=pytest.mark.long)], ids=["few", "many"])
def test_a_line_cut_at_any_byte_again_and_again_loses_and_doubles_nothing(
    dovecot: PrivateDovecot, backup: Backup, cuts: int
) -> None:
    struck, wrong = 0, []
    seeds = iter(range(SEEDS))
    with FaultProxy(dovecot.port) as proxy:
        while struck < cuts:
            seed = next(seeds)
            chance = random.Random(seed)
            room = prepared(dovecot, backup, seed)
            places = []
            for _ in range(CUTS_A_MAILBOX):
                room.port = proxy.port
                direction: Literal["up", "down"] = chance.choice(("up", "down"))
                place = int((UP_BYTES if direction == "up" else DOWN_BYTES) ** chance.uniform(0.4, 1.0))
                before = proxy.struck
                proxy.arm(Fault(chance.choice(("rst", "fin")), direction, after=place))
                with suppress(MailUnreachable):
                    room.run()
                struck += proxy.struck - before
                places.append((direction, place))
                proxy.heal()
            if not finished(room):
                wrong.append((seed, places))

    assert wrong == []


@pytest.mark.parametrize("moment", range(1, 41, 3))
def test_a_worker_that_was_frozen_while_another_took_over_doubles_nothing(
    dovecot: PrivateDovecot, backup: Backup, moment: int
) -> None:
    first = prepared(dovecot, backup, SEEDS + moment)
    second = Room(dovecot, backup, first.address, office=first.office, worker="second")
    first.leases = second.leases = Freezing(moment, second.run)

    with suppress(Fenced):
        first.run()

    first.leases = None
    assert finished(first)


@pytest.mark.parametrize("answer", [b"OK [APPENDUID", b" Append completed"])
def test_an_answer_lost_after_the_last_byte_was_stored_doubles_nothing(
    dovecot: PrivateDovecot, backup: Backup, answer: bytes
) -> None:
    room = prepared(dovecot, backup, SEEDS + 100 + len(answer))
    with FaultProxy(dovecot.port) as proxy:
        room.port = proxy.port
        proxy.arm(Fault("rst", "down", pattern=answer))
        with pytest.raises(MailUnreachable):
            room.run()

    assert sum(room.held().values()) > 2
    assert finished(room)


@pytest.mark.parametrize("seed", range(5))
def test_a_server_killed_while_it_stores_a_batch_loses_and_doubles_nothing(
    dovecot: PrivateDovecot, backup: Backup, seed: int
) -> None:
    room = prepared(dovecot, backup, SEEDS + 135 + seed)
    chance = random.Random(seed)
    batches = iter(range(100))
    fatal, delay = chance.randrange(1, 5), chance.uniform(0.0, 0.01)
    killer = threading.Timer(delay, dovecot.kill)

    def kill_soon(moment: str, op: str, about: str) -> None:
        if moment == "after" and next(batches) == fatal:
            killer.start()

    room.hook = kill_soon
    with suppress(MailUnreachable):
        room.run()
    if killer.ident is not None:
        killer.join()
    dovecot.start()
    room.hook = lambda moment, op, about: None

    assert finished(room)


def test_a_server_that_stops_answering_is_noticed_and_the_next_run_finishes(
    dovecot: PrivateDovecot, backup: Backup
) -> None:
    room = prepared(dovecot, backup, SEEDS + 145)
    room.timeout = 1.0
    with FaultProxy(dovecot.port) as proxy:
        room.port = proxy.port
        proxy.arm(Fault("stall", "down", pattern=b"OK [APPENDUID"))
        with pytest.raises(MailStalled, match="did not answer in time while appending") as stalled:
            room.run()

    assert stalled.value.transient
    assert finished(room)

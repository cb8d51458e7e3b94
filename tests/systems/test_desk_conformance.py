"""What a worker may rely on at any desk: the one in memory, the coordinator's over its socket, and over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from detectors.finding import Secret
from restore.errors import Fenced, SecretMissing
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.model.mail import INBOX, FolderCreated, Identity, Intent, Proof
from restore.model.ports import Desk
from restore.request import DeskClient
from restore.run.certificates import certificates_of, issue_cluster
from restore.run.desk import DeskServer
from restore.run.desk_tls import TlsDesk, open_tls
from restore.run.desk_tls_client import DeskAddress, TlsDeskClient
from restore.run.leases import Leases
from tests.memory.desk import MemoryDesk, Office

MAILBOX = "web1/anna@example.org"
INTENT = Intent("b1", INBOX, 7, 100, (Identity("ab" * 32, 12),), ("cur/1:2,S",))
PROOF = Proof("b1", 7, (100,))


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class House(Protocol):
    """A coordinator of epoch 5 with a lease of 30 s, and its workers."""

    leases: Leases
    clock: Clock

    def desk(self, epoch: int = 5) -> Desk: ...


class MemoryHouse:
    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.clock = Clock()
        self.leases = Leases(5, clock=self.clock)
        self._office = Office()
        self._workers = 0

    def desk(self, epoch: int = 5) -> Desk:
        self._workers += 1
        return MemoryDesk(self._office, self.leases, epoch=epoch, worker=str(self._workers))


class SocketHouse:
    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.clock = Clock()
        self.leases = Leases(5, clock=self.clock)
        state = path / "state"
        server = DeskServer(state, 5, self.leases, Vault.open(state, None), Journals(state))
        self._path = stack.enter_context(server).path
        self._stack = stack

    def desk(self, epoch: int = 5) -> Desk:
        client = DeskClient(self._path, epoch, timeout=10)
        self._stack.callback(client.close)
        return client


class TlsHouse:
    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.clock = Clock()
        self.leases = Leases(5, clock=self.clock)
        state = path / "state"
        issue_cluster(path / "tls")
        server = stack.enter_context(
            DeskServer(state, 5, self.leases, Vault.open(state, None), Journals(state))
        )
        how = TlsDesk("127.0.0.1", 0, certificates_of(path / "tls", "coordinator"), dict)
        self._port = stack.enter_context(open_tls(server, 5, how))
        self._files = certificates_of(path / "tls", "worker")
        self._stack = stack

    def desk(self, epoch: int = 5) -> Desk:
        client = TlsDeskClient(DeskAddress("127.0.0.1", self._port, epoch, 30), self._files, timeout=10)
        self._stack.callback(client.close)
        return client


@pytest.fixture(params=[MemoryHouse, SocketHouse, TlsHouse])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield request.param(tmp_path, stack)


def test_what_one_worker_recorded_the_next_one_reads_in_order(house: House) -> None:
    house.leases.allow(["mail/1"])
    house.desk().record("mail/1", MAILBOX, [INTENT, PROOF])
    house.clock.now += 31
    successor = house.desk()
    successor.record("mail/1", MAILBOX, [FolderCreated(("Entwürfe", "\udce9"))])

    assert successor.journal("mail/1", MAILBOX) == (INTENT, PROOF, FolderCreated(("Entwürfe", "\udce9")))


def test_the_newest_record_of_a_journal_is_told_without_the_others(house: House) -> None:
    house.leases.allow(["mail/1"])
    desk = house.desk()
    before = desk.last("mail/1", MAILBOX)
    desk.record("mail/1", MAILBOX, [INTENT, PROOF])

    assert (before, desk.last("mail/1", MAILBOX)) == (None, PROOF)


def test_each_mailbox_has_a_journal_of_its_own(house: House) -> None:
    house.leases.allow(["mail/1"])
    desk = house.desk()
    desk.record("mail/1", MAILBOX, [INTENT])

    assert desk.journal("mail/1", "web2/anna@example.org") == ()


def test_a_secret_comes_back_byte_for_byte(house: House) -> None:
    house.leases.allow(["look/1"])
    desk = house.desk()
    secret = Secret(bytes(range(256)))

    assert desk.get_secret("look/1", desk.put_secret("look/1", "verifier", secret)) == secret


def test_an_equal_secret_for_the_same_purpose_has_one_id_and_no_other(house: House) -> None:
    house.leases.allow(["look/1"])
    desk = house.desk()
    first = desk.put_secret("look/1", "wp", Secret(b"s3cret"))
    ids = [
        desk.put_secret("look/1", *more)
        for more in (("wp", Secret(b"s3cret")), ("joomla", Secret(b"s3cret")))
    ]

    assert [one == first for one in ids] == [True, False]


def test_a_secret_that_the_vault_does_not_have_is_missing(house: House) -> None:
    house.leases.allow(["look/1"])

    with pytest.raises(SecretMissing):
        house.desk().get_secret("look/1", "0" * 32)


def test_a_step_that_was_never_begun_is_fenced(house: House) -> None:
    with pytest.raises(Fenced):
        house.desk().renew("mail/1")


def test_a_worker_of_an_earlier_epoch_is_fenced(house: House) -> None:
    house.leases.allow(["mail/1"])

    with pytest.raises(Fenced):
        house.desk(epoch=4).record("mail/1", MAILBOX, [INTENT])
    assert house.desk().journal("mail/1", MAILBOX) == ()


def test_a_second_worker_is_fenced_as_long_as_the_first_one_renews(house: House) -> None:
    house.leases.allow(["mail/1"])
    first, second = house.desk(), house.desk()
    for _ in range(3):
        first.journal("mail/1", MAILBOX)
        house.clock.now += 29

    with pytest.raises(Fenced):
        second.renew("mail/1")


def test_a_worker_that_slept_past_its_lease_is_fenced_for_good_once_it_was_replaced(house: House) -> None:
    house.leases.allow(["mail/1"])
    sleeper, successor = house.desk(), house.desk()
    sleeper.renew("mail/1")
    house.clock.now += 31
    successor.renew("mail/1")
    house.clock.now += 31

    with pytest.raises(Fenced):
        sleeper.record("mail/1", MAILBOX, [INTENT])
    assert successor.journal("mail/1", MAILBOX) == ()


def test_a_step_that_has_ended_is_fenced_and_may_be_begun_again_by_anyone_at_once(house: House) -> None:
    house.leases.allow(["mail/1"])
    first, second = house.desk(), house.desk()
    first.renew("mail/1")
    house.leases.withdraw(["mail/1"])
    with pytest.raises(Fenced):
        first.renew("mail/1")
    house.leases.allow(["mail/1"])

    second.renew("mail/1")


def test_a_step_whose_worker_was_lost_is_given_on_when_that_worker_must_have_stopped(house: House) -> None:
    house.leases.allow(["mail/1"])
    lost, second = house.desk(), house.desk()
    lost.renew("mail/1")
    house.leases.lose(["mail/1"])
    with pytest.raises(Fenced):
        lost.renew("mail/1")
    house.leases.allow(["mail/1"])
    with pytest.raises(Fenced):
        second.renew("mail/1")
    house.clock.now += 31

    second.renew("mail/1")

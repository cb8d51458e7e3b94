"""Workers that an operator started: whom they listen to, what they leave behind, and steps that outlive them."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from restore.errors import ClusterGone, ClusterUnreachable, CoordinatorGone
from restore.model.outcome import Outcome
from restore.model.plan import Rest, Step
from restore.run.certificates import Certificates, certificates_of, issue_cluster
from restore.run.desk_tls import context
from restore.run.desk_tls_client import DeskAddress, TlsDeskClient
from restore.run.post import Factory
from restore.run.remote_cluster import Joining, RemoteCrew
from restore.run.strays import elsewhere_path
from tests.run.own_cluster import Hired, OwnCluster, hired, own_cluster, until
from tests.run.plans import done

RESTS = "tests.run.workplace:elsewhere_systems"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    with own_cluster(tmp_path_factory.mktemp("hosts"), workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="module")
def at_work(cluster: OwnCluster, folder: Path) -> Iterator[Hired]:
    with hired(cluster, folder / "state", Factory(RESTS, str(folder))) as office:
        yield office


def carried(crew: RemoteCrew, *steps: Step) -> dict[str, Outcome]:
    for step in steps:
        crew.begin(step)
    return {outcome.key: outcome for outcomes in crew.ready() for outcome in outcomes}


def rest(key: str, seconds: float = 0.1) -> Step:
    return Step(key, Rest(seconds))


def test_steps_are_carried_by_workers_that_were_there_before_the_run(
    at_work: Hired, cluster: OwnCluster, folder: Path
) -> None:
    outcomes = carried(at_work.crew, *(rest(f"step{number}", 0.2) for number in range(8)))

    assert outcomes == {f"step{number}": done(f"step{number}") for number in range(8)}
    carriers = {int((folder / f"step{number}.begun").read_text()) for number in range(8)}
    assert carriers == set(cluster.worker_pids())


@pytest.mark.long
def test_a_step_whose_worker_dies_is_carried_again(at_work: Hired) -> None:
    assert carried(at_work.crew, rest("dies-once")) == {"dies-once": done("dies-once")}


def answers(port: int, files: Certificates | None) -> bytes:
    """What a stranger hears; with an authority's certificates, or as anybody would come."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if files is not None:
        tls = context(files, ssl.Purpose.SERVER_AUTH)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, suppress(ssl.SSLError, ConnectionError):
        plain.settimeout(60)
        with tls.wrap_socket(plain) as line:
            line.sendall(b'{"op":"equipment","epoch":1,"step":"","worker":"w","id":1}\n')
            return line.recv(100)
    return b""


def plain_answers(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as line, suppress(ConnectionError):
        line.settimeout(60)
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        return line.recv(100)
    return b""


def test_scheduler_workers_and_desk_say_nothing_to_whoever_has_no_certificate_of_theirs(
    at_work: Hired, cluster: OwnCluster, tmp_path: Path
) -> None:
    issue_cluster(tmp_path / "foreign")
    foreign = certificates_of(tmp_path / "foreign", "worker")
    until(cluster.worker_pids, "the worker")
    ports = {*cluster.ports(), at_work.port}

    heard = [
        heard
        for port in ports
        for heard in (plain_answers(port), answers(port, None), answers(port, foreign))
    ]

    assert len(ports) >= 4
    assert heard == [b""] * (3 * len(ports))
    assert answers(at_work.port, certificates_of(cluster.tls, "worker")) == b'{"ok":{}}\n'


def test_a_worker_with_a_foreign_certificate_is_told_so(
    at_work: Hired, cluster: OwnCluster, tmp_path: Path
) -> None:
    issue_cluster(tmp_path / "foreign")
    address = DeskAddress("127.0.0.1", at_work.port, 1, 30)

    with pytest.raises(CoordinatorGone, match="different authorities"):
        TlsDeskClient(address, certificates_of(tmp_path / "foreign", "worker")).equipment()
    with pytest.raises(CoordinatorGone):
        TlsDeskClient(address, certificates_of(cluster.tls, "scheduler"), timeout=1).equipment()


def test_a_run_whose_workers_do_not_reach_it_says_so_before_anything_is_begun(
    cluster: OwnCluster, tmp_path: Path
) -> None:
    files = certificates_of(cluster.tls, "coordinator")
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        desk = DeskAddress("127.0.0.1", mute.getsockname()[1], 1, 30)
        joining = Joining(cluster.at, files, "nobody", desk, Factory(RESTS, str(tmp_path)))

        with pytest.raises(ClusterUnreachable, match="does not reach this coordinator: nobody listens"):
            RemoteCrew(joining, tmp_path / "cluster")


def test_a_run_leaves_nothing_of_its_own_with_the_workers(cluster: OwnCluster, tmp_path: Path) -> None:
    state = tmp_path / "other-state"
    with hired(cluster, state, Factory(RESTS, str(tmp_path))) as office:
        carried(office.crew, rest("one"))
        while_on = [path for path in cluster.folder.rglob("bulkrestore-other-state") if path.is_dir()]
        modes = {path.stat().st_mode & 0o777 for path in while_on}

    assert (len(while_on) > 0, modes) == (True, {0o700})
    assert [path for path in while_on if path.exists()] == []


@pytest.mark.long
def test_a_worker_that_is_stopped_dies_within_its_lease_and_its_step_is_carried_by_another(
    cluster: OwnCluster, tmp_path: Path
) -> None:
    begun = tmp_path / "long.begun"
    stopped: list[int] = []

    def stop() -> None:
        until(lambda: begun.exists() and begun.read_text() != "", "the step to begin")
        stopped.append(int(begun.read_text()))
        os.kill(stopped[0], signal.SIGSTOP)

    with hired(
        cluster, tmp_path / "state", Factory(RESTS, str(tmp_path)), lease=4.0, lost=(4.5,) * 8
    ) as office:
        stopper = threading.Thread(target=stop)
        stopper.start()
        outcomes = carried(office.crew, rest("long", 1.0))
        stopper.join()
        settled = office.crew.settled

    assert outcomes == {"long": done("long")}
    assert stopped[0] not in cluster.worker_pids()
    assert int(begun.read_text()) != stopped[0]
    assert not settled
    assert elsewhere_path(office.desk.path, 1).exists()


@pytest.mark.long
def test_a_run_ends_where_its_scheduler_is_lost(tmp_path: Path) -> None:
    with (
        own_cluster(tmp_path, workers=1) as cluster,
        hired(cluster, tmp_path / "state", Factory(RESTS, str(tmp_path))) as office,
    ):

        def kill() -> None:
            until((tmp_path / "long.begun").exists, "the step to begin")
            os.killpg(cluster.pieces[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ClusterGone):
            carried(office.crew, rest("long", 600))
        killer.join()

"""The cluster's crew for real: worker processes that die, a coordinator that dies, connections that are encrypted."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from restore.ledger.events import Started
from restore.ledger.ledger import Ledger
from restore.model.operator import Operator
from restore.model.outcome import Abandoned, Failed, Outcome
from restore.model.plan import Capacity, Job, Rest, Step
from restore.run.cluster import DaskCrew, Size
from restore.run.crew import STOPPED
from restore.run.execute import execute
from restore.run.flights import Pauses
from restore.run.post import Factory
from restore.run.process import logging_into
from tests.run.plans import FixedPlan, done

QUICK = Pauses(suspect=(0.1, 0.2), lost=(0.1, 0.1))
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def told() -> dict[str, int]:
    return {}


@pytest.fixture(scope="module")
def crew(folder: Path, told: dict[str, int]) -> Iterator[DaskCrew]:
    def note(key: str, amount: int) -> None:
        told[key] = told.get(key, 0) + amount

    with_two = DaskCrew(folder / "crew", at(folder), Size(2, 2), on_progress=note, pauses=QUICK)
    yield with_two
    with_two.close()


def at(folder: Path) -> Factory:
    return Factory("tests.run.workplace:rest_systems", str(folder))


def rest(key: str, seconds: float = 0.1) -> Step:
    return Step(key, Rest(seconds))


def carried(crew: DaskCrew, *steps: Step) -> dict[str, Outcome]:
    for step in steps:
        crew.begin(step)
    return {outcome.key: outcome for outcomes in crew.ready() for outcome in outcomes}


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.02)


def test_a_step_whose_worker_dies_is_carried_again_and_ends(crew: DaskCrew) -> None:
    before = crew.workers()

    assert carried(crew, rest("dies-once")) == {"dies-once": done("dies-once")}
    assert set(crew.workers()) != set(before)


def test_a_step_that_always_kills_its_worker_is_given_up_and_its_neighbours_are_not(crew: DaskCrew) -> None:
    neighbours = [f"neighbour{number}" for number in range(3)]

    outcomes = carried(crew, rest("always-dies"), *(rest(key, 0.5) for key in neighbours))

    lost = outcomes.pop("always-dies")
    assert isinstance(lost, Failed)
    assert (lost.code, lost.transient) == ("worker-lost", True)
    assert outcomes == {key: done(key) for key in neighbours}


def test_a_worker_killed_from_outside_in_the_middle_of_a_step_leaves_no_step_without_an_end(
    crew: DaskCrew, folder: Path
) -> None:
    begun = folder / "half-way.begun"

    def kill() -> None:
        until(lambda: begun.exists() and begun.read_text() != "")
        os.kill(int(begun.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = carried(crew, rest("half-way", 1.0), rest("other", 0.1))
    killer.join()

    assert outcomes == {"half-way": done("half-way"), "other": done("other")}


def test_bytes_done_are_told_and_none_is_told_twice(crew: DaskCrew, told: dict[str, int]) -> None:
    carried(crew, rest("bytes", 0.7))

    assert told["bytes"] > 0
    assert told["bytes"] % 1000 == 0


def test_a_step_on_a_server_that_failed_waits_before_it_tries_again(crew: DaskCrew) -> None:
    began = time.monotonic()
    crew.begin(rest("patient", 0), failures=2)
    outcomes = [outcome for some in crew.ready() for outcome in some]

    assert outcomes == [done("patient")]
    assert time.monotonic() - began >= QUICK.suspect[1]


def test_a_whole_plan_goes_through_the_cluster_into_the_ledger(crew: DaskCrew, tmp_path: Path) -> None:
    jobs = [
        Job(f"job{number}", "look", "alice", (Step(f"step{number}", Rest(), ("worker",)),))
        for number in range(200)
    ]
    with Ledger.open(tmp_path / "state", Operator("ada", "--operator", 0, 1, "host"), 1) as ledger:
        events = list(execute(FixedPlan(jobs), ledger, crew, Capacity({"worker": 16})))

        assert set(ledger.done()) == {f"step{number}" for number in range(200)}
    assert sum(isinstance(event, Started) for event in events) == 200


def test_every_port_of_the_cluster_refuses_whoever_has_no_certificate_of_this_run(crew: DaskCrew) -> None:
    processes = [psutil.Process(), *map(psutil.Process, crew.workers())]
    ports = {
        connection.laddr.port
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE

    said = [answer(port, wrap) for port in ports for wrap in (lambda plain: plain, anyone.wrap_socket)]

    assert len(ports) >= 3
    assert said == [b""] * len(said)


def answer(port: int, wrap: Callable[[socket.socket], socket.socket]) -> bytes:
    """What a stranger hears who asks for a page."""
    greeting = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.settimeout(5)
        try:
            with wrap(plain) as talk:
                talk.sendall(greeting)
                return talk.recv(100)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_a_plain_dask_client_cannot_join(crew: DaskCrew) -> None:
    address = crew.address.replace("tls://", "tcp://")
    code = f"from distributed import Client; Client({address!r}, timeout=3); print('joined')"

    joined = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (joined.returncode, joined.stdout) == (1, "")


def test_the_screen_stays_clean_and_what_the_cluster_leaves_is_ours_alone(
    crew: DaskCrew, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    carried(crew, rest("dies-quietly"))

    assert capfd.readouterr() == ("", "")
    log = folder / "crew" / "cluster.log"
    assert "dies-quietly" in log.read_text()
    private = [folder / "crew", folder / "crew" / "tls", log, *(folder / "crew" / "tls").iterdir()]
    assert [path.stat().st_mode & 0o077 for path in private] == [0] * 6


def test_a_bug_in_a_step_fails_that_step_alone_and_is_logged_with_its_place(
    crew: DaskCrew, folder: Path
) -> None:
    outcomes = carried(crew, rest("bug"), rest("beside", 0.5))

    broken = outcomes.pop("bug")
    assert isinstance(broken, Failed)
    assert (broken.code, broken.transient) == ("step-broken", False)
    assert "ZeroDivisionError at workplace.py:" in broken.message and "a bug" not in broken.message
    assert outcomes == {"beside": done("beside")}
    assert "bug met ZeroDivisionError at " in (folder / "crew" / "cluster.log").read_text()


def test_closing_in_the_middle_of_a_step_leaves_no_worker(tmp_path: Path) -> None:
    crew = DaskCrew(tmp_path / "crew", at(tmp_path), Size(1, 2))
    crew.begin(rest("long", 600))
    workers = crew.workers()

    crew.close()

    assert not any(map(psutil.pid_exists, workers))


def test_closing_after_the_work_gives_the_systems_of_every_worker_back(tmp_path: Path) -> None:
    crew = DaskCrew(tmp_path / "crew", at(tmp_path), Size(1, 1))
    carried(crew, rest("a"))
    (worker,) = crew.workers()

    crew.close()

    assert (tmp_path / f"{worker}.closed").exists()


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.run.coordinator", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.kill()


def line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def test_workers_die_with_a_coordinator_that_is_killed(
    coordinator: subprocess.Popen[str], tmp_path: Path
) -> None:
    workers = [psutil.Process(int(pid)) for pid in line(coordinator)[1:]]
    until(lambda: all((tmp_path / f"long{number}.begun").exists() for number in range(4)))

    coordinator.kill()

    until(lambda: not any(worker.is_running() for worker in workers))
    assert len(workers) == 2


def test_an_interrupt_reaches_the_coordinator_alone_and_a_second_one_stops_the_steps(
    coordinator: subprocess.Popen[str], tmp_path: Path
) -> None:
    workers = line(coordinator)[1:]
    until(lambda: all((tmp_path / f"long{number}.begun").exists() for number in range(4)))

    os.killpg(coordinator.pid, signal.SIGINT)
    assert line(coordinator) == ["draining"]
    assert all(psutil.Process(int(worker)).is_running() for worker in workers)
    os.killpg(coordinator.pid, signal.SIGINT)
    assert line(coordinator) == ["draining"]

    ended = sorted(line(coordinator) for _ in range(4))
    assert ended == [["ended", f"long{number}", "Abandoned"] for number in range(4)]
    assert (line(coordinator), coordinator.wait()) == (["closed"], 0)


def test_what_waits_for_its_server_is_abandoned_when_the_run_is_drained(tmp_path: Path) -> None:
    crew = DaskCrew(tmp_path / "crew", at(tmp_path), Size(1, 1))
    crew.begin(rest("waits", 0), failures=1)
    crew.drain()

    outcomes = [outcome for some in crew.ready() for outcome in some]
    crew.close()

    assert outcomes == [Abandoned("waits", STOPPED)]


def test_a_log_on_a_full_disk_leaves_the_screen_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with logging_into(Path("/dev/full"), ("restore.on-a-full-disk",)):
        logging.getLogger("restore.on-a-full-disk").warning("a line that cannot be written")

    assert capfd.readouterr().err == ""

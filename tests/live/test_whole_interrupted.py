"""A whole restore cut by SIGKILL at random and at chosen moments, on real servers: run again, it ends as an uncut one.

Seeded; each kill is aimed at a number of ledger events, so that it strikes work under way, never at a time.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from fixtures.company import Scale, WreckedCompany
from fixtures.servers import Fault, FaultProxy
from tests.live.program import Ended, Program, Running, events, wait_for

SCALE = Scale(customers=12, messages=3, rows=4, files=1, copies=False)
SEED = 20261115


def leftovers(company: WreckedCompany) -> list[str]:
    """What a finished restore must not leave: staging databases, throw-away accounts, partial files, processes."""
    found = []
    for name, server in (("db1", company.db1), ("db2", company.db2)):
        databases = server.sql("SHOW DATABASES").split()
        accounts = server.sql("SELECT CONCAT(User,'@',Host) FROM mysql.global_priv").split()
        found += [f"{name}: {one}" for one in databases if one.startswith("br_")]
        found += [f"{name}: {one}" for one in accounts if one.startswith("br_")]
    found += [str(path) for path in (company.state / "staging").rglob("*") if path.is_file()]
    return found + strays(company)


def strays(company: WreckedCompany) -> list[str]:
    """Processes of the program that still run for this company."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            words = " ".join(one.cmdline())
            ours = str(company.state) in words or (
                "forkserver" in words and one.cwd() and _opened(one, str(company.state))
            )
            if ours and one.status() != psutil.STATUS_ZOMBIE:
                found.append(f"process {one.pid}: {words}")
    return found


def _opened(process: psutil.Process, folder: str) -> bool:
    return any(file.path.startswith(folder) for file in process.open_files())


def finish(company: WreckedCompany, program: Program) -> None:
    """Run to the end, and see that nothing tells this restore from one that was never cut."""
    ended_as_if_uncut(company, program("run"))


def ended_as_if_uncut(company: WreckedCompany, ended: Ended) -> None:
    assert (ended.code, "Traceback" in ended.out + ended.err) == (3, False), ended
    assert company.prove().faults == ()
    wait_for(lambda: not strays(company), "the run's processes to be gone")
    assert leftovers(company) == []


def recorded(company: WreckedCompany, count: int) -> Callable[[], bool]:
    """Whether the ledger has so many events."""
    return lambda: len(events(company.state)) >= count


def strikes(proxy: FaultProxy, fault: Fault) -> Callable[[], bool]:
    """Arm a fault; whether it has struck."""
    before = proxy.struck
    proxy.arm(fault)
    return lambda: proxy.struck > before


def kill_worker(running: Running, chooser: random.Random) -> bool:
    """SIGKILL of one worker process, whichever."""
    workers = running.workers()
    if not workers:
        return False
    with suppress(ProcessLookupError):
        os.kill(chooser.choice(workers), signal.SIGKILL)
    return True


def kill_again_and_again(company: WreckedCompany, chooser: random.Random, kills: int) -> tuple[int, int]:
    """Runs in each of which up to two workers are killed, then all of it, until so many kills were made or nothing is
    left to do. How many struck the whole group, and how many a worker."""
    program = Program(company.incident, impatient=True)
    groups = workers = 0
    while groups + workers < kills:
        with program.running("run") as running:
            for _ in range(chooser.randint(0, 2)):
                if running.until(recorded(company, len(events(company.state)) + chooser.randint(2, 20))):
                    workers += kill_worker(running, chooser)
            if not running.until(recorded(company, len(events(company.state)) + chooser.randint(2, 20))):
                return groups, workers
            running.kill()
            groups += 1
    return groups, workers


def interrupted(seed: int, kills: int) -> None:
    chooser = random.Random(seed)
    struck = 0
    while struck < kills:
        with WreckedCompany(scale=SCALE) as company:
            struck += sum(kill_again_and_again(company, chooser, min(7, kills - struck)))
            finish(company, Program(company.incident))


def test_twenty_kills_of_coordinators_and_workers_lose_and_double_nothing() -> None:
    interrupted(SEED, 20)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_kills_of_coordinators_and_workers_lose_and_double_nothing(seed: int) -> None:
    interrupted(seed, 20)


@pytest.mark.long
def test_a_run_whose_workers_are_killed_one_by_one_ends_by_itself_as_if_they_had_not_been() -> None:
    chooser = random.Random(SEED)
    with (
        WreckedCompany(scale=SCALE) as company,
        Program(company.incident, impatient=True).running("run") as running,
    ):
        for number in (8, 30, 50):
            assert running.until(recorded(company, number))
            assert kill_worker(running, chooser)
        ended_as_if_uncut(company, running.end())


@contextmanager
def overheard() -> Iterator[tuple[WreckedCompany, FaultProxy, FaultProxy]]:
    """A company whose mail server and second database server are reached without TLS, each through a proxy."""
    with WreckedCompany(scale=SCALE) as company:
        company.db2.sql(f"ALTER USER {company.db2.admin_user}@'{company.db2.admin_host}' REQUIRE NONE")
        with FaultProxy(company.mail.port) as mail, FaultProxy(company.db2.port or 0) as database:
            company.write_incident(mail_port=mail.port, db2_port=database.port)
            text = company.incident.read_text()
            for name in (f'ca = "{company.mail.ca}"\n', f'ca = "{company.db2.ca}"\n'):
                text = text.replace(name, "")
            company.incident.write_text(text.replace('tls = "verify"', 'tls = "none"'))
            yield company, mail, database


# Each stops the line just behind these bytes, and the run is killed there: what went before is on the server, and
# neither worker nor ledger has heard of it.
MAIL_ACTS = (
    Fault("stall", "down", pattern=b"APPENDUID"),
    Fault("stall", "down", pattern=b"APPENDUID", after=4000),
    Fault("stall", "up", pattern=b"SUBSCRIBE"),
)
DATABASE_ACTS = (
    Fault("stall", "up", pattern=b"INSERT INTO"),
    Fault("stall", "up", pattern=b"DROP DATABASE IF EXISTS `br_stage_"),
    Fault("stall", "up", pattern=b"CREATE USER"),
    Fault("stall", "up", pattern=b"ACCOUNT UNLOCK"),
)


def test_a_kill_between_a_servers_commit_and_the_ledgers_word_loses_and_doubles_nothing() -> None:
    with overheard() as (company, mail, database):
        program = Program(company.incident)
        for proxy, faults in ((mail, MAIL_ACTS), (database, DATABASE_ACTS)):
            for fault in faults:
                with program.running("run") as running:
                    struck = strikes(proxy, fault)
                    assert running.until(struck), fault
                    running.kill()
                proxy.heal()
                proxy.drop()

        finish(company, program)


def test_an_interrupt_lets_what_has_begun_end_and_the_next_run_do_the_rest() -> None:
    with WreckedCompany(scale=SCALE) as company:
        program = Program(company.incident)
        with program.running("run") as running:
            assert running.until(lambda: len(events(company.state, "done", "mail/%")) >= 2)
            running.interrupt()
            ended = running.end()

        begun, ends = events(company.state, "started"), events(company.state)
        assert (ended.code, "Draining" in ended.err, "Traceback" in ended.err) == (1, True, False), ended
        assert "Run the same command again" in ended.err
        assert [key for key in set(begun) if ends.count(key) < 2] == []
        assert events(company.state, "drained") != []
        assert len(events(company.state, "started", "account/%")) == 0
        finish(company, program)

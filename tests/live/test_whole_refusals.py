"""What goes wrong on the real thing: a clear word, the rest goes on, nothing is lost, the next run after the repair
brings back all. Each run meets several faults at once, on different customers and servers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.company import Scale, WreckedCompany
from tests.live.program import OPERATOR, Ended, Program, events, questions

SCALE = Scale(customers=12, messages=3, rows=4, files=1, copies=False)


@pytest.fixture(scope="module")
def hurt() -> Iterator[WreckedCompany]:
    """A company that meets one fault after the other; each test leaves it repaired."""
    with WreckedCompany(scale=SCALE) as company:
        yield company


def program_of(company: WreckedCompany) -> Program:
    return Program(company.incident, impatient=True)


def failures(program: Program) -> dict[str, dict[str, Any]]:
    """What stands failed, by step."""
    return {one["key"]: one for one in program("status", "--json").document["failures"]}


def codes(program: Program) -> dict[str, set[str]]:
    """The kinds of steps that stand failed, by the code of their failure."""
    found: dict[str, set[str]] = {}
    for key, one in failures(program).items():
        found.setdefault(one["code"], set()).add(key.split("/")[0])
    return found


def assert_plainly_failed(ended: Ended) -> None:
    words = ended.out + ended.err
    assert (ended.code, "Traceback" in words, "next: " in words) == (1, False, True), ended


def secret(company: WreckedCompany, name: str, value: str) -> None:
    (company.folder / "secrets" / name).write_text(value + "\n")


def test_a_backup_that_is_not_there_or_is_another_machine_stops_nothing_but_itself(
    hurt: WreckedCompany,
) -> None:
    program = program_of(hurt)
    hurt.backup.stop()
    gone = program("run")
    hurt.backup.start()
    key = hurt.backup.folder / "host_key"
    kept = {path: path.read_bytes() for path in (key, key.with_suffix(".pub"))}
    hurt.backup.renew_host_key()
    other = program("run")
    for path, content in kept.items():
        path.write_bytes(content)
    hurt.backup.restart()

    for ended, code in ((gone, "source-unreachable"), (other, "host-key-unknown")):
        assert_plainly_failed(ended)
        assert (code in ended.err, "web1" in ended.err, "web2" in ended.err) == (True, True, True), ended
    assert events(hurt.state, "started") == []


def test_one_server_down_one_password_wrong_one_dump_unreadable_and_the_rest_is_restored(
    hurt: WreckedCompany,
) -> None:
    program = program_of(hurt)
    dump = hurt.tree / "web1" / "var" / "backups" / "mysql" / "bryndis_wp.sql.gz"
    dump.chmod(0)
    secret(hurt, "db2", "not the password")
    hurt.mail.stop()
    ended = program("run")
    hurt.mail.start()
    secret(hurt, "db2", hurt.db2.admin_password)
    dump.chmod(0o644)

    assert_plainly_failed(ended)
    assert "not the password" not in ended.out + ended.err
    assert {code: kinds for code, kinds in codes(program).items() if code != "mail-unreachable"} == {
        "database-login-refused": {"load"},
        "source-unreadable": {"load"},
    }
    assert "mail-unreachable" in codes(program)
    broken = next(one for one in failures(program).values() if one["code"] == "source-unreadable")
    assert (broken["customer"], "bryndis_wp.sql.gz" in broken["message"], bool(broken["hint"])) == (
        "bryndis",
        True,
        True,
    )
    down = next(one for one in failures(program).values() if one["code"] == "mail-unreachable")
    assert ("mail server mail1" in down["message"], bool(down["customer"]), bool(down["hint"])) == (True,) * 3
    made = [key.split("/")[2] for key in events(hurt.state, "done", "account/web1/%")]
    assert made.count("'wp'@'localhost'") == 1


def test_a_wrong_master_password_a_database_server_down_and_an_unreadable_mail_and_the_rest_is_restored(
    hurt: WreckedCompany,
) -> None:
    program = program_of(hurt)
    hurt.db2.stop()
    secret(hurt, "mail1", "not the password")
    refused = program("run")
    secret(hurt, "mail1", hurt.mail.master_password)

    assert_plainly_failed(refused)
    assert set(codes(program)) >= {"mail-login-refused", "database-unreachable"}

    maildir = hurt.tree / "web1" / "var" / "vmail" / "annablogg.is" / "anna" / "Maildir" / "cur"
    mail = sorted(maildir.iterdir())[0]
    mail.chmod(0)
    partial = program("run")
    mail.chmod(0o644)
    hurt.db2.start()

    assert (partial.code, "Traceback" in partial.out + partial.err) == (1, False), partial
    assert "database-unreachable" in codes(program)
    told = [line for line in partial.out.splitlines() if line.startswith("partial") and "anna@" in line]
    assert len(told) == 1 and mail.name.split(":")[0] in partial.out, partial.out
    assert len(events(hurt.state, "done", "mail/%")) == len(hurt.manifest.mailboxes) - 1


def test_while_a_run_is_on_readers_are_not_held_up_and_afterwards_all_is_there(
    hurt: WreckedCompany,
) -> None:
    program = Program(hurt.incident)
    item = questions(program)["ketill"]["id"]
    begun = len(events(hurt.state, "run-started"))
    with program.running("run", operator="first-one") as running:
        with hurt.backup.stop_cont():
            assert running.until(lambda: len(events(hurt.state, "run-started")) > begun)
            readers = [
                program(*words)
                for words in (("status",), ("log",), ("queue", "list"), ("queue", "show", item))
            ]
        ended = running.end()

    assert [(one.code in (0, 1, 3), one.err, bool(one.out)) for one in readers] == [(True, "", True)] * 4
    assert "Running: run by first-one" in readers[0].out
    assert (ended.code, "Traceback" in ended.err) == (3, False), ended
    assert hurt.prove().faults == ()
    operators = {one["operator"] for one in program("log", "--json").documents}
    assert operators == {OPERATOR, "first-one"}


@pytest.fixture
def on_small_disk() -> Iterator[WreckedCompany]:
    """A company whose state folder lies on a disk of 70 MB."""
    with WreckedCompany(scale=SCALE) as company:
        company.state.mkdir(mode=0o700)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=70m,mode=700", "tmpfs", company.state], check=True
        )
        try:
            yield company
        finally:
            subprocess.run(["umount", "-l", company.state], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as handle:
        size = 1 << 20
        while size:
            try:
                handle.write(bytes(size))
            except OSError:
                size //= 2
    return ballast


def test_a_disk_that_fills_and_a_backup_that_dies_in_mid_run_cost_another_run_and_nothing_else(
    on_small_disk: WreckedCompany,
) -> None:
    company, program = on_small_disk, program_of(on_small_disk)
    with program.running("run") as running:
        assert running.until(lambda: len(events(company.state, "done", "mail/%")) >= 2)
        ballast = fill(company.state)
        full = running.end()
    ballast.unlink()
    words = full.out + full.err
    assert (full.code, "Traceback" in words) == (1, False), full
    assert re.search("state-unwritable|staging-full", words) and re.search("is full|No space left", words), (
        full
    )

    before = len(events(company.state, "done"))
    with program.running("run") as running:
        assert running.until(lambda: len(events(company.state, "done")) > before + 3)
        company.backup.kill()
        dead = running.end()
    company.backup.start()
    assert_plainly_failed(dead)
    assert "source-unreachable" in dead.out + dead.err

    whole = program("run")
    assert (whole.code, "Traceback" in whole.out + whole.err) == (3, False), whole
    assert company.prove().faults == ()


def test_a_full_disk_is_refused_before_the_first_byte(on_small_disk: WreckedCompany) -> None:
    ballast = on_small_disk.state / "ballast"
    ballast.write_bytes(bytes(8 << 20))
    refused = program_of(on_small_disk)("run")

    assert (refused.code, "Traceback" in refused.err) == (1, False), refused
    assert (events(on_small_disk.state, "started"), "Free some space" in refused.out) == ([], True)

"""Customers whose mail programs will download everything once more are known by the traces that POP3 leaves."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.model.facts import MailboxLooked, Pop3Seen, Pop3User
from restore.model.mail import MailboxId
from restore.model.outcome import Done, Partial
from restore.model.plan import Forecast, Foreseen, Job, ReadPop3Logs, RestoreMailbox, Step
from restore.report.pop3 import foreseen, pop3_lines
from restore.survey.pop3 import pop3_traces, read_pop3_logs
from restore.systems.folder import FolderSource
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

LOG = (
    "Nov 20 10:00:00 web1 dovecot: pop3-login: Login: user=<Anna@x.test>, method=PLAIN, rip=192.0.2.1\n"
    "Nov 20 10:00:01 web1 dovecot: imap-login: Login: user=<imap@x.test>, method=PLAIN\n"
    "Nov 20 10:00:02 web1 dovecot: pop3-login: Disconnected (auth failed, 1 attempts): user=<stranger@x.test>\n"
    "Nov 20 10:00:03 web1 pop3d: LOGIN, user=bert@x.test, ip=[::ffff:192.0.2.1], port=[1]\n"
    "Nov 20 10:00:04 web1 pop3d: LOGIN FAILED, user=stranger@x.test, ip=[::ffff:192.0.2.1]\n"
    "Nov 20 10:00:05 web1 cyrus/pop3[123]: login: host.test [192.0.2.1] carl@x.test plaintext User logged in\n"
)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "dovecot-uidlist",
            "3 V1 N3 Gab\n1 P65f5e100.1 :1.a\n2 W20 Puidl S9 :2.P\n3 :3.a\n",
            "UIDLs of 2 messages",
        ),
        ("dovecot-uidlist", "3 V1 N3 Gab\n1 W20 :1.P\n2 :P2 P3\n", ""),
        ("courierpop3dsizelist", "/2 1 1\n", "Courier's POP3 server"),
        ("dovecot.index", "", ""),
    ],
)
def test_what_a_pop3_server_left_beside_the_mail_tells_of_it(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / "Maildir").mkdir()
    (tmp_path / "Maildir" / name).write_text(text)
    found = pop3_traces(FolderSource("night", str(tmp_path)), b"Maildir")

    assert told in found and bool(told) == bool(found)


def test_logins_are_counted_in_plain_and_packed_logs_and_failed_ones_are_none(tmp_path: Path) -> None:
    logs = tmp_path / "web1" / "var" / "log"
    logs.mkdir(parents=True)
    (logs / "mail.log").write_text(LOG)
    (logs / "mail.log.2.gz").write_bytes(gzip.compress(LOG.encode()) + gzip.compress(LOG.encode()))
    (logs / "mail.log.1.gz").write_bytes(gzip.compress(b"broken")[:9] + b"\xff\xff\xff")
    systems = GivenSystems(MemoryDesk(Office()), {"night": FolderSource("night", str(tmp_path))})
    work = ReadPop3Logs("web1", "night", b"web1", ("var/log/mail.log*", "var/log/gone"))
    outcome = read_pop3_logs("look-pop3/web1/0", work, systems)

    assert isinstance(outcome, Partial)
    assert [line.split(":")[0] for line in outcome.missing] == ["web1/var/log/mail.log.1.gz", "var/log/gone"]
    users = tuple(Pop3User(f"{name}@x.test", 3) for name in ("anna", "bert", "carl"))
    assert outcome.fact == Pop3Seen("web1", users, 2)


@given(st.binary(max_size=300))
def test_no_bytes_of_a_list_of_uids_make_a_look_fail(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "dovecot-uidlist").write_bytes(data)

    assert isinstance(pop3_traces(FolderSource("night", str(root)), b""), str)


def test_the_plan_says_how_many_customers_will_download_again_and_who() -> None:
    jobs, seen = [], {}
    for name, pop3 in (("anna", "Dovecot kept POP3 UIDLs"), ("bert", ""), ("carl", "")):
        mailbox = MailboxId("web1", f"{name}@x.test")
        step = Step(f"mail/{name}", RestoreMailbox(mailbox, name, "night", b"m", "mail1"))
        jobs.append(Foreseen(Job(step.key, "mail", name, (step,)), "", "mail1", 0))
        seen[f"look-{step.key}"] = Done(f"look-{step.key}", MailboxLooked(mailbox, 1, 1, 1, (), pop3))
    logs = Pop3Seen("web1", (Pop3User("bert@x.test", 7), Pop3User("nobody@x.test", 9)), 1)
    lines = pop3_lines(
        foreseen(Forecast(tuple(jobs), (), ()), {**seen, "look-pop3": Done("look-pop3", logs)})
    )

    assert lines[0].startswith("2 customer(s) read 2 mailbox(es) by POP3")
    assert lines[1:] == [
        "  anna  anna@x.test: Dovecot kept POP3 UIDLs",
        "  bert  bert@x.test: 7 POP3 logins in the access logs",
    ]

"""A verification really reads the backups and names what is damaged; no target is written, told from the servers."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from detectors.finding import Secret
from fixtures.company import WreckedCompany
from restore.model.verifier import native_verifier
from tests.live.conftest import SMALL
from tests.live.program import Ended, Program, wait_for

READING = re.compile(r"(?:SELECT|SHOW|SET SESSION|SET NAMES|SET AUTOCOMMIT|SET time_zone)\b", re.IGNORECASE)
HEAD = "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- Server version\t10.11.6-MariaDB\n\n"
TRAILER = "-- Dump completed on 2026-11-24  2:00:00\n"
DAMAGED = "web1/var/backups/mysql/hrafn_wp.sql"
MAILDIR = "web1/var/vmail/sagabok.is/saga/Maildir"
SIGNED = "1500000000.M1P1.web1:2,S"
HOLED = "1500000002.M3P1.web1:2,S"
WHOLE_BODY = b"Saela,\r\n\r\nkaer kvedja.\r\n"


@dataclass(frozen=True)
class Story:
    """What was done to a company's backups, and how each command ended. `killed` are the scratch servers that ran when
    the first verification was killed; `before` and `after` the live mailboxes' files around the second one."""

    company: WreckedCompany
    ended: dict[str, Ended]
    killed: list[int]
    left: list[int]
    before: dict[str, bytes]
    after: dict[str, bytes]
    log: dict[str, list[str]]

    def things(self, verb: str = "verify") -> dict[tuple[str, str], dict[str, Any]]:
        found: list[dict[str, Any]] = self.ended[verb].document["things"]
        return {(one["service"], one["thing"]): one for one in found}


def damage_a_dump(tree: Path) -> None:
    """Its beginning and its last line are as they were."""
    dump = tree / DAMAGED
    text = dump.read_bytes()
    place = text.index(b"INSERT INTO", len(text) // 2)
    dump.write_bytes(text[:place] + b"INSERT INTU" + text[place + 11 :])
    assert b"-- Dump completed" in dump.read_bytes()


def alter_mails(tree: Path) -> None:
    """One signed message whose body is another now; one with a hole of zeros; counts are as the folder's own."""
    digest = base64.b64encode(hashlib.sha256(WHOLE_BODY).digest())
    head = (
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=x.example;\r\n bh=%s; b=AAAA\r\n" % digest
        + b"From: a@x.example\r\nMessage-ID: <%d@x.example>\r\nSubject: bref\r\n\r\n"
    )
    for name, body in (
        (SIGNED, WHOLE_BODY.replace(b"kaer", b"kald")),
        ("1500000001.M2P1.web1:2,S", WHOLE_BODY),
        (HOLED, WHOLE_BODY + bytes(4096)),
    ):
        content = head % int(name[:10]) + body if name != HOLED else b"Subject: x\r\n\r\n" + body
        (tree / MAILDIR / "cur" / name).write_bytes(content)


def keep_hashes(company: WreckedCompany) -> None:
    """The lost server's accounts survived in a nightly dump; one of them has another password than its config."""
    known = {one.user: one for one in company.manifest.accounts if one.server == "web1"}
    known_hash = native_verifier(Secret(known["saga_drupal"].password.encode())).reveal().decode()
    other_hash = native_verifier(Secret(b"changed last week")).reveal().decode()
    rows = [("localhost", "saga_drupal", known_hash), ("localhost", "saga_b", other_hash)]
    values = ",".join(
        f"""('{host}','{user}','{{"access":0,"plugin":"mysql_native_password","authentication_string":"{word}"}}')"""
        for host, user, word in rows
    )
    table = (
        "CREATE TABLE `global_priv` (\n  `Host` char(255) NOT NULL,\n  `User` char(128) NOT NULL,\n"
        "  `Priv` longtext NOT NULL\n) ENGINE=Aria;\n"
    )
    text = f"{HEAD}{table}INSERT INTO `global_priv` VALUES {values};\n{TRAILER}"
    (company.tree / "web1/var/backups/mysql/mysql.sql").write_text(text)


def scratch_servers(state: Path) -> list[int]:
    """Servers whose folder lies in the state folder, by what stands at /mnt in their own view."""
    if not any((state / "scratch").glob("*/run/s.sock")):
        return []
    folders = {(one.stat().st_dev, one.stat().st_ino) for one in (state / "scratch").glob("*")}
    found = []
    for process in psutil.process_iter(["pid", "name", "status"]):
        try:
            mounted = Path(f"/proc/{process.pid}/root/mnt").stat()
        except OSError:
            continue
        here = (mounted.st_dev, mounted.st_ino) in folders
        if here and process.info["name"] == "mariadbd" and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def mail_files(company: WreckedCompany) -> dict[str, bytes]:
    """Every message, subscription and keyword of every live mailbox, and the UIDs by which clients know them."""
    root = company.mail.folder / "mail"
    kept = ("subscriptions", "dovecot-uidlist", "dovecot-keywords")
    return {
        str(one.relative_to(root)): one.read_bytes()
        for one in sorted(root.rglob("*"))
        if one.is_file() and (one.parent.name in ("cur", "new", "tmp") or one.name in kept)
    }


def queries(company: WreckedCompany, name: str) -> list[str]:
    """What a target's server was asked, from its general log."""
    server = getattr(company, name)
    text = (server.folder / "work" / "general.log").read_text(errors="replace")
    found = re.findall(r"\t\s*\d+ (Query|Execute|Prepare|Init DB)\t(.*)", text)
    return [words for _, words in found if "general_log" not in words]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with WreckedCompany(scale=SMALL) as company:
        damage_a_dump(company.tree)
        alter_mails(company.tree)
        keep_hashes(company)
        company.write_incident(workers=3)
        program = Program(company.incident)
        ended: dict[str, Ended] = {}
        # While a target hangs no verification can come to its end, so the kill cannot miss it; two of the three
        # workers may hang with it, one is left for the dumps.
        with company.db1.stop_cont(), program.running("verify", "--json") as running:
            assert running.until(lambda: scratch_servers(company.state), "a scratch server"), running.err
            killed = scratch_servers(company.state)
            os.kill(running.process.pid, signal.SIGKILL)
            running.process.wait()
            wait_for(lambda: not any(map(_runs, killed)), "the scratch servers to end")
        company.write_incident()
        for server in (company.db1, company.db2):
            general = server.folder / "work" / "general.log"
            server.sql(
                f"SET GLOBAL general_log_file = '{general}';"
                " SET GLOBAL log_output = 'FILE'; SET GLOBAL general_log = ON;"
            )
        before = mail_files(company)
        ended["verify"] = program("verify", "--json")
        left, after = scratch_servers(company.state), mail_files(company)
        log = {name: queries(company, name) for name in ("db1", "db2")}
        _empty_a_dump(company.tree)
        ended["run"] = program("run", "--json", "--yes")
        ended["queue"] = program("queue", "list", "--json")
        ended["report"] = program("report", "--json")
        yield Story(company, ended, killed, left, before, after, log)


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _empty_a_dump(tree: Path) -> None:
    """What a verification left in staging, or found damaged, is not fetched again: these files would load nothing."""
    for dump in (tree / "web1/var/backups/mysql/saga_blogg.sql", tree / DAMAGED):
        stamp = dump.stat()
        dump.write_bytes(b" " * stamp.st_size)
        os.utime(dump, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_a_killed_verification_leaves_no_server_and_the_next_one_none_either(story: Story) -> None:
    assert story.killed
    assert not any(map(_runs, story.killed))
    assert story.left == []
    assert not (story.company.state / "scratch").exists()


def test_no_target_was_written_told_from_the_servers_side(story: Story) -> None:
    assert {name: bool(words) for name, words in story.log.items()} == {"db1": True, "db2": True}
    assert [words for said in story.log.values() for words in said if not READING.match(words)] == []
    assert story.after == story.before


def test_a_dump_with_its_last_line_and_a_damaged_middle_is_named_and_all_others_come_back(
    story: Story,
) -> None:
    dumps = {name: one for (service, name), one in story.things().items() if service == "database"}

    assert {name for name, one in dumps.items() if one["forecast"] != "whole"} == {"hrafn_wp", "halla_wp"}
    assert "INSERT INTU" in " ".join(dumps["hrafn_wp"]["lost"])
    assert story.ended["verify"].code == 1


def test_an_altered_body_is_named_by_its_sender_s_signature_and_a_hole_by_itself(story: Story) -> None:
    doubtful = "\n".join(story.things()["mail", "saga@sagabok.is"]["doubtful"])

    assert re.search(re.escape(SIGNED) + r".*signed", doubtful)
    assert re.search(re.escape(HOLED) + r".*hole", doubtful)
    assert "1500000001.M2P1" not in doubtful


def test_a_config_s_password_is_proven_or_contradicted_by_a_hash_that_survived(story: Story) -> None:
    logins = {name: one for (service, name), one in story.things().items() if service == "account"}

    assert (logins["saga_drupal"]["forecast"], logins["saga_b"]["forecast"]) == ("whole", "doubt")
    assert "blogg/wp-config.php is wrong" in logins["saga_b"]["what"]
    assert logins["blom_joomla"]["forecast"] == "unknown"


def test_a_run_fetches_nothing_again_that_lies_in_staging_or_was_found_damaged(story: Story) -> None:
    report = {one["thing"]: one for one in story.ended["report"].document["forecast"]}
    asked = {one["subject"]: " ".join(one["evidence"]) for one in story.ended["queue"].document}

    assert "INSERT INTU" in asked["web1/database/hrafn_wp"]
    assert (report["saga_blogg"]["forecast"], report["saga_blogg"]["outcome"]) == (
        "would come back",
        "came back",
    )


def test_after_a_run_the_report_holds_the_forecast_against_the_outcome_item_by_item(story: Story) -> None:
    pairs = {(one["service"], one["thing"]): one for one in story.ended["report"].document["forecast"]}

    assert {one["held"] for one in pairs.values()} <= {True, None}
    assert pairs["database", "hrafn_wp"]["held"] is True
    assert pairs["mail", "saga@sagabok.is"]["held"] is True
    assert len(pairs) == len(story.things())


def test_a_run_s_time_is_estimated_from_what_was_measured_and_says_what_it_rests_on(story: Story) -> None:
    document = story.ended["verify"].document

    assert 0 < document["estimate_seconds"]["least"] < document["estimate_seconds"]["most"]
    assert any("appending to the live mail server is NOT in it" in line for line in document["basis"])
    assert document["tried"] == document["known"]

"""No password, and nothing a server keeps of one, is to be found where a restore leaves its traces."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client
from distributed.scheduler import Scheduler
from distributed.security import Security

from fixtures.company import Scale, WreckedCompany
from tests.live.program import Ended, Program, Running, events, questions

ANSWERED = "svarað í síma & 'munað'"


def planted(company: WreckedCompany) -> dict[str, list[bytes]]:
    """Every secret of the company, by what it is, in all the ways it may have been written down."""
    passwords = {f"{one.server}/{one.user}": one.password for one in company.manifest.accounts}
    passwords |= {"answered": ANSWERED, "master of mail1": company.mail.master_password}
    passwords |= {"administrator of db1": company.db1.admin_password}
    passwords |= {"administrator of db2": company.db2.admin_password}
    return {name: written(text) for name, text in passwords.items()}


def written(password: str) -> list[bytes]:
    raw = password.encode()
    once = hashlib.sha1(raw, usedforsecurity=False).digest()
    verifier = hashlib.sha1(once, usedforsecurity=False).hexdigest()
    texts = {
        password,
        json.dumps(password)[1:-1],
        repr(password)[1:-1],
        repr(raw)[2:-1],
        password.replace("\\", "\\\\").replace("'", "\\'"),
        urllib.parse.quote(password),
        raw.hex(),
        once.hex(),
        verifier,
        verifier.upper(),
    }
    encoded = {raw, base64.b64encode(raw), base64.b64encode(bytes.fromhex(verifier)), bytes.fromhex(verifier)}
    return [*{one.encode() for one in texts}, *encoded]


def found(secrets: dict[str, list[bytes]], where: str, content: bytes) -> list[str]:
    """Which secrets stand in this content."""
    return [f"{name} in {where}" for name, forms in secrets.items() if any(one in content for one in forms)]


def scheduler_state(dask_scheduler: Scheduler) -> bytes:
    """All that the scheduler holds of its tasks, clients, workers and events."""
    tasks = [
        (key, repr(task), pickle.dumps(task.run_spec), repr(task.annotations))
        for key, task in dask_scheduler.tasks.items()
    ]
    logs = [(name, list(topic.events)) for name, topic in dask_scheduler._broker._topics.items()]
    return repr((tasks, logs, dask_scheduler.identity(), list(dask_scheduler.transition_log))).encode()


def overhear(running: Running, company: WreckedCompany, folder: Path) -> dict[str, bytes]:
    """The cluster's state as its own client sees it, through the certificates of the run."""
    tls = company.state / "cluster" / "tls"
    node = {
        f"tls_client_{part}": os.fspath(tls / name)
        for part, name in (("cert", "node.pem"), ("key", "node.key"))
    }
    security = Security(tls_ca_file=os.fspath(tls / "authority.pem"), require_encryption=True, **node)  # type: ignore[no-untyped-call]
    address = scheduler_address(running)
    with Client(address, security=security, set_as_default=False, timeout="20s") as client:  # type: ignore[no-untyped-call]
        client.dump_cluster_state(os.fspath(folder / "dump"), format="yaml")
        return {
            "the scheduler": client.run_on_scheduler(scheduler_state),
            "the cluster's state dump": (folder / "dump.yaml").read_bytes(),
            "the cluster's events": repr(client.get_events()).encode(),
        }


def scheduler_address(running: Running) -> str:
    """Where the coordinator listens."""
    listening = [
        one.laddr.port
        for one in psutil.Process(running.process.pid).net_connections("tcp4")
        if one.status == psutil.CONN_LISTEN
    ]
    workers_talk_to = {
        one.raddr.port
        for pid in running.workers()
        for one in psutil.Process(pid).net_connections("tcp4")
        if one.status == psutil.CONN_ESTABLISHED and one.raddr.port in listening
    }
    return next(f"tls://127.0.0.1:{port}" for port in listening if port in workers_talk_to)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WreckedCompany, dict[str, bytes]]]:
    """A company restored with an answer, and all that was said meanwhile."""
    with WreckedCompany(scale=Scale(customers=12, messages=2, rows=3, files=1, copies=False)) as company:
        program = Program(company.incident)
        ended: dict[str, Ended] = {verb: program(verb) for verb in ("survey", "plan")}
        item: dict[str, Any] = {}
        overheard: dict[str, bytes] = {}
        with program.running("run") as running:
            assert running.until(lambda: len(events(company.state, "done", "switch/%")) >= 2)
            overheard = overhear(running, company, tmp_path_factory.mktemp("cluster"))
            ended["run"] = running.end()
        assert ended["run"].code == 3, ended["run"]
        item = questions(program)["ketill"]
        words = ("queue", "answer", item["id"], "--user", "ketill", "--database", "ketill_gestir")
        ended["answer"] = program(*words, "--password-stdin", feed=ANSWERED + "\n")
        ended["run again"] = program("run")
        assert "account/web1/'ketill'@'localhost'" in "".join(events(company.state, "done", "account/%"))
        for verb in ("status", "log"):
            ended[verb] = program(verb)
            ended[f"{verb} --json"] = program(verb, "--json")
        ended["list"] = program("queue", "list", "--all", "--json")
        ended["show"] = program("queue", "show", item["id"], "--json")
        overheard |= {f"the words of {verb}": (one.out + one.err).encode() for verb, one in ended.items()}
        yield company, overheard


def test_no_secret_is_in_what_the_program_says_or_its_cluster_holds(
    told: tuple[WreckedCompany, dict[str, bytes]],
) -> None:
    company, overheard = told
    secrets = planted(company)

    assert [one for where, content in overheard.items() for one in found(secrets, where, content)] == []
    assert all(len(content) > 50 for content in overheard.values()), {k: len(v) for k, v in overheard.items()}
    config = company.tree / "web2" / "home" / "finnur" / "public_html" / "configuration.php"
    assert found(secrets, "his config", config.read_bytes()) == ["web2/finnur_j in his config"]
    assert b"load/web" in overheard["the scheduler"] + overheard["the cluster's state dump"]


def test_no_secret_is_in_the_state_folder_outside_the_vault_and_none_readable_in_it(
    told: tuple[WreckedCompany, dict[str, bytes]],
) -> None:
    company, _ = told
    secrets = planted(company)
    files = [path for path in company.state.rglob("*") if path.is_file()]
    names = {path.relative_to(company.state).parts[0] for path in files}

    assert {"ledger.sqlite", "vault", "journals", "cluster"} <= names
    assert [
        one for path in files for one in found(secrets, str(path), path.read_bytes() + str(path).encode())
    ] == []
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []

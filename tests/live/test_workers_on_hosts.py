"""A whole restore by workers on hosts of their own: the coordinator killed in the middle, strangers on the network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fixtures.servers.folder import fresh_folder
from restore.run.certificates import issue_cluster
from tests.live.lan import HUB, Host, lan
from tests.live.program import events
from tests.run.own_cluster import REPOSITORY, OwnCluster, until

SCALE = ("--customers", "12", "--messages", "2", "--rows", "3", "--files", "1")


@contextmanager
def running(words: Sequence[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own, killed at the end."""
    with out.open("wb") as said:
        process = subprocess.Popen(
            [*words], cwd=REPOSITORY, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def server_ports(incident: Path) -> list[str]:
    """The ports of backup, mail and database servers."""
    said = tomllib.loads(incident.read_text())
    servers = [*said["source"], *said["mail_target"], *said["database_target"]]
    return [str(one["port"]) for one in servers if "port" in one]


@pytest.mark.long
def test_workers_on_hosts_of_their_own_finish_what_a_killed_coordinator_began_and_nothing_is_doubled() -> (
    None
):
    with ExitStack() as stack:
        folder = stack.enter_context(fresh_folder("lan"))
        hub, *hosts = stack.enter_context(lan(2))
        company, incident = folder / "c", folder / "c" / "incident.toml"
        module = (sys.executable, "-m")
        serve = (*hub.inside, *module, "fixtures.company", "serve", str(company), *SCALE)
        serving = stack.enter_context(running(serve, folder / "serve.out"))
        stack.callback(serving.wait)
        stack.callback(serving.terminate)
        until(
            lambda: "serving" in (folder / "serve.out").read_text() or serving.poll() is not None,
            "the company",
        )
        cluster = OwnCluster(folder, f"tls://{HUB}:8786")
        stack.callback(cluster.close)
        issue_cluster(cluster.tls)
        cluster.scheduler(hub.inside)
        for host in hosts:
            doors = (*host.inside, *module, "tests.live.lan", hub.name, *server_ports(incident))
            stack.enter_context(running(doors, folder / f"{host.name}.doors"))
            cluster.worker(host.name, 1, host.inside)
        for host in hosts:
            cluster.await_said(host.name, f"is at tls://{host.address}:")
        strangers(hub, hosts[0], folder)

        options = ("-i", str(incident), "--scheduler", cluster.at, "--certificates", str(cluster.tls))
        run = (*hub.inside, *module, "restore.cli", "run", "--yes", *options)
        with running(run, folder / "cut.out") as cut:
            until(
                lambda: len(events(company / "state", "done", "mail/%")) >= 2 or cut.poll() is not None,
                "mail",
            )
            assert cut.poll() is None, (folder / "cut.out").read_text()
        with running(run, folder / "run.out") as whole:
            code = whole.wait()
        said = (folder / "run.out").read_text()
        prove = (*hub.inside, *module, "fixtures.company", "prove", str(company))
        proof = subprocess.run(prove, cwd=REPOSITORY, capture_output=True, text=True, check=False)

        assert code == 3, said
        assert "an earlier run was cut off from workers on other hosts; waiting 30 s" in said
        assert (proof.returncode, "doubled 0" in proof.stdout) == (0, True), proof.stdout
        assert not [*(company / "state").glob("elsewhere.*")]


JOIN = """
import sys
from distributed import Client
from distributed.security import Security
address, ca, certificate, key = sys.argv[1:]
security = Security(tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)
Client(address, security=security, timeout=5)
print("joined")
"""


def strangers(hub: Host, host: Host, folder: Path) -> None:
    """A client and a worker with another authority's certificates are let in by nobody."""
    foreign = folder / "foreign"
    issue_cluster(foreign)
    files = [str(foreign / name) for name in ("authority.pem", "coordinator.pem", "coordinator.key")]
    client = [*host.inside, sys.executable, "-c", JOIN, f"tls://{hub.address}:8786", *files]
    joined = subprocess.run(client, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (joined.returncode, joined.stdout) == (1, ""), joined.stderr

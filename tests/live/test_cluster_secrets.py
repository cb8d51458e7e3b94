"""No password, and nothing a server keeps of one, is to be found in a cluster whose workers are elsewhere, nor on their
disks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from distributed import Client
from distributed.security import Security

from fixtures.company import Scale, WreckedCompany
from tests.live.program import Program, events
from tests.live.test_whole_secrets import found, planted, scheduler_state
from tests.run.own_cluster import OwnCluster, own_cluster


def overhear(cluster: OwnCluster, folder: Path) -> dict[str, bytes]:
    """The cluster's state as whoever holds a certificate sees it."""
    tls = {
        f"tls_client_{part}": os.fspath(cluster.tls / f"coordinator.{end}")
        for part, end in (("cert", "pem"), ("key", "key"))
    }
    authority = os.fspath(cluster.tls / "authority.pem")
    security = Security(tls_ca_file=authority, require_encryption=True, **tls)  # type: ignore[no-untyped-call]
    with Client(cluster.at, security=security, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.dump_cluster_state(os.fspath(folder / "dump"), format="yaml")
        plugins = client.run_on_scheduler(lambda dask_scheduler: repr(dask_scheduler.worker_plugins).encode())
        return {
            "the scheduler": client.run_on_scheduler(scheduler_state),
            "the scheduler's plugins": plugins,
            "the cluster's state dump": (folder / "dump.yaml").read_bytes(),
            "the cluster's events": repr(client.get_events()).encode(),
        }


def on_disk(folder: Path) -> dict[str, bytes]:
    """Every file of the workers, but for dumps that are being loaded: those are the customers' own."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "staging" not in path.parts
    }


@pytest.mark.long
def test_no_secret_is_in_an_operators_cluster_or_on_its_workers_disks(tmp_path: Path) -> None:
    scale = Scale(customers=12, messages=2, rows=3, files=1, copies=False)
    with WreckedCompany(scale=scale) as company, own_cluster(tmp_path, workers=2) as cluster:
        program = Program(company.incident)
        words = ("run", "--yes", "--scheduler", cluster.at, "--certificates", str(cluster.tls))
        with program.running(*words) as running:
            assert running.until(lambda: len(events(company.state, "done", "switch/%")) >= 2), running.err
            said = overhear(cluster, tmp_path) | on_disk(tmp_path / "w")
            ended = running.end()
        said |= on_disk(tmp_path / "w") | {"the words of the run": (ended.out + ended.err).encode()}
        said |= {name: cluster.said(name).encode() for name in ("scheduler", "w")}
        secrets = planted(company)

        assert ended.code == 3, ended
        assert [one for where, content in said.items() for one in found(secrets, where, content)] == []
        assert b"load/web" in said["the scheduler"] + said["the cluster's state dump"]
        assert b"restoreadmin" in said["the scheduler's plugins"]
        assert not list((tmp_path / "w").rglob("bulkrestore-*"))

"""Verbs that make a cluster of an operator's hosts: its certificates, its scheduler, its workers. None of them needs an
incident file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from restore.elsewhere import Cluster, place_of, towards
from restore.errors import BadUse, DeskUnheard, StateUnwritable
from restore.ledger import disk
from restore.model.text import safe
from restore.run.certificates import certificates_of, issue_cluster
from restore.run.cluster import Size
from restore.run.cluster_nodes import Workers, serve_scheduler, serve_workers
from restore.verbs.screen import DONE, Screen


def cluster_certificates(options: Namespace, screen: Screen) -> int:
    """Make an authority and a certificate for each role."""
    folder = Path(options.folder)
    try:
        files = issue_cluster(folder)
    except OSError as error:
        raise StateUnwritable(f"{safe(str(folder))} cannot be written: {error.strerror}") from error
    if screen.as_json:
        screen.document({"files": [str(path) for path in files]})
    else:
        screen.say(
            *map(str, files),
            "Valid for 90 days. Whoever holds a .key can run anything on every worker: copy to each host only its own.",
        )
    return DONE


def cluster_scheduler(options: Namespace, screen: Screen) -> int:
    """Be the scheduler until stopped."""
    files = certificates_of(Path(options.certificates), "scheduler")
    try:
        serve_scheduler(
            options.host, options.port, files, lambda address: screen.say(f"scheduler: {address}")
        )
    except OSError as error:
        place = f"{safe(options.host)}:{options.port}"
        raise DeskUnheard(f"no scheduler can listen at {place}: {error.strerror or error}") from error
    return DONE


def cluster_worker(options: Namespace, screen: Screen) -> int:
    """Be workers until stopped."""
    place_of(options.scheduler)
    files = certificates_of(Path(options.certificates), "worker")
    folder = Path(options.folder).absolute()
    disk.private_folder(folder)
    size = Size(options.processes, options.steps)
    host = options.host or towards(options.scheduler)
    serve_workers(Workers(options.scheduler, size, folder, host), files, screen.say)
    return DONE


def cluster_of(options: Namespace) -> Cluster | None:
    """The cluster that a command which restores or looks was told to use. Raises BadUse, CertificatesMissing."""
    scheduler = getattr(options, "scheduler", None)
    if scheduler is None:
        return None
    if options.certificates is None:
        raise BadUse(
            "--scheduler needs --certificates DIR: the coordinator's, as `cluster certificates` made them"
        )
    place_of(scheduler)
    host, port = options.desk or ("", 0)
    return Cluster(scheduler, certificates_of(Path(options.certificates), "coordinator"), host, port)


def note_unused(options: Namespace, screen: Screen) -> None:
    """Say, where a run under way takes a command up, that it does so with its own workers."""
    if getattr(options, "scheduler", None) is not None:
        screen.warn("A run is under way and does this with the workers it has; --scheduler is not used.")

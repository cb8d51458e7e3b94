"""The pieces of a cluster that an operator starts on his hosts: a scheduler, and workers that wait for runs.

Whoever connects to either can run code in it: both accept only mutual TLS by certificates of one authority, and have
no page (dashboard).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny, Worker
from distributed.scheduler import Scheduler

from restore.run.certificates import Certificates
from restore.run.cluster import CONFIG, Size, security_of
from restore.run.semaphores import sweep_semaphores

APART = {**CONFIG, "distributed.worker.multiprocessing-method": "spawn"}

AGAIN_SECONDS = 2.0

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers to be started on this host: of which scheduler (tls://HOST:PORT), how many, in which folder they keep
    what they fetch, and at which address of this host they listen."""

    scheduler: str
    size: Size
    folder: Path
    host: str


class PagelessWorker(Worker):
    """A worker whose page is closed before anybody can ask for it."""

    def start_http_server(self, *args: Any, **options: Any) -> None:
        super().start_http_server(*args, **options)  # type: ignore[no-untyped-call]
        self.http_server.stop()


def serve_scheduler(host: str, port: int, files: Certificates, told: Told) -> None:
    """Be a scheduler until SIGINT or SIGTERM; `told` hears its address once it listens. Raises OSError."""
    dask.config.set(APART)

    async def serve() -> None:
        stop = _stop_signal()
        scheduler = Scheduler(
            host=host,
            port=port,
            protocol="tls://",
            security=security_of(files),
            dashboard_address="127.0.0.1:0",
        )
        scheduler.http_server.stop()
        async with scheduler:
            told(scheduler.address)
            await stop.wait()

    asyncio.run(serve())


def serve_workers(wanted: Workers, files: Certificates, told: Told) -> None:
    """Be workers until SIGINT or SIGTERM; `told` hears it once they have joined. A scheduler that is not there yet
    is waited for. Raises OSError."""
    sweep_semaphores()
    dask.config.set(APART)

    async def serve() -> None:
        stop = asyncio.ensure_future(_stop_signal().wait())
        kept = [asyncio.ensure_future(_keep(wanted, files, told)) for _ in range(wanted.size.processes)]
        await asyncio.wait((stop, *kept), return_when=asyncio.FIRST_COMPLETED)
        for one in kept:
            one.cancel()
        ended = await asyncio.gather(*kept, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    asyncio.run(serve())


async def _keep(wanted: Workers, files: Certificates, told: Told) -> None:
    """Be a nanny, and another one when its scheduler is lost, until cancelled."""
    while True:
        nanny = _nanny(wanted, files)
        try:
            await asyncio.ensure_future(nanny)
            told(f"a worker for {wanted.size.threads} step(s) at once is at {nanny.worker_address}")
            await nanny.finished()  # type: ignore[no-untyped-call]
            told(f"lost the scheduler at {wanted.scheduler}; waiting for it")
        except OSError as error:
            told(f"cannot join {wanted.scheduler} yet: {error}")
        finally:
            await asyncio.shield(nanny.close())
        await asyncio.sleep(AGAIN_SECONDS)


def _nanny(wanted: Workers, files: Certificates) -> Nanny:
    return Nanny(
        wanted.scheduler,
        nthreads=wanted.size.threads,
        security=security_of(files),
        protocol="tls://",
        host=wanted.host,
        local_directory=os.fspath(wanted.folder),
        worker_class=PagelessWorker,
        dashboard_address="127.0.0.1:0",
    )


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    return stop

"""Dumps tried out on a private server: what verifies there is what restores, loaded by the same loader."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.finding import Secret
from restore.errors import DatabaseUnreachable, ScratchLimit, ScratchUnavailable
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import STAGING_PREFIX, Loaded
from restore.model.ports import SurvivingHash
from restore.systems.dump_hashes import read_hashes
from restore.systems.mysql import MysqlServer
from restore.systems.scratch_server import ScratchLimits, ScratchProcess

NAME = "scratch"
LOOK_SECONDS = 0.5
NO_SECRET = SecretRef("env", "")


class ScratchServer:
    """Satisfies restore.model.ports.Scratch. Its process starts with the first load and is fresh for each tenant:
    another data folder, not the same one swept. `area` is the state folder's place for such servers."""

    def __init__(self, area: Path, limits: ScratchLimits | None = None) -> None:
        self._area = area
        self._limits = limits or ScratchLimits()
        self._process: ScratchProcess | None = None
        self._tenant = ""

    def load(self, tenant: str, dump: Iterable[bytes]) -> Loaded:
        process = self._for(tenant)
        staging = STAGING_PREFIX + secrets.token_hex(8)
        server = MysqlServer(_address(process), Secret(b""))
        with _Watch(process, self._limits) as watch:
            try:
                loaded = server.load(staging, watch.over(dump))
                server.drop_staging(staging)
            except DatabaseUnreachable as error:
                self._end()
                if watch.because:
                    raise ScratchLimit(watch.because) from error
                raise ScratchUnavailable(
                    f"the scratch server ended while it loaded: {error.message}"
                ) from error
            except BaseException:
                self._end()
                raise
            finally:
                server.close()
        return loaded

    def hashes(self, dump: Iterable[bytes]) -> Sequence[SurvivingHash]:
        return tuple(read_hashes(iter(dump)))

    def close(self) -> None:
        """End the server and remove all it held."""
        self._end()
        if self._process is not None:
            self._process.close()
            self._process = None

    def _for(self, tenant: str) -> ScratchProcess:
        if self._process is None:
            self._process = ScratchProcess(self._area, self._limits)
        if tenant != self._tenant or not self._process.running:
            self._tenant = ""
            self._process.fresh()
            self._tenant = tenant
        return self._process

    def _end(self) -> None:
        """After a load that did not come through nothing of it stays."""
        self._tenant = ""
        if self._process is not None:
            self._process.kill()


def _address(process: ScratchProcess) -> DatabaseTarget:
    return DatabaseTarget(NAME, "root", NO_SECRET, socket=process.address)


class _Watch:
    """Kills the server where a load takes more than its limits; `because` says which."""

    def __init__(self, process: ScratchProcess, limits: ScratchLimits) -> None:
        self._process = process
        self._limits = limits
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="scratch-limits", daemon=True)
        self._left = limits.seconds
        self.because = ""

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def over(self, dump: Iterable[bytes]) -> Iterable[bytes]:
        """The dump's chunks for as long as no limit is passed; what can be read again still can."""
        return _Limited(self, dump)

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._left -= LOOK_SECONDS
            self.because = self._passed()
            if self.because:
                self._process.signal()
                return

    def _passed(self) -> str:
        used, disk = self._process.used(), os.statvfs(self._process.folder)
        free = disk.f_bavail * disk.f_frsize
        if self._left <= 0:
            return f"the load took more than {self._limits.seconds:,.0f} seconds on a scratch server"
        if used > self._limits.bytes:
            return f"the load took {used:,} bytes of disk on a scratch server, {self._limits.bytes:,} are allowed"
        if free < self._limits.spare:
            return f"{free:,} bytes are left on the disk of the state folder: the scratch server was ended"
        return ""


@dataclass(frozen=True, slots=True)
class _Limited:
    watch: _Watch
    dump: Iterable[bytes]

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.dump:
            if self.watch.because:
                raise ScratchLimit(self.watch.because)
            yield chunk

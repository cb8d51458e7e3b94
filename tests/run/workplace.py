"""Systems for workers of a real cluster: steps that rest, and faults on demand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from restore.model.ports import DatabaseServer, Desk, MailServer, Progress, Source, Staging
from restore.run.remote_cluster import Station


class RestSystems:
    """Has nothing but progress; leaves a mark in `folder` for each step that begins and when it is closed.

    A step whose key names a fault has it: "dies" kills its worker the first time, "always-dies" every time, "bug"
    meets a bug, "bytes" tells of a thousand bytes each time it is asked.
    """

    def __init__(self, folder: str, progress: Callable[[str], Progress]) -> None:
        self._folder = Path(folder)
        self._progress = progress

    def progress(self, step: str) -> Progress:
        begun = self._folder / f"{step}.begun"
        first = not begun.exists()
        begun.write_text(str(os.getpid()))
        if step.startswith("always-dies") or (step.startswith("dies") and first):
            os.kill(os.getpid(), 9)
        if step.startswith("bug"):
            raise ZeroDivisionError("a bug")
        told = self._progress(step)
        return (lambda amount: told(1000)) if step.startswith("bytes") else told

    def close(self) -> None:
        (self._folder / f"{os.getpid()}.closed").touch()

    @property
    def desk(self) -> Desk:
        raise LookupError("no desk here")

    @property
    def staging(self) -> Staging:
        raise LookupError("no staging here")

    def source(self, name: str) -> Source:
        raise LookupError(name)

    def mail(self, name: str) -> MailServer:
        raise LookupError(name)

    def database(self, name: str) -> DatabaseServer:
        raise LookupError(name)


def rest_systems(folder: str, progress: Callable[[str], Progress]) -> RestSystems:
    """See RestSystems."""
    return RestSystems(folder, progress)


class StillSystems(RestSystems):
    """Leaves no mark."""

    def progress(self, step: str) -> Progress:
        return self._progress(step)

    def close(self) -> None:
        pass


def still_systems(argument: object, progress: Callable[[str], Progress]) -> StillSystems:
    """See StillSystems."""
    return StillSystems("", progress)


def elsewhere_systems(station: object, progress: Callable[[str], Progress]) -> RestSystems:
    """See RestSystems; for a worker elsewhere, whose station's argument is the folder."""
    assert isinstance(station, Station)
    return RestSystems(str(station.argument), progress)

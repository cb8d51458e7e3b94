"""A staged dump's plain bytes, told of as they are read, that can be read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from restore.model.mysql import Fingerprint
from restore.model.ports import Systems


@dataclass(frozen=True, slots=True)
class DumpStream:
    """Each iteration begins at the dump's first byte; before each chunk it is asked whether this worker may go on."""

    key: str
    systems: Systems
    file: Fingerprint

    def __iter__(self) -> Iterator[bytes]:
        progress = self.systems.progress(self.key)
        for number, chunk in enumerate(self.systems.staging.plain(self.file)):
            progress(0)
            if number % 256 == 0:
                self.systems.desk.renew(self.key)
            yield chunk

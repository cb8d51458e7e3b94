"""What one load may take of a server: hours, and bytes of its disk.

Both are looked at between statements of the dump and whenever a table comes to its end. A single statement of the
throw-away account has its own limit (mysql_throwaway.py). What the server sorts in its tmpdir is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from restore.errors import LoadTooLarge, LoadTooLong
from restore.model.incident import DatabaseTarget
from restore.model.text import safe
from restore.systems.dump_text import quoted_string
from restore.systems.mysql_connection import Connection

HOUR, GIGABYTE = 3600.0, 10**9
# The disk is asked for anew when the dump has gone on by so many bytes, or after so many seconds.
STRIDE, PAUSE = 64 << 20, 20.0


@dataclass(slots=True)
class Watch:
    """Looks after one load into `staging`. `clock` gives seconds."""

    admin: Connection
    staging: str
    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)
    _asked: float = field(init=False)
    _read: int = 0

    def __post_init__(self) -> None:
        self.begun = self._asked = self.clock()

    def look(self, offset: int, *, now: bool = False) -> None:
        """`offset` bytes of the dump have been read. Raises LoadTooLong, LoadTooLarge."""
        moment, target = self.clock(), self.admin.target
        if moment - self.begun > target.load_hours * HOUR:
            raise LoadTooLong(
                f"the load of {safe(self.staging)} on {target.name} has taken {target.load_hours:,} hours and stands"
                f" at byte {offset:,} of the dump",
                kept=f"{self.staging}, with the tables that were whole",
            )
        if now or offset - self._read >= STRIDE or moment - self._asked >= PAUSE:
            self._asked, self._read = moment, offset
            self._look_at_disk(target, offset)

    def _look_at_disk(self, target: DatabaseTarget, offset: int) -> None:
        taken = disk_of(self.admin, self.staging)
        if taken > target.load_gigabytes * GIGABYTE:
            raise LoadTooLarge(
                f"the load of {safe(self.staging)} on {target.name} takes {taken:,} bytes of its disk at byte"
                f" {offset:,} of the dump; {target.load_gigabytes * GIGABYTE:,} are allowed"
            )


def disk_of(admin: Connection, database: str) -> int:
    """Bytes of the files of a database's tables: InnoDB's as they stand, other engines' as the server states them."""
    pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "/%"
    held = admin.one(
        b"SELECT SUM(FILE_SIZE) FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME LIKE "
        + quoted_string(pattern)
    )[0]
    others = admin.one(
        b"SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE ENGINE <> 'InnoDB'"
        b" AND TABLE_SCHEMA = " + quoted_string(database)
    )[0]
    return int(held or 0) + int(others or 0)

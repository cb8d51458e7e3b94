"""Dumps that are folders, mydumper's and those of mysqldump --tab, read as one plain stream of SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restore.errors import DumpDamaged
from restore.model.mydumper import METADATA, PARTIAL, UNREAD, kind_of
from restore.model.mysql import MYDUMPER, DumpFile, Fingerprint
from restore.model.text import safe
from restore.systems.mydumper import check_finished, stated_rows, with_delimiters
from restore.systems.tab_dump import check_rows_are_there, rows_sql, settings_of, table_in, tables_of
from restore.systems.unpack_salvage import Hole

Read = Callable[[Fingerprint], Iterator[bytes]]
LARGEST_SCHEMA = 16 << 20


class FolderDump:
    """One database's files of a folder; `read` gives a file's plain bytes."""

    def __init__(self, dump: DumpFile, read: Read) -> None:
        self._dump = dump
        self._read = read
        self._files = {part.path.rpartition(b"/")[2]: part for part in dump.parts}
        self._name = dump.database.name.encode("utf-8", "surrogateescape")

    def plain(self) -> Iterator[bytes]:
        """The whole of it. Raises DumpDamaged where it is not whole."""
        if self._dump.form == MYDUMPER:
            self._check_finished()
        for piece in self._pieces(strict=True):
            if isinstance(piece, bytes):
                yield piece

    def salvaged(self, read: Callable[[Fingerprint], Iterator[bytes | Hole]]) -> Iterator[bytes | Hole]:
        """All that can be read of it; `read` gives a file's plain bytes as far as they can be had."""
        holes: list[Hole] = []

        def pieces(file: Fingerprint) -> Iterator[bytes]:
            for piece in read(file):
                if isinstance(piece, bytes):
                    yield piece
                else:
                    holes.append(piece)

        self._read = pieces
        for piece in self._pieces(strict=False):
            yield from holes
            holes.clear()
            yield piece
        yield from holes

    def stated(self) -> dict[str, int]:
        """How many rows each table has, where the folder states it."""
        found = self._files.get(METADATA)
        if self._dump.form != MYDUMPER or found is None:
            return {}
        return stated_rows(self._whole(found), self._name)

    def _check_finished(self) -> None:
        name = METADATA if METADATA in self._files else PARTIAL
        found = self._files.get(name)
        text = self._whole(found) if found is not None else b""
        check_finished(name, text, safe(self._dump.fingerprint.path))

    def _pieces(self, *, strict: bool) -> Iterator[bytes | Hole]:
        steps = self._mydumper() if self._dump.form == MYDUMPER else self._tab()
        for file, chunks in steps:
            last = b""
            try:
                for chunk in chunks:
                    last = (last + chunk)[-64:]
                    yield chunk
                self._check_end(file, last)
            except DumpDamaged as damage:
                if strict:
                    raise
                yield Hole(file.size, file.size, 0, f"{safe(file.path)}: {damage.message}")
            yield b"\n"

    def _check_end(self, file: Fingerprint, last: bytes) -> None:
        """A file that ends inside a statement would swallow the next one's begin."""
        line = last.rstrip().rpartition(b"\n")[2].strip()
        if line and not line.endswith(b";") and not line.startswith(b"--"):
            raise DumpDamaged(f"{safe(file.path)} ends inside a statement: it is cut")

    def _mydumper(self) -> Iterator[tuple[Fingerprint, Iterator[bytes]]]:
        for name, file in self._files.items():
            if name in (METADATA, PARTIAL):
                continue
            if UNREAD.fullmatch(name):
                yield file, self._no_sql(file)
                continue
            if kind_of(name, self._name) == "body":
                yield file, with_delimiters(self._whole(file))
            else:
                yield file, self._read(file)

    def _tab(self) -> Iterator[tuple[Fingerprint, Iterator[bytes]]]:
        views: list[Fingerprint] = []
        for table, (made, rows) in tables_of(self._files).items():
            text = self._whole(self._files[made])
            if b"Final view structure for view" in text:
                views.append(self._files[made])
                continue
            yield self._files[made], iter((text,))
            if rows is None:
                yield self._files[made], self._without_rows(table, text)
                continue
            where = safe(self._files[rows].path)
            settings = settings_of(text, self._read(self._files[rows]), self._dump.charset, where)
            yield self._files[rows], iter((settings,))
            yield self._files[rows], rows_sql(table_in(text, table), self._read(self._files[rows]), where)
        for file in views:
            yield file, self._read(file)

    def _without_rows(self, table: str, made: bytes) -> Iterator[bytes]:
        check_rows_are_there(table, made, safe(self._dump.fingerprint.path))
        yield b"\n"

    def _no_sql(self, file: Fingerprint) -> Iterator[bytes]:
        yield b""
        raise DumpDamaged(
            f"{safe(file.path)} holds rows that are no SQL (--csv, --load-data): they are not read"
        )

    def _whole(self, file: Fingerprint) -> bytes:
        text = b""
        for chunk in self._read(file):
            text += chunk
            if len(text) > LARGEST_SCHEMA:
                raise DumpDamaged(f"{safe(file.path)} is larger than {LARGEST_SCHEMA:,} bytes")
        return text

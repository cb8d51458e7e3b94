"""A Tree in memory, for tests of everything above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detectors.walk import Entry, components


class MemoryTree:
    """Files by path; a value that is a str is a link to that target. Counts what is asked of it."""

    def __init__(self, files: Mapping[bytes, bytes | str]) -> None:
        self.files = dict(files)
        self.folders: dict[bytes, set[bytes]] = {b"": set()}
        self.asked = 0
        for path in self.files:
            names = path.split(b"/")
            for depth in range(len(names)):
                self.folders.setdefault(b"/".join(names[:depth]), set()).add(names[depth])

    def _entry(self, path: bytes, name: bytes) -> Entry | None:
        if path in self.folders:
            return Entry(name, "folder", 0, 0.0, None)
        content = self.files.get(path)
        if content is None:
            return None
        return Entry(name, "link" if isinstance(content, str) else "file", len(content), 0.0, None)

    def list(self, path: bytes) -> Sequence[Entry]:
        self.asked += 1
        entries = (self._entry(path + b"/" + name if path else name, name) for name in self.folders[path])
        return [entry for entry in entries if entry is not None]

    def lstat(self, path: bytes) -> Entry | None:
        self.asked += 1
        path = b"/".join(components(path))
        return self._entry(path, path.rpartition(b"/")[2])

    def readlink(self, path: bytes) -> bytes:
        target = self.files[path]
        assert isinstance(target, str)
        return target.encode()

    def read(self, path: bytes, limit: int) -> bytes:
        self.asked += 1
        content = self.files[path]
        assert isinstance(content, bytes), "a link was opened"
        return content[:limit]

"""A backup in memory. It passes the same conformance suite as the folder and the SFTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.walk import Entry
from restore.errors import SourceMissing, SourceUnreadable
from restore.model.ports import Content, Unreadable
from restore.systems.paths import NOT_FOLLOWED, split, unreadable

CHUNK = 64 * 1024


@dataclass(slots=True)
class File:
    """A regular file; one that `readable` is False of is there and cannot be opened."""

    data: bytes
    mtime: float = 1_600_000_000.0
    readable: bool = True


@dataclass(slots=True)
class Link:
    """A symbolic link to `target`, as it stands."""

    target: bytes


@dataclass(slots=True)
class Folder:
    """A folder by its names."""

    below: dict[bytes, Node] = field(default_factory=dict)


@dataclass(slots=True)
class Pipe:
    """A file that is neither regular nor a folder nor a link."""


Node = File | Link | Folder | Pipe


def _nothing(operation: str, path: bytes) -> None:
    """The hook that does nothing."""


class MemorySource:
    """Satisfies restore.model.ports.Source. `hook(operation, path)` is called before each operation and each
    chunk of a stream, so that a test can raise what it likes there; `gone` makes the source vanish."""

    def __init__(
        self,
        name: str,
        files: Mapping[bytes, bytes | Node],
        hook: Callable[[str, bytes], None] = _nothing,
    ) -> None:
        self._name = name
        self.root = Folder()
        self.hook = hook
        self.gone = False
        for path, node in files.items():
            self.put(path, node)

    @property
    def name(self) -> str:
        return self._name

    def put(self, path: bytes, node: bytes | Node) -> None:
        """Let something stand at that path; missing folders are made."""
        folder = self.root
        *parents, last = path.split(b"/")
        for name in parents:
            below = folder.below.setdefault(name, Folder())
            assert isinstance(below, Folder)
            folder = below
        folder.below[last] = File(node) if isinstance(node, bytes) else node

    def list(self, path: bytes) -> Sequence[Entry]:
        node = self._node("list", path)
        if not isinstance(node, Folder):
            raise self._absent(path, node, NOT_FOLLOWED)
        return [_entry(name, one) for name, one in node.below.items()]

    def lstat(self, path: bytes) -> Entry | None:
        node = self._node("lstat", path)
        return None if node is None else _entry(path.rpartition(b"/")[2], node)

    def readlink(self, path: bytes) -> bytes:
        node = self._node("readlink", path)
        if not isinstance(node, Link):
            raise self._absent(path, node, "not a link")
        return node.target

    def read(self, path: bytes, limit: int) -> bytes:
        return self._file("read", path).data[:limit]

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        for path in paths:
            try:
                file = self._file("read", path)
            except SourceUnreadable as error:
                yield Unreadable(path, error.message)
                continue
            if len(file.data) > limit:
                yield Unreadable(path, f"{len(file.data):,} bytes, above the limit of {limit:,}")
            else:
                yield Content(path, _entry(path.rpartition(b"/")[2], file), file.data)

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        file = self._file("stream", path)
        while chunk := file.data[offset : offset + CHUNK]:
            yield chunk
            offset += len(chunk)
            self._node("stream", path)

    def close(self) -> None:
        """Nothing to give back."""

    def _node(self, operation: str, path: bytes) -> Node | None:
        self.hook(operation, path)
        if self.gone:
            raise SourceMissing(f"{self._name}: the source is gone", server=self._name)
        node: Node | None = self.root
        for name in split(self._name, path):
            if node is None:
                return None
            if not isinstance(node, Folder):
                raise unreadable(self._name, path, NOT_FOLLOWED)
            node = node.below.get(name)
        return node

    def _file(self, operation: str, path: bytes) -> File:
        node = self._node(operation, path)
        if not isinstance(node, File):
            raise self._absent(path, node, "not a regular file")
        if not node.readable:
            raise unreadable(self._name, path, "permission denied")
        return node

    def _absent(self, path: bytes, node: Node | None, otherwise: str) -> SourceUnreadable:
        return unreadable(self._name, path, "nothing stands there" if node is None else otherwise)


def _entry(name: bytes, node: Node) -> Entry:
    match node:
        case File(data, mtime):
            return Entry(name, "file", len(data), mtime, None)
        case Folder():
            return Entry(name, "folder", 0, 1_600_000_000.0, None)
        case Link(target):
            return Entry(name, "link", len(target), 1_600_000_000.0, None)
        case Pipe():
            return Entry(name, "other", 0, 1_600_000_000.0, None)

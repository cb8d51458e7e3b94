"""A detector is a value: which names betray its system, and a function from a Site to findings.

It has no I/O of its own: the core walks and opens, a detector recognises and reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.finding import Finding, text
from detectors.walk import Entry, OutOfRoot, Rooted, Unreadable, join


@dataclass(frozen=True, slots=True)
class Config:
    """A file as read: its real path relative to the examined root, and its bytes.

    `whole` is False where the file is larger than the limit; `content` is then its beginning.
    """

    path: bytes
    content: bytes
    whole: bool = True

    @property
    def name(self) -> str:
        """The path as text, for evidence."""
        return text(self.path)


@dataclass(slots=True)
class Site:
    """One folder that may hold an install, seen by a detector. All paths given are relative to it.

    `domains` are the names the site may be served under, most likely first; `environment` what the web server
    is known to pass on. `aliases` lets a detector read a backup copy in place of the config it is a copy of.
    """

    rooted: Rooted
    folder: bytes
    domains: tuple[str, ...] = ()
    environment: Mapping[str, bytes] = field(default_factory=dict)
    aliases: Mapping[bytes, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The folder as text, relative to the examined root; "." for the root itself."""
        return text(self.folder) or "."

    def find(self, path: bytes) -> tuple[bytes, Entry] | None:
        """The real path and entry of a name in the site, links resolved inside the root; None if there is none.

        A name that leads out of the root counts as not there; the walk has listed the link that did it."""
        try:
            return self.rooted.entry(self.aliases.get(path, path), self.folder)
        except (OutOfRoot, Unreadable) as error:
            self.notes.append(str(error))
            return None

    def has(self, *paths: str) -> bool:
        """Whether any of these names stands in the site."""
        return any(self.find(path.encode()) is not None for path in paths)

    def names(self, path: bytes = b"") -> Sequence[bytes]:
        """The names in a folder of the site, sorted; () where it is none or cannot be listed."""
        found = self.find(path) if path else (self.folder, None)
        if found is None or (found[1] is not None and found[1].kind != "folder"):
            return ()
        try:
            return sorted(self.rooted.listing(found[0]))
        except Unreadable as error:
            self.notes.append(str(error))
            return ()

    def read(self, path: bytes | str) -> Config | None:
        """A regular file of the site, None where there is none that can be read."""
        found = self.find(path.encode() if isinstance(path, str) else path)
        if found is None or found[1].kind != "file":
            return None
        limit = self.rooted.limits.file
        try:
            content = self.rooted.read(found[0], limit + 1)
        except Unreadable as error:
            self.notes.append(f"{text(found[0])}: {error}")
            return None
        return Config(found[0], content[:limit], len(content) <= limit)

    def read_real(self, real: bytes) -> Config | None:
        """A regular file by its real path relative to the examined root."""
        limit = self.rooted.limits.file
        try:
            found = self.rooted.entry(real)
            if found is None or found[1].kind != "file":
                return None
            content = self.rooted.read(found[0], limit + 1)
        except (OutOfRoot, Unreadable) as error:
            self.notes.append(f"{text(real)}: {error}")
            return None
        return Config(found[0], content[:limit], len(content) <= limit)

    def first(self, *paths: str) -> Config | None:
        """The first of these files that stands in the site."""
        for path in paths:
            config = self.read(path)
            if config is not None:
                return config
        return None

    def below(self, path: bytes) -> Site:
        """The same site seen from one of its folders."""
        return Site(self.rooted, join(self.folder, path), self.domains, self.environment)


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """`paths` are where the system keeps its login, relative to the install's folder, "*" for any name.

    A folder is shown to `detect` when it holds the first component of a path, or one of `anchors`. `detect`
    yields nothing for a folder that is not an install of this system, and never raises. `core` are names of the
    application's own code: a config with none of them beside it may be a copy.
    """

    name: str
    paths: tuple[str, ...]
    detect: Callable[[Site], Iterator[Finding]]
    anchors: tuple[str, ...] = ()
    core: tuple[str, ...] = ()

    @property
    def triggers(self) -> frozenset[bytes]:
        """The names whose presence in a folder makes it worth a look."""
        first = (path.split("/")[0] for path in self.paths)
        return frozenset(name.encode() for name in (*first, *self.anchors) if name not in ("..", "*"))

"""A tree of files that tenants own, read without ever leaving its root.

Paths are bytes without a leading slash; b"" is the root. A server that opens files for us (SFTP, as root)
follows links in every component, so each component is lstat'ed and every link is resolved here.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, cast

from detectors.finding import text

Kind = Literal["file", "folder", "link", "other"]
MAX_LINKS = 40
MAX_FOUND = 100_000
SMALL = 32 << 10
MAX_HELD = 1 << 20
NO_NAMES = (b"", b".", b"..")
ODD = re.compile(rb"[/\x00]|\A\.{0,2}\Z")


class Entry(NamedTuple):
    """One name in a folder, as lstat states it: size in bytes, mtime in epoch seconds, inode where known."""

    name: bytes
    kind: Kind
    size: int
    mtime: float
    inode: int | None


A_FILE = Entry(b"", "file", 0, 0.0, None)


class Unreadable(Exception):
    """A Tree could not list or read that path; the message says why in the operator's words."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A name or link that was not followed, `path` relative to the examined root, and why."""

    path: str
    reason: str


class OutOfRoot(Exception):
    """A path that must not be followed; `refused` says which and why."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{text(path)}: {reason}")
        self.refused = Refused(text(path), reason)


class Tree(Protocol):
    """Read-only access to files. No method follows a link in any component; each may raise Unreadable."""

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, links not followed, in no order."""

    def lstat(self, path: bytes) -> Entry | None:
        """What stands there, None where nothing does."""

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands."""

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file."""


class Kinds(Protocol):
    """A Tree that can list names and kinds without looking at each file, which is all that a walk needs. Its names are
    those of files that exist here: none is odd."""

    def kinds(self, path: bytes) -> tuple[Sequence[bytes], Sequence[tuple[bytes, Kind]]]:
        """The regular files in a folder, and all else with what it is; links not followed, in no order. May raise
        Unreadable."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one customer's tree is looked at: `file` and `parsed` (in all) in bytes, `steps` and `includes`
    of the PHP evaluator per config."""

    depth: int = 16
    folders: int = 20_000
    entries: int = 400_000
    links: int = 2_000
    file: int = 256 << 10
    includes: int = 24
    steps: int = 100_000
    parsed: int = 32 << 20


def _all_plain(names: Mapping[bytes, object]) -> bool:
    """Whether none of the names is ODD, in one look at all of them."""
    joined = b"/".join(names)
    odd = any(name in names for name in NO_NAMES)
    return not odd and b"\0" not in joined and joined.count(b"/") == max(len(names) - 1, 0)


def components(path: bytes) -> list[bytes]:
    """A path's names, without empty ones and b"."."""
    return [name for name in path.split(b"/") if name not in (b"", b".")]


def join(*parts: bytes) -> bytes:
    """Parts joined by "/", empty ones left out."""
    return b"/".join(part for part in parts if part)


@dataclass(slots=True)
class Rooted:
    """A Tree seen from one root that nothing leaves.

    All paths in and out are relative to `root`. `maps` says where absolute folders of the lost server are now,
    relative to the tree's own root: {b"/home/alice": b"web1/home/alice"}; absolute names outside of them are
    refused. `refused` collects what was not followed, each once. `cache` is for readers of files, so that none
    is parsed twice.
    """

    tree: Tree
    root: bytes
    maps: Mapping[bytes, bytes] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    refused: dict[str, Refused] = field(default_factory=dict)
    cache: dict[object, object] = field(default_factory=dict)
    _parsed: int = 0
    _quick: Kinds | None = None
    _listings: dict[bytes, dict[bytes, Entry]] = field(default_factory=dict)
    _entries: dict[bytes, Entry | None] = field(default_factory=dict)
    _maps: list[tuple[list[bytes], list[bytes]]] = field(default_factory=list)
    _found: dict[tuple[bytes, bytes], tuple[bytes, Entry] | None] = field(default_factory=dict)
    _contents: dict[bytes, bytes] = field(default_factory=dict)
    _held: int = 0

    def __post_init__(self) -> None:
        # isinstance() of a Protocol takes longer than listing a small folder
        self._quick = cast(Kinds, self.tree) if hasattr(self.tree, "kinds") else None
        root = components(self.root)
        for lost, now in self.maps.items():
            here = components(now)
            if here[: len(root)] == root:
                self._maps.append((components(lost), here[len(root) :]))
            elif root[: len(here)] == here:
                self._maps.append((components(lost) + root[len(here) :], []))
        self._maps.sort(key=lambda pair: -len(pair[0]))
        self._check_root(root)

    def _check_root(self, root: list[bytes]) -> None:
        for depth in range(1, len(root) + 1):
            if b".." in root or any(b"\0" in name for name in root):
                raise OutOfRoot(self.root, "not a plain path")
            entry = self.tree.lstat(b"/".join(root[:depth]))
            if entry is None or entry.kind != "folder":
                found = "missing" if entry is None else f"a {entry.kind}, not a folder"
                raise OutOfRoot(self.root, f"{text(b'/'.join(root[:depth]))} is {found}")

    def lost_name(self, path: bytes) -> bytes | None:
        """The absolute name a path had on the lost server, None where no map covers it."""
        names = components(path)
        for lost, here in self._maps:
            if names[: len(here)] == here:
                return b"/" + b"/".join(lost + names[len(here) :])
        return None

    def mapped(self, absolute: bytes) -> bytes | None:
        """Where an absolute name of the lost server is now, not resolved further; None outside of all maps."""
        names = components(absolute)
        for lost, here in self._maps:
            if names[: len(lost)] == lost:
                return b"/".join(here + names[len(lost) :])
        return None

    def resolve(self, path: bytes, base: bytes = b"") -> bytes | None:
        """The real path (no links, no "..") that `path`, relative to the folder `base`, stands for.

        None where nothing stands there. Raises OutOfRoot where a name or link leads out, loops or is odd;
        what a *link* did is listed in `refused` too.
        """
        if b"\0" in path:
            raise OutOfRoot(path, "has a NUL in its name")
        beside = None if path.startswith(b"/") else self._listings.get(base)
        first = path.partition(b"/")[0]
        if beside is not None and first not in NO_NAMES:
            entry = beside.get(first)
            if entry is None:
                return None
            if first == path and entry.kind != "link":
                return join(base, path)
        todo, done, links = deque(self._start(path, base)), list[bytes](), 0
        if beside is not None:  # what was listed is real
            todo, done = deque(components(path)), components(base)
        while todo:
            name = todo.popleft()
            if name == b"..":
                if not done:
                    raise self._out(path, "leads out of the customer's tree", links)
                done.pop()
                continue
            here = b"/".join((*done, name))
            entry = self._entry(here)
            if entry is None or (todo and entry.kind not in ("folder", "link")):
                return None
            if entry.kind != "link":
                done.append(name)
                continue
            links += 1
            if links > MAX_LINKS:
                raise self._out(here, "too many links, perhaps a loop", links)
            done = self._follow(here, done, todo)
        return b"/".join(done)

    def _start(self, path: bytes, base: bytes) -> list[bytes]:
        if not path.startswith(b"/"):
            return components(base) + components(path)
        mapped = self.mapped(path)
        if mapped is None:
            raise OutOfRoot(path, "absolute name outside of the customer's tree")
        return components(mapped)

    def _follow(self, here: bytes, done: list[bytes], todo: deque[bytes]) -> list[bytes]:
        target = self.tree.readlink(join(self.root, here))
        if b"\0" in target:
            raise self._out(here, "link with a NUL in its target", 1)
        if target.startswith(b"/"):
            mapped = self.mapped(target)
            if mapped is None:
                raise self._out(here, f"link to {text(target)}, outside of the customer's tree", 1)
            todo.extendleft(reversed(components(mapped)))
            return []
        depth = len(done)
        for name in components(target):
            depth += -1 if name == b".." else 1
            if depth < 0:
                raise self._out(here, f"link to {text(target)}, outside of the customer's tree", 1)
        todo.extendleft(reversed(components(target)))
        return done

    def _out(self, path: bytes, reason: str, links: int) -> OutOfRoot:
        error = OutOfRoot(path, reason)
        if links:
            self.refuse(error.refused)
        return error

    def charge(self, size: int) -> bool:
        """Account for `size` bytes about to be parsed; False when the limit for this tree is reached."""
        self._parsed += size
        return self._parsed <= self.limits.parsed

    def refuse(self, refused: Refused) -> None:
        """Note a name that was not followed."""
        self.refused.setdefault(refused.path, refused)

    def _entry(self, path: bytes) -> Entry | None:
        parent, _, name = path.rpartition(b"/")
        listing: Mapping[bytes, Entry] | None = self._listings.get(parent)
        if listing is None and self._quick is not None and parent.rpartition(b"/")[2] not in SKIPPED:
            listing = self._listing_of(parent)
        if listing is not None:
            return listing.get(name)
        if path not in self._entries:
            self._entries[path] = self.tree.lstat(join(self.root, path))
        return self._entries[path]

    def _listing_of(self, real: bytes) -> Mapping[bytes, Entry] | None:
        """A folder that will be walked anyway, listed now; None where it cannot be."""
        try:
            return self.listing(real)
        except Unreadable:
            return None

    def listing(self, real: bytes) -> Mapping[bytes, Entry]:
        """The entries by name of a folder whose path is already real; odd names are refused and left out.

        Where the tree lists kinds alone, size and mtime are 0, and all plain files are one and the same Entry."""
        listing = self._listings.get(real)
        if listing is None:
            listing = self._listed(join(self.root, real))
            # A kernel's listing has no odd names; another server's may.
            plain = self._quick is not None or _all_plain(listing)
            for name in [] if plain else [name for name in listing if ODD.search(name)]:
                self.refuse(Refused(text(join(real, name)), "a name no file can have"))
                del listing[name]
            self._listings[real] = listing
        return listing

    def _listed(self, path: bytes) -> dict[bytes, Entry]:
        if self._quick is not None:
            files, others = self._quick.kinds(path)
            listing = dict.fromkeys(files, A_FILE)
            listing.update((name, Entry(name, kind, 0, 0.0, None)) for name, kind in others)
            return listing
        return {entry.name: entry for entry in self.tree.list(path)}

    def entry(self, path: bytes, base: bytes = b"") -> tuple[bytes, Entry] | None:
        """The real path and entry that a path stands for, links resolved; None where nothing stands there."""
        key = (path, base)
        if key in self._found:
            return self._found[key]
        real = self.resolve(path, base)
        found = None
        if real is not None:
            entry = self._entry(real) if real else Entry(b"", "folder", 0, 0.0, None)
            found = None if entry is None else (real, entry)
        if len(self._found) < MAX_FOUND:
            self._found[key] = found
        return found

    def read(self, real: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a file whose path is already real. Small files are kept: several detectors ask
        for one config."""
        known = self._contents.get(real)
        if known is None:
            known = self.tree.read(join(self.root, real), limit)
            if len(known) >= min(SMALL, limit):
                return known
            self._held += len(known)
            if self._held > MAX_HELD:
                self._contents.clear()
                self._held = len(known)
            self._contents[real] = known
        return known[:limit]


SKIPPED = frozenset(
    b".git .hg .svn .cache .npm .composer .cpan .trash node_modules bower_components __pycache__ "
    b"wp-includes wp-admin Maildir".split()
)
MAILDIR = frozenset((b"cur", b"new", b"tmp"))


def walk(rooted: Rooted) -> Iterator[tuple[bytes, Mapping[bytes, Entry]]]:
    """Every folder below the root that may hold an install, with its entries, parents first, by name.

    Links are not walked (what they lead to inside the root is met by itself); those that lead out are refused.
    Folders that cannot be listed and everything beyond the limits are refused too, so that nothing is left out
    silently.
    """
    limits = rooted.limits
    queue: deque[tuple[bytes, int]] = deque([(b"", 0)])
    folders = entries = links = 0
    while queue:
        path, depth = queue.popleft()
        folders += 1
        if folders > limits.folders or entries > limits.entries:
            rooted.refuse(
                Refused(text(path) or ".", f"not looked at: {folders - 1:,} folders seen is the limit")
            )
            return
        try:
            listing = rooted.listing(path)
        except Unreadable as error:
            rooted.refuse(Refused(text(path) or ".", str(error)))
            continue
        entries += len(listing)
        yield path, listing
        below = []
        for name, entry in listing.items():
            if entry is A_FILE:
                continue
            if entry.kind == "folder":
                below.append(name)
            elif entry.kind == "link":
                links += 1
                _look_at_link(rooted, join(path, name), links > limits.links)
        if listing.keys() >= MAILDIR:
            continue
        if depth >= limits.depth and below:
            rooted.refuse(
                Refused(text(path), f"folders below it not looked at: depth {limits.depth} is the limit")
            )
            continue
        queue.extend((join(path, name), depth + 1) for name in sorted(below) if name not in SKIPPED)


def _look_at_link(rooted: Rooted, path: bytes, too_many: bool) -> None:
    if too_many:
        rooted.refuse(Refused(text(path), "link not looked at: too many links"))
        return
    try:
        rooted.resolve(path)
    except OutOfRoot as error:
        rooted.refuse(Refused(text(path), error.refused.reason))
    except Unreadable as error:
        rooted.refuse(Refused(text(path), str(error)))

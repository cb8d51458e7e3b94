"""A Maildir++ tree in a source: its folders, messages by name, keywords and subscriptions.

Folders are subfolders of the root whose names begin with "."; further dots part the levels, each name in modified
UTF-7; with LAYOUT=fs they are plain subfolders of subfolders.
https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/ https://www.courier-mta.org/maildir.html
Sizes in file names (,S= ,W=) are not read: they are sometimes wrong. tmp/ holds no mail yet delivered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from detectors.walk import Entry, join
from restore.errors import MaildirMissing, SourceUnreadable
from restore.model.mail import INBOX, FolderPath
from restore.model.ports import Source
from restore.model.text import safe
from restore.survey.courier import FOLDER as COURIER
from restore.survey.courier import Keywords, courier_keywords
from restore.survey.foldernames import decode_name, unescape_v2
from restore.survey.stored import StoredFolder, StoredMail

SMALL_FILE = 1 << 20
DEEPEST = 16
MOST_FOLDERS = 20_000
NOT_FILE = {"folder": "a folder", "link": "a link", "other": "a pipe, socket or device"}
PARTS = (b"cur", b"new", b"tmp")
SYSTEM_FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
PASSED = "$Forwarded"  # P: resent, forwarded or bounced
_LISTESCAPE = re.compile(rb"\\(2[ef]|7e|5c)")
_LETTERS = re.compile(rb"[A-Za-z]*")
KEYWORD = re.compile(r"[A-Za-z0-9$_.+:=#@~^|<>?'`;,!&/-]{1,250}")


class MaildirMessage(NamedTuple):
    """A file that holds a mail: its name below the folder ("cur/…"), size in bytes, mtime in epoch seconds."""

    name: bytes
    size: int
    mtime: int

    @property
    def unique(self) -> bytes:
        """What the delivering server named it; a change of flags or of cur/new leaves this as it is."""
        name = self.name.partition(b"/")[2]
        info = _info(name)
        return name[:info] if info >= 0 else name

    @property
    def version(self) -> int:
        """Files of one name are told apart by their size."""
        return self.size

    @property
    def letters(self) -> str:
        """Its flag letters."""
        info = _info(self.name)
        found = _LETTERS.match(self.name, info + 3) if info >= 0 else None
        return found[0].decode("ascii") if found else ""


@dataclass(frozen=True, slots=True)
class MaildirFolder:
    """One folder of the tree; `path` is below the source's root, `keywords` names letters a, b, c...; `courier`
    are the keywords of single messages where Courier kept them."""

    path: bytes
    folder: FolderPath
    keywords: tuple[str, ...]
    courier: Keywords = field(default_factory=dict, compare=False)

    def fingerprint(self, message: StoredMail) -> str:
        """Hex; equal means: the same file of the same folder, unchanged by size and mtime."""
        parts = (self.path, message.unique, b"%d" % message.size, b"%d" % message.mtime)
        return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()

    def flags(self, message: StoredMail) -> tuple[frozenset[str], frozenset[str]]:
        """Its flags and keywords, and what cannot be carried over, each as a phrase for a note."""
        kept, dropped = _flags(self.keywords, message.letters)
        words = self.courier.get(message.unique, ()) if self.courier else ()
        sound = {word for word in words if KEYWORD.fullmatch(word)}
        odd = {f"keyword {safe(word, 60)}, which IMAP cannot carry" for word in words if word not in sound}
        return (kept | sound, dropped | odd) if words else (kept, dropped)


def _info(name: bytes) -> int:
    """Where the flags of a file name begin; -1 where it has none. Windows and some copy tools have no colon."""
    place = max(name.rfind(b":"), name.rfind(b";"), name.rfind(b"!"))
    return place if place >= 0 and name.startswith(b"2,", place + 1) else -1


@lru_cache(maxsize=4096)
def _flags(keywords: tuple[str, ...], letters: str) -> tuple[frozenset[str], frozenset[str]]:
    kept, dropped = set(), set()
    for letter in letters:
        if letter in SYSTEM_FLAGS:
            kept.add(SYSTEM_FLAGS[letter])
        elif letter == "P":
            kept.add(PASSED)
        elif letter.isupper():
            dropped.add(f"flag letter {letter}, which no standard names")
        else:
            place = ord(letter) - ord("a")
            name = keywords[place] if place < len(keywords) else ""
            if not name:
                dropped.add(f"keyword letter {letter}, which has no name in dovecot-keywords")
            elif not KEYWORD.fullmatch(name):
                dropped.add(f"keyword {safe(name, 60)}, which IMAP cannot carry")
            else:
                kept.add(name)
    return frozenset(kept), frozenset(dropped)


@dataclass(frozen=True, slots=True)
class Maildir:
    """All folders of a tree, INBOX first, then by name; `refused` are "path: reason" lines, `notes` free text."""

    folders: tuple[MaildirFolder, ...]
    subscribed: tuple[FolderPath, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's messages, oldest first; `unreadable` are "path: reason" lines, one for each that is no file."""

    messages: tuple[MaildirMessage, ...]
    unreadable: tuple[str, ...]


def read_maildir(source: Source, root: bytes) -> Maildir:
    """The folders and subscriptions of the Maildir tree at `root`, without looking at messages.

    Raises MaildirMissing where there is no such folder, and what the source raises.
    """
    entry = source.lstat(root)
    if entry is None or entry.kind != "folder":
        found = "is not there" if entry is None else f"is a {entry.kind}, not a folder"
        raise MaildirMissing(f"source {source.name}: {safe(root)} {found}")
    top = source.list(root)
    tree = _Tree(source)
    tree.add(root, INBOX, top)
    for item in top:
        if item.name not in PARTS:
            tree.look(item, join(root, item.name), _components(item.name))
    tree.folders[1:] = sorted(tree.folders[1:], key=lambda folder: (folder.folder, folder.path))
    paths = {folder.folder for folder in tree.folders}
    subscribed = tuple(sorted(set(_subscribed(source, root, top, paths, tree.notes))))
    return Maildir(tuple(tree.folders), subscribed, tuple(tree.refused), tuple(tree.notes))


def _components(name: bytes) -> FolderPath:
    """Maildir++ parts its levels by dots; a plain name is one level of LAYOUT=fs. listescape's \\2e is a dot."""
    parts = name[1:].split(b".") if name.startswith(b".") else [name]
    return tuple(
        decode_name(_LISTESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), part)) for part in parts
    )


@dataclass(slots=True)
class _Tree:
    """What a walk over a Maildir tree found."""

    source: Source
    folders: list[MaildirFolder] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, path: bytes, folder: FolderPath, inside: Sequence[Entry]) -> None:
        """A mail folder; that its Courier keywords cannot be read keeps no message out."""
        words: Keywords = {}
        try:
            words = courier_keywords(self.source, path, inside)
        except SourceUnreadable as error:
            self.notes.append(f"{safe(path)}: Courier's keywords are not carried over: {error.message}")
        self.folders.append(MaildirFolder(path, folder, _keywords(self.source, path, inside), words))

    def look(self, item: Entry, path: bytes, folder: FolderPath) -> None:
        """Take up a name that stands beside cur/ and new/: a mail folder, or (LAYOUT=fs) a level of them."""
        if item.kind == "link" and not item.name.endswith((b".sieve", b".svbin")):
            self.refused.append(f"{safe(path)}: a link where a folder should be; links are not followed")
        if item.kind != "folder":
            return
        if item.name == COURIER:
            return
        if len(folder) > DEEPEST or len(self.folders) >= MOST_FOLDERS:
            self.refused.append(
                f"{safe(path)}: not read: {MOST_FOLDERS:,} folders and {DEEPEST} levels are the limit"
            )
            return
        try:
            inside = self.source.list(path)
            holds_mail = any(below.name in (b"cur", b"new") for below in inside)
            if holds_mail:
                self.add(path, folder, inside)
        except SourceUnreadable as error:
            self.refused.append(f"{safe(path)}: {error.message}")
            return
        if item.name.startswith(b"."):
            if not holds_mail:
                self.notes.append(f"{safe(path)}: no cur and no new in it, so it is not a mail folder")
            return
        for below in inside:
            if below.name not in PARTS and below.kind != "file":
                self.look(below, join(path, below.name), (*folder, *_components(below.name)))


def list_messages(source: Source, folder: StoredFolder) -> Listing:
    """Every message of cur/ and new/ by name and lstat alone."""
    messages, unreadable = [], []
    for part in (b"cur", b"new"):
        place = join(folder.path, part)
        entry = source.lstat(place)
        if entry is None:
            continue
        if entry.kind != "folder":
            unreadable.append(f"{safe(place)}: a {entry.kind} where a folder should be; not followed")
            continue
        found = list(source.list(place))
        while found:  # each is let go at once: there may be 200,000
            item = found.pop()
            if item.name.startswith(b"."):
                continue
            if item.kind == "file":
                messages.append(MaildirMessage(part + b"/" + item.name, item.size, int(item.mtime // 1)))
            else:
                unreadable.append(
                    f"{safe(join(place, item.name))}: {NOT_FILE[item.kind]}, not a file; not followed"
                )
    messages.sort(key=attrgetter("name"))
    messages.sort(key=attrgetter("mtime"))
    return Listing(tuple(messages), tuple(unreadable))


def _small_file(source: Source, root: bytes, name: bytes, entries: Sequence[Entry]) -> bytes:
    found = next((item for item in entries if item.name == name), None)
    if found is None or found.kind != "file":
        return b""
    return source.read(join(root, name), SMALL_FILE)


def _keywords(source: Source, path: bytes, entries: Sequence[Entry]) -> tuple[str, ...]:
    names: dict[int, str] = {}
    for line in _small_file(source, path, b"dovecot-keywords", entries).splitlines():
        number, _, name = line.partition(b" ")
        if number.isdigit() and int(number) < 26 and name:
            names[int(number)] = name.decode("utf-8", "replace")
    return tuple(names.get(place, "") for place in range(max(names, default=-1) + 1))


def _subscribed(
    source: Source, root: bytes, entries: Sequence[Entry], known: set[FolderPath], notes: list[str]
) -> Iterator[FolderPath]:
    try:
        dovecot = _small_file(source, root, b"subscriptions", entries)
        courier = _small_file(source, root, b"courierimapsubscribed", entries)
    except SourceUnreadable as error:
        notes.append(f"subscriptions not read: {error.message}")
        return
    for candidates, line in (*dovecot_lines(dovecot), *split_lines(courier.splitlines())):
        found = next((path for path in candidates if path in known), None)
        if found is None:
            notes.append(f"subscribed to {safe(line, 120)}, a folder the backup does not hold")
        else:
            yield found


def dovecot_lines(data: bytes) -> Iterator[tuple[list[FolderPath], bytes]]:
    """The folders that each line of a subscriptions file of Dovecot's may mean."""
    head, _, rest = data.partition(b"\n")
    if head.strip() != b"V\t2":
        yield from split_lines(data.splitlines())
        return
    for line in rest.split(b"\n"):
        if line:
            yield [tuple(decode_name(unescape_v2(part)) for part in line.split(b"\t"))], line


def split_lines(lines: Sequence[bytes]) -> Iterator[tuple[list[FolderPath], bytes]]:
    """Names of version 1 and of Courier state neither their separator nor whether they begin with a prefix."""
    for line in lines:
        if not line:
            continue
        split = [tuple(decode_name(part) for part in line.split(separator)) for separator in (b".", b"/")]
        yield [*split, *(path[1:] for path in split if path[0] == "INBOX" and len(path) > 1)], line

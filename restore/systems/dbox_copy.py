"""A private copy of a mailbox that Dovecot keeps in sdbox or mdbox: its own programs alone can read that, and they
write beside what they read. So they are given a copy, and the source is only ever read.

Flags and dates lie in Dovecot's index files, which are copied too. What it makes again from the folders themselves is
not: a damaged list of folders would hide some of them.
https://doc.dovecot.org/2.3/configuration_manual/mail_location/dbox/
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imapclient.imap_utf7 import decode

from detectors.walk import Entry, join
from restore.errors import DboxRefused, MailStoreMissing, SourceUnreadable, StagingFull
from restore.model.mail import FolderPath
from restore.model.ports import Source
from restore.model.text import safe

MADE_AGAIN = re.compile(rb"dovecot\.(index\.cache|list\.index(\.log(\.2)?)?)")
INDEX = re.compile(rb"dovecot\.(map\.)?index(\.log(\.2)?)?")
MAIL_FILE = re.compile(rb"u\.\d+")
BY_GUID = re.compile(rb"[0-9a-f]{32}")
MAILS = b"dbox-Mails"
ALTERNATE = b"dbox-alt-root"
NO_INDEX = "no index, so mail of this folder may be missing"
DEEPEST = 20
MOST_FILES = 5_000_000


@dataclass(slots=True)
class DboxCopy:
    """The copy at `folder`; `refused` are "path: reason" lines of what is not in it, or useless there. `mails` counts
    the files of mail in each folder, where there is one for each message (sdbox)."""

    source: Source
    folder: Path
    refused: list[str] = field(default_factory=list)
    files: int = 0
    mails: Counter[FolderPath] = field(default_factory=Counter)

    def make(self, path: bytes) -> None:
        """Copy the tree at `path`. Raises MailStoreMissing, DboxRefused, StagingFull, and what the source raises."""
        entry = self.source.lstat(path)
        if entry is None or entry.kind != "folder":
            found = "is not there" if entry is None else f"is a {entry.kind}, not a folder"
            raise MailStoreMissing(f"source {self.source.name}: {safe(path)} {found}")
        top = self.source.list(path)
        if any(item.name == ALTERNATE for item in top):
            reason = "part of its mail lies in an alternate storage (ALT=), which is not read"
            raise DboxRefused(f"source {self.source.name}: {safe(path)}: {reason}")
        try:
            self._fill(path, self.folder, top, 0)
        except OSError as error:
            raise StagingFull(f"a copy of {safe(path)} cannot be made: {error.strerror}") from error

    def _fill(self, path: bytes, into: Path, inside: Sequence[Entry], depth: int) -> None:
        into.mkdir(mode=0o700, parents=True)
        self._count(path, inside)
        for item in inside:
            if MADE_AGAIN.fullmatch(item.name):
                continue
            below, target = (
                join(path, item.name),
                Path(os.fsdecode(os.path.join(os.fsencode(into), item.name))),
            )
            if item.kind == "file" and self.files < MOST_FILES:
                self._copy(below, target)
            elif item.kind == "folder" and depth < DEEPEST:
                self._enter(below, target, depth + 1)
            else:
                what = (
                    "a link, not followed"
                    if item.kind == "link"
                    else "not read: no file, or beyond the limits"
                )
                self.refused.append(f"{safe(below)}: {what}")

    def _count(self, path: bytes, inside: Sequence[Entry]) -> None:
        parts = path.split(b"/")
        if parts[-1] != MAILS or b"mailboxes" not in parts:
            return
        names = parts[parts.index(b"mailboxes") + 1 : -1]
        if names and BY_GUID.fullmatch(names[-1]):
            reason = "its folders are kept by numbers, not by their names (LAYOUT=index)"
            raise DboxRefused(f"source {self.source.name}: {safe(path)}: {reason}")
        if not any(INDEX.fullmatch(item.name) for item in inside):
            self.refused.append(f"{safe(path)}: {NO_INDEX}")
        mails = sum(item.kind == "file" and MAIL_FILE.fullmatch(item.name) is not None for item in inside)
        self.mails[tuple(map(decoded, names))] += mails

    def _enter(self, path: bytes, target: Path, depth: int) -> None:
        try:
            inside = self.source.list(path)
        except SourceUnreadable as error:
            self.refused.append(f"{safe(path)}: {error.message}")
            return
        self._fill(path, target, inside, depth)

    def _copy(self, path: bytes, target: Path) -> None:
        """A file that cannot be read is left out, and said: what it held is then missed where it is asked for."""
        self.files += 1
        first = b""
        try:
            with target.open("wb") as file:
                for chunk in self.source.stream(path):
                    first = first or chunk[:1]
                    file.write(chunk)
        except SourceUnreadable as error:
            target.unlink()
            self.refused.append(f"{safe(path)}: {error.message}")
            return
        if first in (b"", b"\0") and INDEX.fullmatch(path.rpartition(b"/")[2]):
            self.refused.append(f"{safe(path)}: {NO_INDEX}")


def decoded(name: bytes) -> str:
    """A folder's name as imapclient gives it from LIST."""
    return str(decode(name))


def fresh_place(above: Path) -> Path:
    """A new folder of this process's for one mailbox; what killed processes left is swept."""
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in above.iterdir():
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    place = above / f"{os.getpid()}-{secrets.token_hex(8)}"
    place.mkdir(mode=0o700)
    return place

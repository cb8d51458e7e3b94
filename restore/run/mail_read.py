"""Messages of the backup read into canonical form, one after the other, large ones without a second copy of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from detectors.walk import join
from restore.errors import SourceUnreadable
from restore.model.mail import Identity
from restore.model.message import Identifier, canonical, identify
from restore.model.ports import Source, Unreadable
from restore.survey.maildir_store import MaildirStore
from restore.survey.stored import MailStore, StoredFolder, StoredMail

LARGEST_MESSAGE = 256 << 20
STREAMED = 8 << 20
"""Bytes from which on a message is read in chunks."""
CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
EMPTY = "the file is empty: the mail is lost in this backup"
NULS = "the file holds NUL bytes alone: the mail is lost in this backup"
NONE = Identity("", 0)


class Item(NamedTuple):
    """A message's file in the backup: in the copy of that rank; `mark` tells the files of several copies apart."""

    folder: StoredFolder
    message: StoredMail
    copy: int = 0
    mark: str = ""

    @property
    def path(self) -> bytes:
        """Relative to the source's root."""
        return join(self.folder.path, self.message.name)

    @property
    def file(self) -> str:
        """Its fingerprint."""
        return self.mark + self.folder.fingerprint(self.message)


@dataclass(frozen=True, slots=True)
class Mail:
    """A file read whole: `reason` why it holds no mail (""), else the mail in canonical form and its identity.
    `nul`: it held NUL bytes."""

    item: Item
    reason: str
    content: bytes | bytearray = b""
    identity: Identity = NONE
    nul: bool = False


def read_mails(sources: Sequence[MailStore], items: Iterable[Item]) -> Iterator[Mail]:
    """Every message, in the order given; small files are asked for many at a time."""
    for copy, run in groupby(items, lambda item: item.copy):
        store = sources[copy]
        if isinstance(store, MaildirStore):
            yield from _files(store.source, run)
        else:
            yield from _stored(store, run)


def _files(source: Source, items: Iterable[Item]) -> Iterator[Mail]:
    for large, run in groupby(items, lambda item: item.message.size >= STREAMED):
        if large:
            for item in run:
                yield _streamed(item, source.stream(item.path), packed=True)
        else:
            yield from _small(source, list(run))


def _stored(store: MailStore, items: Iterable[Item]) -> Iterator[Mail]:
    """Messages of a store that has no file for each."""
    for _, run in groupby(items, lambda item: item.folder.path):
        together = list(run)
        done = 0
        try:
            contents = store.contents(together[0].folder, [item.message for item in together])
            for item, chunks in zip(together, contents, strict=True):
                mail = (
                    Mail(item, chunks.reason) if isinstance(chunks, Unreadable) else _streamed(item, chunks)
                )
                yield mail
                del mail  # else it is held while the next one is read, and either may be large
                done += 1
        except SourceUnreadable as error:
            yield from (Mail(item, error.message) for item in together[done:])


def _small(source: Source, items: Sequence[Item]) -> Iterator[Mail]:
    contents = source.read_many([item.path for item in items], LARGEST_MESSAGE)
    for item, content in zip(items, contents, strict=True):
        if isinstance(content, Unreadable):
            yield Mail(item, content.reason)
            continue
        reason, data = mail_of(content.data)
        if reason:
            yield Mail(item, reason)
            continue
        even = canonical(data)
        yield Mail(item, "", even, identify(even), b"\0" in data)


def _streamed(item: Item, chunks: Iterator[bytes], *, packed: bool = False) -> Mail:
    if item.message.size > LARGEST_MESSAGE:
        return Mail(item, f"{item.message.size:,} bytes, above the limit of {LARGEST_MESSAGE:,}")
    even = bytearray()
    identifier = Identifier(keep=even)
    nul = text = False
    try:
        for chunk in _plain(chunks) if packed else chunks:
            identifier.update(chunk)
            nul = nul or b"\0" in chunk
            text = text or bool(chunk.strip(b"\0"))
            if len(even) > LARGEST_MESSAGE:
                return Mail(item, f"above the limit of {LARGEST_MESSAGE:,} bytes")
    except SourceUnreadable as error:
        return Mail(item, error.message)
    except zlib.error as error:
        return Mail(item, f"compressed, and damaged: {error}")
    except EOFError:
        return Mail(item, "compressed, and cut short")
    if not text:
        return Mail(item, NULS if nul else EMPTY)
    return Mail(item, "", even, identifier.identity(), nul)


def _plain(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What the chunks hold, unpacked where they begin as gzip does. Raises zlib.error, EOFError."""
    first = next(chunks, b"")
    if not first.startswith(GZIP):
        yield first
        yield from chunks
        return
    unpacker = zlib.decompressobj(wbits=31)
    packed = first
    while packed and not unpacker.eof:
        while packed and not unpacker.eof:
            yield unpacker.decompress(packed, CHUNK)
            packed = unpacker.unconsumed_tail
        packed = next(chunks, b"")
    if not unpacker.eof:
        raise EOFError


def mail_of(data: bytes) -> tuple[str, bytes]:
    """Why a file holds no mail ("": it does), and the mail; compressed files (zlib plugin) are unpacked."""
    if data.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data, LARGEST_MESSAGE)
        except zlib.error as error:
            return f"compressed, and damaged: {error}", b""
        if not unpacker.eof:
            return "compressed, and cut short or larger than any mail", b""
    if not data.strip(b"\r"):
        return EMPTY, b""
    if not data.strip(b"\0"):
        return NULS, b""
    return "", data

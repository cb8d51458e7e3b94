"""Several copies of one folder as one: which file of which copy each message is taken from. Pure.

The union: a folder needs each identity as often as the copy that holds it most often, never the sum. A Maildir file
of one unique name is one message in every copy. Where all versions of it have one size the first that can be read is
taken, and the others are not read. Where they differ all are read: one that is the beginning of another is a cut
version of it and never taken; versions that are neither are different messages, and each is. Flags and date are those
of the first copy: what a user took away after an older backup is not put back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from restore.model.mail import FolderPath, Identity
from restore.run.mail_read import Item, Mail

Name = tuple[FolderPath, bytes]


@dataclass(frozen=True, slots=True)
class Arranged:
    """`alone`: the first copy's files, to be read as they are; `others[name]` are their versions in further copies.
    `contested` are versions of one message that differ, `later` files that the first copies lack, by copy."""

    alone: list[Item]
    others: dict[Name, list[Item]]
    contested: list[list[Item]]
    later: list[Item]


def name_of(item: Item) -> Name:
    """What is one message in every copy."""
    return item.folder.folder, item.message.unique


def arrange(items: Sequence[Item]) -> Arranged:
    """Items in order of preference of their copies, each file once."""
    if len({(item.copy, item.folder.path) for item in items}) < 2 and not any(
        item.copy for item in items[:1]
    ):
        return Arranged(list(items), {}, [], [])
    named: defaultdict[Name, list[Item]] = defaultdict(list)
    for item in items:
        named[name_of(item)].append(item)
    arranged = Arranged([], {}, [], [])
    for name, versions in named.items():
        first, *others = versions
        if any(other.message.version != first.message.version for other in others):
            arranged.contested.append(versions)
            continue
        (arranged.later if first.copy else arranged.alone).append(first)
        if others:
            arranged.others[name] = others
    arranged.later.sort(key=lambda item: item.copy)
    return arranged


@dataclass(slots=True)
class Union:
    """Counts identities over the copies: a copy's further message is needed only where no earlier copy holds it
    as often."""

    most: Counter[Identity] = field(default_factory=Counter)
    seen: defaultdict[int, Counter[Identity]] = field(default_factory=lambda: defaultdict(Counter))

    def repeats(self, copy: int, identity: Identity) -> bool:
        """Whether an earlier copy holds that message as often as this one does, counting the one asked about."""
        return self.seen[copy][identity] < self.most[identity]

    def count(self, copies: Iterable[int], identity: Identity) -> None:
        """One message that stands in each of these copies."""
        for copy in copies:
            self.seen[copy][identity] += 1
            self.most[identity] = max(self.most[identity], self.seen[copy][identity])


def whole_of(versions: Sequence[Mail]) -> list[Mail]:
    """The messages that some readable versions of one file are, in order of preference: cut ones left out."""
    kept: list[Mail] = []
    for version in versions:
        if any(_is_cut(version, one) for one in kept):
            continue
        longer = next((place for place, one in enumerate(kept) if _is_cut(one, version)), None)
        if longer is None:
            kept.append(version)
        else:
            kept[longer] = version
            kept = [one for one in kept if one is version or not _is_cut(one, version)]
    return kept


def _is_cut(short: Mail, whole: Mail) -> bool:
    """Whether `short` is the beginning of `whole`, or the same."""
    begun, text = _text(short), _text(whole)
    if not text.startswith(begun):
        return False
    return len(begun) < len(text) or short.nul or not whole.nul


def _text(mail: Mail) -> bytes | bytearray:
    """Without what a crash leaves where the rest of a file was to be: NULs, 0x80 in canonical form."""
    return mail.content.rstrip(b"\x80") if mail.nul else mail.content

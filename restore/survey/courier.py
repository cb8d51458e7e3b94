"""Keywords of messages as Courier IMAP keeps them, beside the mail and not in its file names.

courierimapkeywords/:list holds the names of keywords, one a line, an empty line, then "file:number number" for each
message that has some. A later change of one message is a file of its own until it is taken up into the list: ".N.file",
the highest N the latest, or "file", later than all; its lines are all keywords the message then has.
https://www.courier-mta.org/imap/README.imapkeywords.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from detectors.walk import Entry, join
from restore.errors import SourceUnreadable
from restore.model.ports import Content, Source

FOLDER = b"courierimapkeywords"
LIST = b":list"
LARGEST_LIST = 64 << 20
LARGEST_CHANGE = 1 << 16
_CHANGE = re.compile(rb"\.(\d{1,15})\.(.+)", re.DOTALL)

Keywords = Mapping[bytes, tuple[str, ...]]


def courier_keywords(source: Source, path: bytes, entries: Sequence[Entry]) -> Keywords:
    """The keywords of each message of the folder at `path` that has some, by its unique name. Raises
    SourceUnreadable."""
    if not any(entry.name == FOLDER and entry.kind == "folder" for entry in entries):
        return {}
    place = join(path, FOLDER)
    files = {entry.name: entry for entry in source.list(place) if entry.kind == "file"}
    found: dict[bytes, tuple[str, ...]] = {}
    if LIST in files:
        found = read_list(source.read(join(place, LIST), LARGEST_LIST))
    changes = sorted((_order(name) for name in files if not name.startswith(b":")), key=lambda one: one[0])
    names = [join(place, name) for _, _, name in changes]
    for (_, message, _), content in zip(changes, source.read_many(names, LARGEST_CHANGE), strict=True):
        if not isinstance(content, Content):
            raise SourceUnreadable(content.reason)
        found[message] = tuple(map(_word, content.data.split()))
    return {message: words for message, words in found.items() if words}


def read_list(data: bytes) -> dict[bytes, tuple[str, ...]]:
    """What a :list file says; a number without a name, and a line that is none, say nothing."""
    head, _, rest = data.partition(b"\n\n") if not data.startswith(b"\n") else (b"", b"", data)
    names = [_word(name) for name in head.split(b"\n") if name]
    found = {}
    for line in rest.split(b"\n"):
        message, _, numbers = line.rpartition(b":")
        places = [int(number) for number in numbers.split() if number.isdigit() and len(number) < 10]
        words = tuple(names[place] for place in places if place < len(names))
        if message and words:
            found[message] = words
    return found


def _order(name: bytes) -> tuple[float, bytes, bytes]:
    """When a change was made, of which message, and its file."""
    change = _CHANGE.fullmatch(name)
    return (float(change[1]), change[2], name) if change else (float("inf"), name, name)


def _word(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

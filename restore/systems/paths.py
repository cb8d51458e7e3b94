"""Names and paths of a source: bytes, checked before anything is asked of the other side."""

from __future__ import annotations

import stat

from detectors.walk import Kind
from restore.errors import SourceUnreadable
from restore.model.text import safe

NOT_FOLLOWED = "a link or no folder stands in its path; links are not followed"


def split(source: str, path: bytes) -> list[bytes]:
    """A path's names; raises SourceUnreadable for "..", NUL and absolute paths. b"" is the root: no names."""
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if path.startswith(b"/") or b".." in names or b"\0" in path:
        raise unreadable(source, path, "refused: not a plain path below the source's root")
    return names


def check_name(source: str, folder: bytes, name: bytes) -> None:
    """Raises SourceUnreadable where a server states a name that no file can have."""
    if b"/" in name or b"\0" in name or name in (b"", b".", b".."):
        raise unreadable(source, folder, f"the server lists a name that no file can have: {safe(name)!r}")


def kind(mode: int) -> Kind:
    """What a file is, by the type bits of its mode."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def unreadable(source: str, path: bytes, reason: str) -> SourceUnreadable:
    """The error for one path of a source, its name made safe to show."""
    return SourceUnreadable(f"{source}: {safe(path) or '(its root)'}: {reason}")

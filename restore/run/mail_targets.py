"""Which folder of the live mailbox each folder of the backup goes to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from restore.model.mail import INBOX, FolderPath

ROLE_NAMES = {
    "\\Sent": ("sent", "sent messages", "sent items", "sent mail"),
    "\\Drafts": ("drafts",),
    "\\Trash": ("trash", "deleted messages", "deleted items"),
    "\\Junk": ("junk", "spam", "junk e-mail", "junk email"),
    "\\Archive": ("archive", "archives"),
}
_UNSAFE = re.compile(r"[./\\~%*^&\x00-\x1f\x7f]")


def target_folders(
    folders: Sequence[FolderPath],
    live: Iterable[FolderPath],
    roles: Mapping[str, FolderPath],
    placed: Mapping[FolderPath, FolderPath],
) -> dict[FolderPath, FolderPath]:
    """The target's folder for each of the backup's.

    In this order: where it went in an earlier run (`placed`); INBOX in any case; the same name on the target; the
    target's own folder of its role, where neither side has another folder that could be meant; its own name.
    """
    standing = set(live)
    wanted = {folder: INBOX if is_inbox(folder) else folder for folder in folders}
    targets = {}
    for folder, same in wanted.items():
        role = role_of(folder)
        rivals = [other for other in folders if role and role_of(other) == role]
        own = roles.get(role) if role and rivals == [folder] else None
        if folder in placed:
            targets[folder] = placed[folder]
        elif same in standing or own is None or own in wanted.values():
            targets[folder] = same
        else:
            targets[folder] = own
    return targets


def is_inbox(folder: FolderPath) -> bool:
    """INBOX is one folder in whatever case it is written (RFC 9051 section 5.1)."""
    return len(folder) == 1 and folder[0].upper() == "INBOX"


def role_of(folder: FolderPath) -> str:
    """The special use that clients give a folder of this name, or ""."""
    if len(folder) != 1:
        return ""
    return next((role for role, names in ROLE_NAMES.items() if folder[0].casefold() in names), "")


def substitute(folder: FolderPath, taken: Iterable[FolderPath]) -> FolderPath:
    """A name for a folder whose own name the server refused: what servers object to becomes "_"."""
    plain = tuple(_UNSAFE.sub("_", component) or "_" for component in folder)
    used = set(taken)
    while plain in used or plain == folder:
        plain = (*plain[:-1], plain[-1] + "_")
    return plain

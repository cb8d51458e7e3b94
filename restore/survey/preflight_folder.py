"""Whether ledger, vault and staged dumps can be kept on this machine's disk."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from restore.model.survey import Finding
from restore.survey.preflight_databases import Need

LEAST_BYTES = 64 << 20
LEAST_INODES = 1000
MOUNTS = Path("/proc/self/mountinfo")
FORGETFUL = frozenset({"tmpfs", "ramfs"})
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "glusterfs", "ceph"})


def check_state(state: str, staging: Need) -> Iterator[Finding]:
    """Findings about the state folder, in which ledger, vault and staging lie; it is there already."""
    where = f"state folder {state}"
    folder = Path(state)
    try:
        found = folder.lstat()
        disk = os.statvfs(folder)
        _probe(folder)
    except OSError as error:
        what = f"it cannot be written: {error.strerror}"
        yield Finding(
            "refuse", where, what, "Nothing is done that cannot be remembered.", "Mend it or its disk."
        )
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        what = f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}: others may enter"
        todo = "`chown` it to who runs bulkrestore and `chmod 700` it."
        yield Finding("refuse", where, what, "Customers' passwords and data lie in it.", todo)
    yield from _room(where, disk, staging)
    yield from _kind(where, folder)


def _probe(folder: Path) -> None:
    """Write, sync and remove a file, as the ledger must be able to."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
        probe.write(bytes(4096))
        probe.flush()
        os.fsync(probe.fileno())
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _room(where: str, disk: os.statvfs_result, staging: Need) -> Iterator[Finding]:
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST_BYTES:
        what = f"{free:,} bytes are free on its disk, the ledger needs {LEAST_BYTES:,}"
        yield Finding("refuse", where, what, "Nothing is done that cannot be remembered.", "Free some space.")
    elif free - LEAST_BYTES < staging.bytes:
        what = f"{free:,} bytes are free, the {staging.count} largest dumps need {staging.bytes:,} at once"
        why = "The ledger stands on the same disk; a dump that does not fit is not begun."
        yield Finding("ask", where, what, why, "Name a larger disk as `state`, or lower `loads`.")
    if disk.f_files and disk.f_favail < LEAST_INODES + staging.count:
        what = f"{disk.f_favail:,} inodes are free on its disk"
        yield Finding(
            "refuse", where, what, "Nothing is done that cannot be remembered.", "Remove some files."
        )


def _kind(where: str, folder: Path) -> Iterator[Finding]:
    kind = filesystem(folder)
    if kind in FORGETFUL:
        why = "After a reboot nobody would know what has been done."
        yield Finding("ask", where, f"it lies in memory ({kind})", why, "Name a folder on a disk as `state`.")
    elif kind in REMOTE:
        why = "SQLite's locks and write-ahead log are not safe on a network file system."
        yield Finding("ask", where, f"it lies on {kind}", why, "Name a folder on a local disk as `state`.")
    elif not kind:
        yield Finding("note", where, "on what kind of disk it lies could not be checked", "", "")


def filesystem(folder: Path) -> str:
    """The type of the file system a folder lies on, "" where the kernel does not tell (proc(5), mountinfo)."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        mount, _, rest = line.partition(" - ")
        if mount.split()[2] == wanted:
            return rest.split()[0]
    return ""

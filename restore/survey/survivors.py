"""Dumps of the `mysql` database in the backups: nobody's to restore, but they hold the accounts' password hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restore.model.incident import Incident, OldServer
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.ports import Source
from restore.model.survey import Index
from restore.survey.places import SUFFIXES, expand

ACCOUNTS = "mysql"


def find_survivors(incident: Incident, index: Index, source: Callable[[str], Source]) -> tuple[DumpFile, ...]:
    """The newest dump of the database `mysql` of each old server in any copy that the index could read."""
    unread = {failed.key for failed in index.failed}
    found: list[DumpFile] = []
    for server in incident.old_servers:
        if f"index/{server.name}" in unread:
            continue
        ranks = [rank for rank in range(len(server.copies)) if (server.name, rank) not in index.unread]
        dumps = [dump for rank in ranks for dump in _dumps(server.at(rank), source)]
        dumps += [dump for dump in index.accounts if dump.database.server == server.name]
        found += sorted(dumps, key=lambda dump: (dump.fingerprint.mtime, dump.fingerprint.path))[-1:]
    return tuple(found)


def _dumps(server: OldServer, source: Callable[[str], Source]) -> Iterator[DumpFile]:
    backup = source(server.source)
    pattern = server.dumps.replace("{database}", ACCOUNTS)
    for path, _, _ in expand(backup, server.path.encode(), pattern, []):
        for suffix in SUFFIXES:
            entry = backup.lstat(path + suffix)
            if entry is not None and entry.kind == "file":
                stamp = Fingerprint(server.source, path + suffix, entry.size, entry.mtime, entry.inode)
                yield DumpFile(DatabaseId(server.name, ACCOUNTS), stamp)

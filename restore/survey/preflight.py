"""What speaks against a run, found before its first byte: sources, mail servers, database servers, state folder.

`refuse` is kept for what would break a promise (a replica written to, a ledger that cannot be kept). What a
person should decide or mend is `ask`: without it some of the work fails, with a clear word, and the rest is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from restore.errors import MailboxMissing, RestoreError
from restore.model.incident import Incident, MailTarget, OldServer, SourceSpec
from restore.model.mail import INBOX
from restore.model.mysql import SLICE
from restore.model.ports import Source, Systems
from restore.model.survey import Finding, Index
from restore.model.text import safe
from restore.survey.preflight_databases import Need, judge
from restore.survey.preflight_folder import check_state
from restore.survey.preflight_old_mail import check_old_mail

MAILBOXES_TRIED = 3
PACKED_RATIO = 8
"""How much larger a gzipped dump is taken to be when unpacked: a guess, and said to be one."""


def check(incident: Incident, index: Index, systems: Systems) -> tuple[Finding, ...]:
    """Everything preflight finds, worst first. Reads and logs in, writes nothing but a probe in our own folder."""
    findings = [
        *(
            one
            for spec in incident.sources
            for one in (
                check_old_mail(spec, index, systems)
                if spec.kind == "imap"
                else _source(spec, incident, systems)
            )
        ),
        *(one for target in incident.mail_targets for one in _mail(target, incident, index, systems)),
        *_databases(incident, index, systems),
        *check_state(incident.state, _staging_need(incident, index)),
    ]
    order = ("refuse", "ask", "note")
    return tuple(sorted(findings, key=lambda one: order.index(one.weight)))


def failed(where: str, error: RestoreError, why: str) -> Finding:
    """A server that could not be used, as a finding."""
    return Finding("ask", where, safe(error.message, 1000), why, error.hint)


def _source(spec: SourceSpec, incident: Incident, systems: Systems) -> Iterator[Finding]:
    where = f"source {spec.name}"
    try:
        source = systems.source(spec.name)
        source.list(b"")
        for server in incident.old_servers:
            yield from _trees(server, source, where)
    except RestoreError as error:
        yield failed(where, error, "Nothing that lies there alone can be restored.")
        return
    if spec.kind == "folder":
        if not os.statvfs(spec.path).f_flag & os.ST_RDONLY:
            why = "bulkrestore opens nothing there for writing, others may."
            yield Finding("note", where, "the folder is not mounted read-only", why, "Mount it read-only.")
    else:
        what = "whether its account may write, and its clock, could not be checked"
        yield Finding("note", where, what, "SFTP states neither without a write.", "")


def _trees(server: OldServer, source: Source, where: str) -> Iterator[Finding]:
    """Copies of an old server that are said to stand there and do not."""
    for copy in server.copies:
        if copy.source != source.name:
            continue
        entry = source.lstat(copy.path.strip("/").encode("utf-8", "surrogateescape"))
        if entry is not None and entry.kind == "folder":
            continue
        found = "is not there" if entry is None else f"is a {entry.kind}, not a folder"
        what = f"the tree of {server.name}, {safe(copy.path)}, {found}"
        why = (
            "Its other copies are used alone."
            if server.further
            else "Nothing of that server can be restored."
        )
        yield Finding("ask", where, what, why, "Correct `path`.")


def _mail(target: MailTarget, incident: Incident, index: Index, systems: Systems) -> Iterator[Finding]:
    where = f"mail server {target.name}"
    servers = {server.name for server in incident.old_servers if server.mail_to == target.name}
    places = [place.mailbox.address for place in index.mailboxes if place.mailbox.server in servers]
    missing = []
    if target.create is not None:
        try:
            maker = systems.maker(target.name)
            missing = [safe(address) for address in places[:MAILBOXES_TRIED] if not maker.stands(address)]
        except RestoreError as error:
            yield failed(where, error, "No mailbox can be made there.")
        if missing and len(missing) == len(places[:MAILBOXES_TRIED]):
            what = f"the mailboxes tried are not there: {', '.join(missing)}"
            why = "They are made first; the master login is tried with the first one made."
            yield Finding("note", where, what, why, "")
            return
    for address in (one for one in places[:MAILBOXES_TRIED] if safe(one) not in missing):
        try:
            session = systems.mail(target.name).open(address)
            try:
                session.state(INBOX)
            finally:
                session.close()
        except MailboxMissing:
            missing.append(safe(address))
            continue
        except RestoreError as error:
            yield failed(where, error, "No mail can be restored there.")
        break
    else:
        what = f"the mailboxes tried are not there: {', '.join(missing)}" if missing else "no mailbox to try"
        why = "The master login could not be checked to the end."
        yield Finding("ask" if missing else "note", where, what, why, "Make the mailboxes first.")
    if target.tls == "none":
        yield Finding("note", where, "it is used without TLS", "Allowed on loopback only.", "")


def _databases(incident: Incident, index: Index, systems: Systems) -> Iterator[Finding]:
    for target in incident.database_targets:
        where = f"database server {target.name}"
        try:
            facts = systems.database(target.name).facts()
        except RestoreError as error:
            yield failed(where, error, "No database and no account can be restored there.")
            continue
        yield from judge(target, facts, _target_need(target.name, incident, index), time.time())


def _target_need(target: str, incident: Incident, index: Index) -> Need:
    """The dumps whose first choice is that target."""
    servers = {server.name for server in incident.old_servers if server.databases_to[:1] == (target,)}
    sizes = [_plain_size(*one) for one in _dump_sizes(index, servers)]
    return Need(sum(sizes), len(sizes))


def _staging_need(incident: Incident, index: Index) -> Need:
    """The largest dumps that may lie in staging at once, as packed as they are."""
    servers = {server.name for server in incident.old_servers}
    at_once = sum(target.loads for target in incident.database_targets)
    sizes = sorted((size for _, size in _dump_sizes(index, servers)), reverse=True)[:at_once]
    return Need(sum(sizes), len(sizes))


def _dump_sizes(index: Index, servers: set[str]) -> list[tuple[bytes, int]]:
    """The newest dump of each database of these servers: path and size."""
    newest: dict[object, tuple[float, bytes, int]] = {}
    for dump in index.dumps:
        if dump.database.server in servers:
            file = dump.fingerprint
            found = (file.mtime, b"" if dump.form == SLICE else file.path, dump.size)
            newest[dump.database] = max(found, newest.get(dump.database, found))
    return [(path, size) for _, path, size in newest.values()]


def _plain_size(path: bytes, size: int) -> int:
    return size * PACKED_RATIO if path.endswith((b".gz", b".zst", b".xz", b".bz2")) else size

"""A source that was given up in the middle of a run: what of its things another copy holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from restore.model.incident import Incident
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId
from restore.model.plan import Job, LoadDatabase, LookSite, RestoreMailbox
from restore.model.survey import HomePlace, Index, MailboxPlace
from restore.plan.origin import copies_of, united

Whose = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lost:
    """What a run has not restored because a source was given up: mailboxes, databases, and homes that were not looked
    at; `customers` are whose they are, as SERVER/NAME."""

    mailboxes: frozenset[MailboxId] = frozenset()
    databases: frozenset[DatabaseId] = frozenset()
    homes: frozenset[Whose] = frozenset()
    customers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.mailboxes or self.databases or self.homes)


def lost_with(jobs: Iterable[Job], index: Index, incident: Incident, dead: frozenset[str]) -> Lost:
    """Of these jobs, what a copy on another source holds too."""
    works = [step.work for job in jobs for step in job.steps]
    mailboxes = {work.mailbox for work in works if isinstance(work, RestoreMailbox)}
    databases = {work.dump.database for work in works if isinstance(work, LoadDatabase)}
    homes = {(work.server, work.customer) for work in works if isinstance(work, LookSite)}
    whose = {one.mailbox: one.customer for one in works if isinstance(one, RestoreMailbox)}
    owner = {one.dump.database: one.customer for one in works if isinstance(one, LoadDatabase)}
    servers = {server.name: server for server in incident.old_servers}
    elsewhere = frozenset(
        place.mailbox
        for place in index.mailboxes
        if place.mailbox in mailboxes
        and any(copy.source not in dead for copy in copies_of(place, servers[place.mailbox.server]))
    )
    dumped = frozenset(
        dump.database
        for dump in index.dumps
        if dump.database in databases and dump.fingerprint.source not in dead
    )
    standing = frozenset(
        (home.server, home.customer)
        for home in index.homes
        if (home.server, home.customer) in homes and _source(incident, home) not in dead
    )
    return Lost(
        elsewhere,
        dumped,
        standing,
        frozenset(
            [
                *(f"{one.server}/{whose[one]}" for one in elsewhere),
                *(f"{one.server}/{owner[one]}" for one in dumped),
                *(f"{server}/{name}" for server, name in standing),
            ]
        ),
    )


def without(index: Index, incident: Incident, dead: frozenset[str], lost: Lost) -> Index:
    """The index in which what was lost is had from other copies alone; all else stays as it is."""
    servers = {server.name: server for server in incident.old_servers}

    def moved(place: MailboxPlace) -> MailboxPlace:
        if place.mailbox not in lost.mailboxes:
            return place
        copies = copies_of(place, servers[place.mailbox.server])
        return united(place, (copy for copy in copies if copy.source not in dead))

    unread = {
        (server.name, rank)
        for server in incident.old_servers
        for rank, copy in enumerate(server.copies)
        if copy.source in dead
    }
    return replace(
        index,
        mailboxes=tuple(map(moved, index.mailboxes)),
        dumps=tuple(
            dump
            for dump in index.dumps
            if dump.database not in lost.databases or dump.fingerprint.source not in dead
        ),
        homes=tuple(
            home
            for home in index.homes
            if (home.server, home.customer) not in lost.homes or _source(incident, home) not in dead
        ),
        unread=tuple(sorted({*index.unread, *unread})),
    )


def _source(incident: Incident, home: HomePlace) -> str:
    server = next(one for one in incident.old_servers if one.name == home.server)
    return server.copies[home.rank].source

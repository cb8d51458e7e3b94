"""Which copy of a lost server a thing comes from: told in words, and chosen as of a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from restore.model.incident import Incident, OldServer
from restore.model.mysql import DumpFile
from restore.model.plan import MailCopy
from restore.model.survey import HomePlace, Index, MailboxPlace, Narrowing

YEAR_10000 = 253_402_300_800


def day(taken: float | None) -> str:
    """A time for people: its day alone where it is the last second of one, as a stated day is."""
    if taken is None or not 0 < taken < YEAR_10000:
        return "an unknown time"
    at = datetime.fromtimestamp(taken, UTC)
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (23, 59, 59) else f"{at:%Y-%m-%d %H:%M} UTC"


def words(source: str, kind: str, taken: float | None) -> str:
    """A copy for people, like "backup1, backup of 2026-11-24"."""
    return f"{source}, {kind}" + ("" if taken is None else f" of {day(taken)}")


def origin(server: OldServer, source: str, kind: str, taken: float | None) -> str:
    """What is said of a thing that comes from that copy; "" where the server has no other."""
    return f"from {words(source, kind, taken)}" if server.further else ""


def origin_of(copy: MailCopy) -> str:
    """What is said of mail that comes from a further copy."""
    return f"from {words(copy.source, copy.kind, copy.taken)}"


def copies_of(place: MailboxPlace, server: OldServer) -> tuple[MailCopy, ...]:
    """All copies of a mailbox, first choice first."""
    first = MailCopy(place.source or server.source, place.path, place.kind, place.taken, place.store)
    return (first, *place.also)


def home_ranks(index: Index) -> Mapping[tuple[str, str], int]:
    """The rank of the copy that a customer's home is taken from, by server and customer; none: the first."""
    return {(one.server, one.customer): one.rank for one in reversed(index.homes)}


def at_home(server: OldServer, rank: int) -> OldServer:
    """The old server as its copy of that rank states it, the further copies kept."""
    return replace(server.at(rank), further=server.further)


def limits(index: Index, server: str, moment: float | None) -> str:
    """What a missing thing was looked for in, as words behind "No backup"."""
    unread = any(name == server for name, _ in index.unread)
    return (" that can be read now" if unread else "") + ("" if moment is None else f" as of {day(moment)}")


def as_of(incident: Incident, index: Index, narrowing: Narrowing) -> Index:
    """The index as of the time that is asked for: mailboxes from copies made by then, the newest first; dumps taken by
    then, none preferred but for its time; homes from such copies first, unless it is asked of some things alone.
    Customers, owners and notes stay as they are; so does all where no time is asked for."""
    moment = narrowing.as_of
    if moment is None:
        return index
    servers = {server.name: server for server in incident.old_servers}
    places = (
        place
        if narrowing.moment(place.mailbox.address.lower()) is None
        else _place(place, servers[place.mailbox.server], moment)
        for place in index.mailboxes
    )
    found = replace(
        index,
        mailboxes=tuple(place for place in places if place is not None),
        dumps=tuple(dump for one in index.dumps for dump in _dumps(one, narrowing)),
    )
    if narrowing.dated is not None:
        return found
    return replace(found, homes=tuple(sorted(index.homes, key=lambda home: _order(home, moment))), unread=())


def _dumps(dump: DumpFile, narrowing: Narrowing) -> Iterator[DumpFile]:
    """A dump as the one to be chosen, if it may be."""
    moment = narrowing.moment(dump.database)
    if moment is None:
        yield dump
    elif dump.taken <= moment:
        yield replace(dump, rank=0)


def _place(place: MailboxPlace, server: OldServer, moment: float) -> MailboxPlace | None:
    copies = [copy for copy in copies_of(place, server) if copy.taken is not None and copy.taken <= moment]
    return united(place, sorted(copies, key=lambda copy: -(copy.taken or 0.0))) if copies else None


def united(place: MailboxPlace, copies: Iterable[MailCopy]) -> MailboxPlace:
    """A mailbox with these copies, the first of them its own."""
    first, *others = copies
    return replace(
        place,
        path=first.path,
        source=first.source,
        kind=first.kind,
        taken=first.taken,
        also=tuple(others),
        store=first.store,
    )


def _order(home: HomePlace, moment: float) -> tuple[bool, float, int]:
    late = home.taken is None or home.taken > moment
    return late, 0.0 if late else -(home.taken or 0.0), home.rank


def newest(dumps: Iterable[DumpFile]) -> DumpFile:
    """The dump of the most preferred copy, of several there the newest."""
    return min(
        dumps, key=lambda dump: (dump.rank, -dump.taken, -dump.fingerprint.mtime, dump.fingerprint.path)
    )

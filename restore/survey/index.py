"""The global index: customers files read, mailboxes and dumps listed by name, united over a server's copies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detectors.walk import join
from restore.errors import CustomersInvalid, RestoreError, SourceUnreadable
from restore.model.incident import Incident, OldServer
from restore.model.mail import MailboxId
from restore.model.mysql import DumpFile
from restore.model.outcome import Failed
from restore.model.plan import MailCopy
from restore.model.ports import Source
from restore.model.stores import IMAP, Store
from restore.model.survey import Customer, HomePlace, Index, MailboxPlace
from restore.model.text import safe
from restore.survey.customers import read_customers
from restore.survey.dumps_of_many import ACCOUNTS, Inside
from restore.survey.homes import list_customers
from restore.survey.listing import list_dumps, list_mailboxes

CUSTOMERS_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Copy:
    """What one copy of an old server holds; `server` states that copy as if it were the only one."""

    server: OldServer
    rank: int
    backup: Source
    mailboxes: tuple[MailboxPlace, ...]
    dumps: tuple[DumpFile, ...]


def index_keys(incident: Incident) -> tuple[str, ...]:
    """The key under which the reading of every old server, and of every copy of one that has several, is recorded."""
    servers = [f"index/{server.name}" for server in incident.old_servers]
    copies = [
        _copy_key(server, rank)
        for server in incident.old_servers
        if server.further
        for rank in range(len(server.copies))
    ]
    return (*servers, *copies)


def read_index(incident: Incident, source: Callable[[str], Source], inside: Inside | None = None) -> Index:
    """All names and owners of all old servers of an incident, united over their copies; `source` gives a source by
    its name, `inside` tells what a file of many databases holds (None: none is looked into).

    A copy that cannot be read is in `failed` and `unread`; the rest stands without it. A server whose customers
    file or all of whose copies cannot be read is in `failed`, and nothing of it in the rest.
    """
    parts = [_read_server(server, source, inside) for server in incident.old_servers]
    return Index(
        tuple(one for part in parts for one in part.customers),
        tuple(one for part in parts for one in part.mailboxes),
        tuple(one for part in parts for one in part.dumps),
        tuple(one for part in parts for one in part.notes),
        tuple(one for part in parts for one in part.failed),
        tuple(one for part in parts for one in part.homes),
        tuple(one for part in parts for one in part.unread),
        tuple(one for part in parts for one in part.accounts),
    )


def _read_server(server: OldServer, source: Callable[[str], Source], inside: Inside | None) -> Index:
    notes: list[str] = []
    copies: list[_Copy] = []
    failed: dict[int, RestoreError] = {}
    for rank in range(len(server.copies)):
        try:
            copies.append(_read_copy(server, rank, source, inside, notes))
        except RestoreError as error:
            failed[rank] = error
    told = tuple(_copy_unread(server, rank, error) for rank, error in failed.items() if server.further)
    try:
        if not copies:
            raise failed[0]
        known = _customers(server, copies, notes)
        copies = _served(server, copies, known)
        homes = tuple(_homes(known, copies, notes)) if server.further else ()
    except RestoreError as error:
        return Index((), (), (), failed=(_unread(server, error), *told))
    dumps = [replace(dump, rank=copy.rank) for copy in copies for dump in copy.dumps]
    return Index(
        known,
        tuple(_united(copies)),
        tuple(dump for dump in dumps if dump.database.name != ACCOUNTS),
        tuple(notes),
        told,
        homes,
        tuple((server.name, rank) for rank in failed),
        tuple(dump for dump in dumps if dump.database.name == ACCOUNTS),
    )


def _read_copy(
    server: OldServer,
    rank: int,
    source: Callable[[str], Source],
    inside: Inside | None,
    notes: list[str],
) -> _Copy:
    one = server.at(rank)
    backup = source(one.source)
    if server.further:
        backup.list(one.path.strip("/").encode())
    found: list[str] = []
    copy = _Copy(
        one,
        rank,
        backup,
        tuple(list_mailboxes(one, backup, found)),
        tuple(list_dumps(one, backup, found, inside)),
    )
    notes += [f"{one.source}: {note}" for note in found] if server.further else found
    return copy


def _served(server: OldServer, copies: Sequence[_Copy], known: Iterable[Customer]) -> list[_Copy]:
    """A mail server does not tell whose mail it has: each of the customers' mailboxes, and of the other copies', is
    looked for there."""
    listed = {address.lower(): address for one in known for address in one.mailboxes}
    listed |= {
        place.mailbox.address.lower(): place.mailbox.address for copy in copies for place in copy.mailboxes
    }
    return [
        replace(
            copy,
            mailboxes=tuple(
                MailboxPlace(
                    MailboxId(server.name, address),
                    b"",
                    copy.server.source,
                    copy.server.kind,
                    copy.server.taken,
                    store=Store(IMAP),
                )
                for _, address in sorted(listed.items())
            ),
        )
        if copy.server.mail_layout.format == IMAP
        else copy
        for copy in copies
    ]


def _customers(server: OldServer, copies: Sequence[_Copy], notes: list[str]) -> tuple[Customer, ...]:
    """As the customers file states them; where the incident names none, as the copies' homes tell."""
    if server.customers:
        return read_customers(server, _customers_text(server, copies))
    dumps = [dump for copy in copies for dump in copy.dumps]
    told = [one for copy in copies for one in list_customers(copy.server, copy.backup, dumps, notes)]
    return tuple({one.name: one for one in reversed(told)}.values())


def _copy_key(server: OldServer, rank: int) -> str:
    copy = server.copies[rank]
    return f"index/{server.name}/{copy.source}/{copy.path}"


def _copy_unread(server: OldServer, rank: int, error: RestoreError) -> Failed:
    where = f"the {server.copies[rank].kind} of {server.name} on {server.copies[rank].source}"
    message = f"{where} cannot be read, all else goes on with its other copies: {error.message}"
    return _failed(_copy_key(server, rank), error, message, server.copies[rank].source)


def _unread(server: OldServer, error: RestoreError) -> Failed:
    message = f"nothing of {server.name} can be restored: {error.message}"
    return _failed(f"index/{server.name}", error, message, server.source)


def _failed(key: str, error: RestoreError, message: str, source: str) -> Failed:
    return Failed(key, error.code, error.scope, message, error.hint, error.transient, server=source)


def _customers_text(server: OldServer, copies: Sequence[_Copy]) -> bytes:
    """The customers file: of this machine where its path is absolute, else of the first copy that has it."""
    if server.customers.startswith("/"):
        try:
            return Path(server.customers).read_bytes()
        except OSError as error:
            raise CustomersInvalid(
                f"customers file of {server.name}: {safe(server.customers)} cannot be read: {error.strerror}"
            ) from error
    missing = []
    for copy in copies:
        path = join(copy.server.path.encode(), server.customers.encode())
        try:
            return copy.backup.read(path, CUSTOMERS_LIMIT)
        except SourceUnreadable as error:
            missing.append(error)
    raise CustomersInvalid(f"customers file of {server.name}: {missing[0].message}") from missing[0]


def _united(copies: Sequence[_Copy]) -> Iterator[MailboxPlace]:
    """Every mailbox of any copy once, its first copy's place with the further ones in `also`. Addresses are told
    apart by case within one copy only."""
    places: list[MailboxPlace] = []
    also: defaultdict[int, list[MailCopy]] = defaultdict(list)
    for copy in copies:
        by_address: defaultdict[str, list[int]] = defaultdict(list)
        for number, place in enumerate(places):
            by_address[place.mailbox.address.lower()].append(number)
        for place in copy.mailboxes:
            rivals = by_address[place.mailbox.address.lower()]
            same = [n for n in rivals if places[n].mailbox == place.mailbox] or rivals
            if len(same) == 1:
                also[same[0]].append(MailCopy(place.source, place.path, place.kind, place.taken, place.store))
            else:
                places.append(place)
    yield from (replace(place, also=tuple(also[number])) for number, place in enumerate(places))


def _homes(customers: Iterable[Customer], copies: Sequence[_Copy], notes: list[str]) -> Iterator[HomePlace]:
    """Which copies hold each customer's home, first choice first; a folder of homes is listed once a copy."""
    listed: dict[tuple[int, bytes], frozenset[bytes]] = {}
    for customer in customers:
        for copy in copies:
            home = join(
                copy.server.path.strip("/").encode(), customer.home.encode("utf-8", "surrogateescape")
            )
            folder, _, name = home.rpartition(b"/")
            key = (copy.rank, folder)
            if key not in listed:
                listed[key] = _folders(copy, folder, notes)
            if name in listed[key]:
                yield HomePlace(customer.server, customer.name, copy.rank, copy.server.taken)


def _folders(copy: _Copy, folder: bytes, notes: list[str]) -> frozenset[bytes]:
    try:
        return frozenset(entry.name for entry in copy.backup.list(folder) if entry.kind == "folder")
    except SourceUnreadable as error:
        notes.append(f"{copy.server.source}: {safe(folder)}: {error.message}")
        return frozenset()

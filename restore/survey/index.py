"""The global index: customers files read, Maildirs and dumps listed by name. No tenant's file is opened."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from detectors.walk import Entry, join
from restore.errors import CustomersInvalid, RestoreError, SourceUnreadable
from restore.model.incident import Incident, OldServer
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Failed
from restore.model.ports import Source
from restore.model.survey import Customer, Index, MailboxPlace
from restore.model.text import safe

COLUMNS = ("customer", "home", "domains", "mailboxes", "databases", "contact", "phone")
CUSTOMERS_LIMIT = 64 * 1024 * 1024
# A dump may stand packed, its name longer by one of these.
PACKED = rb"(?:\.(?:gz|zst|xz|bz2))?"
SUFFIXES = (b"", b".gz", b".zst", b".xz", b".bz2")
SYSTEM_DATABASES = frozenset({"mysql", "information_schema", "performance_schema", "sys"})


def read_index(incident: Incident, source: Callable[[str], Source]) -> Index:
    """All names and owners of all old servers of an incident; `source` gives a source by its name.

    A server whose source or customers file cannot be read is in `failed`, and nothing of it in the rest.
    """
    customers: list[Customer] = []
    mailboxes: list[MailboxPlace] = []
    dumps: list[DumpFile] = []
    notes: list[str] = []
    unread: list[Failed] = []
    for server in incident.old_servers:
        try:
            backup = source(server.source)
            known = read_customers(server, _customers_text(server, backup))
            boxes = tuple(list_mailboxes(server, backup, notes))
            files = tuple(list_dumps(server, backup, notes))
        except RestoreError as error:
            unread.append(_unread(server, error))
            continue
        customers += known
        mailboxes += boxes
        dumps += files
    return Index(tuple(customers), tuple(mailboxes), tuple(dumps), tuple(notes), tuple(unread))


def _unread(server: OldServer, error: RestoreError) -> Failed:
    message = f"nothing of {server.name} can be restored: {error.message}"
    return Failed(
        f"index/{server.name}",
        error.code,
        error.scope,
        message,
        error.hint,
        error.transient,
        server=server.source,
    )


def _customers_text(server: OldServer, backup: Source) -> bytes:
    if server.customers.startswith("/"):
        try:
            return Path(server.customers).read_bytes()
        except OSError as error:
            raise CustomersInvalid(
                f"customers file of {server.name}: {safe(server.customers)} cannot be read: {error.strerror}"
            ) from error
    path = join(server.path.encode(), server.customers.encode())
    try:
        return backup.read(path, CUSTOMERS_LIMIT)
    except SourceUnreadable as error:
        raise CustomersInvalid(f"customers file of {server.name}: {error.message}") from error


def read_customers(server: OldServer, raw: bytes) -> tuple[Customer, ...]:
    """The customers of one old server from its CSV text (RFC 4180, UTF-8, a header row, list fields separated
    by spaces). Raises CustomersInvalid naming the bad line."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CustomersInvalid(
            f"customers file of {server.name} is not UTF-8 at byte {error.start:,}"
        ) from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip().lower() for column in next(rows, [])]
        missing = [
            column
            for column in COLUMNS
            if column not in header and column not in ("home", "phone", "contact")
        ]
        if missing:
            raise CustomersInvalid(
                f"customers file of {server.name}: its first line lacks the column(s) {', '.join(missing)};"
                f" expected {','.join(COLUMNS)}"
            )
        customers = tuple(_customers(server, header, rows))
    except csv.Error as error:
        raise CustomersInvalid(f"customers file of {server.name}, line {rows.line_num}: {error}") from error
    names = [customer.name for customer in customers]
    twice = (
        sorted({safe(name) for name in names if names.count(name) > 1})
        if len(set(names)) < len(names)
        else []
    )
    if twice:
        raise CustomersInvalid(f"customers file of {server.name}: {', '.join(twice)} stands twice")
    return customers


def _customers(server: OldServer, header: list[str], rows: Iterator[list[str]]) -> Iterator[Customer]:
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise CustomersInvalid(
                f"customers file of {server.name}, row {number}: {len(row)} fields, expected {len(header)}"
            )
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        name = cells["customer"]
        home = cells.get("home", "").strip("/") or server.homes.replace("{customer}", name)
        if not name or "\0" in "".join(row) or ".." in home.split("/"):
            raise CustomersInvalid(
                f"customers file of {server.name}, row {number}: each needs a name and a home without .."
            )
        yield Customer(
            server=server.name,
            name=name,
            home=home,
            domains=tuple(cells["domains"].lower().split()),
            mailboxes=tuple(cells["mailboxes"].split()),
            databases=tuple(cells["databases"].split()),
            contact=cells.get("contact", ""),
            phone=cells.get("phone", ""),
            line=number,
        )


def list_mailboxes(server: OldServer, backup: Source, notes: list[str]) -> Iterator[MailboxPlace]:
    """Every Maildir that the server's `maildirs` pattern finds, by listing folders alone."""
    for path, names, _ in expand(backup, server.path.encode(), server.maildirs, notes):
        address = f"{names['user']}@{names['domain']}"
        if any(ord(character) < 33 or 0xDC80 <= ord(character) <= 0xDCFF for character in address):
            notes.append(f"{server.name}: {safe(path)} is not the Maildir of any address")
            continue
        yield MailboxPlace(MailboxId(server.name, address), path)


def list_dumps(server: OldServer, backup: Source, notes: list[str]) -> Iterator[DumpFile]:
    """Every dump that the server's `dumps` pattern finds, plain or packed, newest of each database first."""
    found = []
    for path, names, listed in _dump_places(server, backup, notes):
        entry = listed or backup.lstat(path)
        if entry is None or entry.kind != "file":
            notes.append(f"{server.name}: {safe(path)} is not a regular file and is not read as a dump")
            continue
        if names["database"].lower() in SYSTEM_DATABASES:
            notes.append(f"{server.name}: {safe(path)} dumps a system database; it is not restored")
            continue
        print_of = Fingerprint(server.source, path, entry.size, entry.mtime, entry.inode)
        found.append(DumpFile(DatabaseId(server.name, names["database"]), print_of))
    yield from sorted(
        found,
        key=lambda dump: (
            dump.database,
            -dump.fingerprint.mtime,
            dump.fingerprint.path,
        ),
    )


def _dump_places(server: OldServer, backup: Source, notes: list[str]) -> Iterator[Place]:
    """What the `dumps` pattern fits, plain and packed; a folder is listed once."""
    for place in expand(backup, server.path.encode(), server.dumps, notes, PACKED):
        path, names, listed = place
        if listed is not None:
            yield place
            continue
        entries = [(path + suffix, backup.lstat(path + suffix)) for suffix in SUFFIXES]
        standing: list[Place] = [(one, names, entry) for one, entry in entries if entry is not None]
        yield from standing or [place]


Place = tuple[bytes, dict[str, str], Entry | None]


def expand(
    backup: Source, root: bytes, pattern: str, notes: list[str], ending: bytes = b""
) -> Iterator[Place]:
    """Paths under `root` that fit a pattern like "var/vmail/{domain}/{user}/Maildir", what each name stood
    for, and the entry where the last component was listed. Literal components are taken unlooked at; `ending` is a
    regular expression of what may follow a last component that is not literal."""
    parts = pattern.strip("/").split("/")
    found: list[Place] = [(root, {}, None)]
    for position, part in enumerate(parts):
        if "{" not in part:
            found = [(join(path, part.encode()), names, None) for path, names, _ in found]
            continue
        last = position == len(parts) - 1
        rule = re.compile(_rule(part).encode() + (ending if last else b""), re.DOTALL)
        found = [
            (join(path, entry.name), {**names, **values}, entry)
            for path, names, _ in found
            for entry, values in _matches(backup, path, rule, last, notes)
        ]
    yield from found


def _rule(part: str) -> str:
    pieces = re.split(r"\{([^}]*)\}", part)
    return "".join(
        rf"(?P<{piece}>[^/]+?)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)
    )


def _matches(
    backup: Source, folder: bytes, rule: re.Pattern[bytes], last: bool, notes: list[str]
) -> Iterator[tuple[Entry, dict[str, str]]]:
    try:
        entries = sorted(backup.list(folder), key=lambda entry: entry.name)
    except SourceUnreadable as error:
        notes.append(f"{safe(folder)}: {error.message}")
        return
    for entry in entries:
        match = rule.fullmatch(entry.name)
        if match is None:
            continue
        if not last and entry.kind != "folder":
            notes.append(
                f"{safe(join(folder, entry.name))} is a {entry.kind}, not a folder; it is not followed"
            )
            continue
        yield (
            entry,
            {key: value.decode("utf-8", "surrogateescape") for key, value in match.groupdict().items()},
        )

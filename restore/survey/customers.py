"""The customers file of an old server: who owns what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from restore.errors import CustomersInvalid
from restore.model.incident import OldServer
from restore.model.survey import Customer
from restore.model.text import safe

COLUMNS = ("customer", "home", "domains", "mailboxes", "databases", "contact", "phone")


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

"""What of the company a command is about, from its options or as a request says it; a name nobody knows is bad use."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from restore.errors import BadUse, NamesUnread, RequestRefused, RestoreError
from restore.model.mysql import DatabaseId
from restore.model.survey import Index, Narrowing
from restore.model.text import safe


def narrowing_typed(options: Namespace) -> Narrowing:
    """The narrowing that --customer, --mailbox, --database, --only and --as-of ask for. Raises BadUse."""
    return Narrowing(
        frozenset(options.customer),
        frozenset(options.only),
        frozenset(address.lower() for address in options.mailbox),
        frozenset(map(database_of, options.database)),
        options.as_of,
    )


def narrowing_of(options: Namespace, index: Index) -> Narrowing:
    """The same, once every name in it is known. Raises BadUse."""
    narrowing = narrowing_typed(options)
    check_narrowing(narrowing, index)
    return narrowing


def narrowing_said(narrowing: Narrowing) -> Mapping[str, object]:
    """A narrowing for the wire."""
    return {
        "customers": sorted(narrowing.customers),
        "kinds": sorted(narrowing.kinds),
        "mailboxes": sorted(narrowing.mailboxes),
        "databases": sorted(map(str, narrowing.databases)),
        "as_of": narrowing.as_of,
    }


def narrowing_words(narrowing: Narrowing) -> str:
    """A narrowing as options are typed; "" for everything."""
    named = [
        *(f"--customer {one}" for one in sorted(narrowing.customers)),
        *(f"--mailbox {one}" for one in sorted(narrowing.mailboxes)),
        *(f"--database {one}" for one in sorted(map(str, narrowing.databases))),
        *(f"--only {one}" for one in sorted(narrowing.kinds)),
        *(
            [f"--as-of {datetime.fromtimestamp(narrowing.as_of, UTC):%Y-%m-%dT%H:%M:%S}"]
            if narrowing.as_of
            else []
        ),
    ]
    return safe(" ".join(named), 500)


def check_narrowing(narrowing: Narrowing, index: Index) -> None:
    """Raises BadUse for a name that neither a customers file nor a backup knows, or kinds that none is wanted of; and
    NamesUnread where such a name may stand in what cannot be read."""
    customers = {name for one in index.customers for name in (one.name, f"{one.server}/{one.name}")}
    mailboxes = {address.lower() for one in index.customers for address in one.mailboxes}
    mailboxes |= {place.mailbox.address.lower() for place in index.mailboxes}
    databases = {DatabaseId(one.server, name) for one in index.customers for name in one.databases}
    databases |= {dump.database for dump in index.dumps}
    for name in sorted(narrowing.customers - customers):
        raise _unknown(f"no customers file names a customer {safe(name)}", index)
    for address in sorted(narrowing.mailboxes - mailboxes):
        raise _unknown(f"no customers file names and no backup holds a mailbox {safe(address)}", index)
    for database in sorted(narrowing.databases - databases):
        raise _unknown(f"no customers file names and no backup holds a database {safe(str(database))}", index)
    if narrowing.kinds and not narrowing.customers and not narrowing.nothing_named:
        raise BadUse("--only narrows a customer's things: leave it out where single ones are named")


def _unknown(what: str, index: Index) -> RestoreError:
    if not index.failed:
        return BadUse(what)
    return NamesUnread("; ".join((f"{what} that can be read", *(one.message for one in index.failed))))


def database_of(name: str) -> DatabaseId:
    """SERVER/DATABASE as typed. Raises BadUse."""
    server, slash, database = name.partition("/")
    if not slash or not database:
        raise BadUse(f"{safe(name)} is not SERVER/DATABASE, like web1/shop")
    return DatabaseId(server, database)


def narrowing_from(said: object) -> Narrowing:
    """A narrowing as narrowing_said() wrote it. Raises RequestRefused."""
    if not isinstance(said, dict):
        raise RequestRefused("a run states what it is narrowed to")
    as_of = said.get("as_of")
    return Narrowing(
        frozenset(texts_said(said, "customers")),
        frozenset(texts_said(said, "kinds")),
        frozenset(texts_said(said, "mailboxes")),
        frozenset(DatabaseId(*one.split("/", 1)) for one in texts_said(said, "databases") if "/" in one),
        float(as_of) if isinstance(as_of, int | float) else None,
    )


def text_said(said: Mapping[str, Any], name: str) -> str:
    """A request's text of that name. Raises RequestRefused."""
    text = said.get(name)
    if not isinstance(text, str):
        raise RequestRefused(f"a request states its {name} wrongly or not at all")
    return text


def texts_said(said: Mapping[str, Any], name: str) -> list[str]:
    """A request's texts of that name. Raises RequestRefused."""
    texts = said.get(name)
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise RequestRefused(f"a request states its {name} wrongly or not at all")
    return texts

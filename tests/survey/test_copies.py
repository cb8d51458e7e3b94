"""A lost server in several copies: whatever one of them lacks comes from the next, and a broken one hides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from restore.errors import SourceUnreachable
from restore.model.incident import Incident, ServerCopy
from restore.model.ports import Source
from restore.model.survey import Index
from restore.plan.origin import copies_of, newest
from restore.survey.index import index_keys, read_index
from tests.memory.source import MemorySource
from tests.plan.company import incident

HEADER = "customer,home,domains,mailboxes,databases,contact,phone\r\n"
NAMES = ("a", "b", "c")
COPIES = (
    ServerCopy("night", "web1", taken=300.0),
    ServerCopy("week", "old/web1", taken=100.0),
    ServerCopy("wreck", "", "wreck"),
)
Held = tuple[frozenset[str], frozenset[str], frozenset[str]]


def several() -> Incident:
    """One lost server with a backup of last night, one of last week, and its wreck."""
    whole = incident()
    first, *further = COPIES
    server = replace(
        whole.old_servers[0], source=first.source, path=first.path, taken=first.taken, further=tuple(further)
    )
    return replace(whole, old_servers=(server,))


def tree(copy: ServerCopy, held: Held, *, customers: bool = True) -> MemorySource:
    """A source with one copy that holds these mailboxes, databases and homes."""
    mailboxes, databases, homes = held
    stem = f"{copy.path}/" if copy.path else ""
    source = MemorySource(copy.source, {f"{stem}x".encode(): b""})
    rows = "".join(f"{one},,,{one}@x.test,{one},,\r\n" for one in NAMES)
    if customers:
        source.put(f"{stem}customers.csv".encode(), (HEADER + rows).encode())
    for one in mailboxes:
        source.put(f"{stem}var/vmail/x.test/{one}/Maildir/cur/1".encode(), b"")
    for one in databases:
        source.put(f"{stem}var/backups/mysql/{one}.sql".encode(), b"x")
    for one in homes:
        source.put(f"{stem}home/{one}/.bashrc".encode(), b"")
    return source


def at(sources: list[MemorySource]) -> Callable[[str], Source]:
    return {source.name: source for source in sources}.__getitem__


names = st.frozensets(st.sampled_from(NAMES))
held = st.tuples(names, names, names)


def found(index: Index, incident: Incident) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """The copies of each mailbox in order, the copy of each database's first dump and of each home."""
    server = incident.old_servers[0]
    boxes = {
        place.mailbox.address.partition("@")[0]: [copy.source for copy in copies_of(place, server)]
        for place in index.mailboxes
    }
    dumps = {
        name: newest(dump for dump in index.dumps if dump.database.name == name).fingerprint.source
        for name in {dump.database.name for dump in index.dumps}
    }
    homes = {one.customer: server.copies[one.rank].source for one in reversed(index.homes)}
    return boxes, dumps, homes


def wanted(copies: list[tuple[str, Held]]) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
    """The same by the rule: mail from every copy, dumps and homes from the first that has them."""
    having = [
        {name: [source for source, one in copies if name in one[kind]] for name in NAMES} for kind in range(3)
    ]
    boxes, dumps, homes = ({name: sources for name, sources in one.items() if sources} for one in having)
    return (
        boxes,
        {n: sources[0] for n, sources in dumps.items()},
        {n: sources[0] for n, sources in homes.items()},
    )


@given(st.tuples(held, held, held))
def test_mail_comes_from_every_copy_and_all_else_from_the_first_that_has_it(copies: tuple[Held, ...]) -> None:
    sources = [tree(copy, one) for copy, one in zip(COPIES, copies, strict=True)]

    index = read_index(several(), at(sources))

    assert (index.failed, index.unread) == ((), ())
    assert found(index, several()) == wanted([(c.source, one) for c, one in zip(COPIES, copies, strict=True)])


@given(st.tuples(held, held, held), st.frozensets(st.sampled_from((0, 1, 2)), min_size=1, max_size=2))
def test_a_copy_that_cannot_be_read_is_named_and_the_others_stand_without_it(
    copies: tuple[Held, ...], broken: frozenset[int]
) -> None:
    sources = [tree(copy, one) for copy, one in zip(COPIES, copies, strict=True)]

    def source(name: str) -> Source:
        rank = [copy.source for copy in COPIES].index(name)
        if rank in broken:
            raise SourceUnreachable(f"{name} does not answer", server=name)
        return sources[rank]

    index = read_index(several(), source)

    left = [(COPIES[n].source, copies[n]) for n in range(3) if n not in broken]
    assert found(index, several()) == wanted(left)
    assert {one.name for one in index.customers} == set(NAMES)
    assert index.unread == tuple(("web1", rank) for rank in sorted(broken))
    keys = [f"index/web1/{COPIES[rank].source}/{COPIES[rank].path}" for rank in sorted(broken)]
    assert [one.key for one in index.failed] == keys and set(keys) <= set(index_keys(several()))
    assert all("goes on with its other copies" in one.message for one in index.failed)


def test_a_server_none_of_whose_copies_can_be_read_is_lost_and_each_copy_says_why() -> None:
    def source(name: str) -> Source:
        raise SourceUnreachable(f"{name} does not answer", server=name)

    index = read_index(several(), source)

    assert [one.key for one in index.failed] == [
        "index/web1",
        *(f"index/web1/{copy.source}/{copy.path}" for copy in COPIES),
    ]
    assert (index.customers, index.mailboxes, index.dumps) == ((), (), ())


def test_the_customers_file_comes_from_the_first_copy_that_has_it() -> None:
    nothing: Held = (frozenset(), frozenset(), frozenset())
    sources = [tree(copy, nothing, customers=copy.source == "wreck") for copy in COPIES]

    index = read_index(several(), at(sources))

    assert ({one.name for one in index.customers}, index.failed) == (set(NAMES), ())


def test_one_mailbox_is_one_whatever_the_case_of_its_folder_in_another_copy() -> None:
    box: Held = (frozenset({"a"}), frozenset(), frozenset())
    sources = [tree(copy, box) for copy in COPIES]
    sources[1].put(b"old/web1/var/vmail/X.test/A/Maildir/cur/1", b"")

    index = read_index(several(), at(sources))

    assert len(index.mailboxes) == 1 and [one.source for one in index.mailboxes[0].also] == [
        "week",
        "week",
        "wreck",
    ]

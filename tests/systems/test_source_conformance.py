"""Every source, in memory, a folder or a real sshd, keeps the same promises."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.walk import Entry
from fixtures.servers.sshd import PrivateSshd
from restore.errors import SourceUnreadable
from restore.model.ports import Content, Source, Unreadable
from restore.systems.folder import FolderSource
from restore.systems.sftp import SftpSource
from restore.systems.sftp_connect import SftpAddress
from tests.memory.source import File, Folder, Link, MemorySource, Node, Pipe

MTIME = 1_600_000_000.0
BIG = os.urandom(1 << 16) * 90 + b"end"
ODD = b"od\xffd \n\xe2\x80\xae \x1b[31m"

TREE: dict[bytes, bytes | Node] = {
    b"home/alice/www/wp-config.php": b"<?php\n",
    b"home/alice/neighbour": Link(b"../bob"),
    b"home/alice/www/stolen.php": Link(b"/home/bob/wp-config.php"),
    b"home/alice/pipe": Pipe(),
    b"home/alice/empty": b"",
    b"home/alice/" + ODD: b"odd",
    b"home/alice/secret": File(b"closed", readable=False),
    b"home/bob/wp-config.php": b"bob's",
    b"home/bob/nothing": Folder(),
    b"dumps/big.sql": BIG,
    **{b"mail/cur/%04d" % number: b"m" * number for number in range(600)},
}


def build(root: bytes, tree: dict[bytes, bytes | Node]) -> None:
    for path, node in tree.items():
        full = root + b"/" + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        match node:
            case Link(target):
                os.symlink(target, full)
            case Pipe():
                os.mkfifo(full)
            case Folder():
                os.mkdir(full)
            case _:
                file = File(node) if isinstance(node, bytes) else node
                with open(full, "xb") as handle:
                    handle.write(file.data)
                os.chmod(full, 0o644 if file.readable else 0)
                os.utime(full, (MTIME, MTIME))


@pytest.fixture(scope="module")
def sshd() -> Iterator[PrivateSshd]:
    with PrivateSshd() as server:
        build(os.fsencode(server.root), TREE)
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("backup")
    build(os.fsencode(root), TREE)
    yield root
    shutil.rmtree(root)


@pytest.fixture(params=["memory", "folder", "sftp"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    made: Source
    if request.param == "memory":
        made = MemorySource("backup", TREE)
    elif request.param == "folder":
        made = FolderSource("backup", str(request.getfixturevalue("folder")))
    else:
        server = request.getfixturevalue("sshd")
        made = SftpSource("backup", "/", address(server))
    yield made
    made.close()


def address(server: PrivateSshd, timeout: float = 30.0) -> SftpAddress:
    return SftpAddress(
        server.host, server.port, server.user, str(server.key), str(server.known_hosts), timeout
    )


def test_a_folder_lists_each_name_once_with_its_kind_and_size(source: Source) -> None:
    found = {entry.name: (entry.kind, entry.size) for entry in source.list(b"home/alice")}

    folder_size = found[b"www"][1]
    assert found == {
        b"www": ("folder", folder_size),
        b"neighbour": ("link", 6),
        b"pipe": ("other", 0),
        b"empty": ("file", 0),
        ODD: ("file", 3),
        b"secret": ("file", 6),
    }


def test_a_long_folder_is_listed_whole(source: Source) -> None:
    assert sorted(entry.name for entry in source.list(b"mail/cur")) == [b"%04d" % n for n in range(600)]


def test_an_empty_folder_lists_nothing(source: Source) -> None:
    assert list(source.list(b"home/bob/nothing")) == []


def test_the_root_is_the_empty_path(source: Source) -> None:
    root = source.lstat(b"")

    assert {entry.name for entry in source.list(b"")} == {b"home", b"dumps", b"mail"}
    assert root is not None and (root.name, root.kind) == (b"", "folder")


def test_lstat_says_size_and_mtime_and_does_not_follow_a_link(source: Source) -> None:
    config = source.lstat(b"home/alice/www/wp-config.php")
    link = source.lstat(b"home/alice/neighbour")

    assert config is not None and config._replace(inode=None) == Entry(
        b"wp-config.php", "file", 6, MTIME, None
    )
    assert link is not None and link.kind == "link"


@pytest.mark.parametrize("path", [b"home/carol", b"home/carol/deeper", b"nowhere", b"home/alice/www/none"])
def test_lstat_of_what_is_not_there_is_none(source: Source, path: bytes) -> None:
    assert source.lstat(path) is None


def test_a_link_is_read_and_never_followed(source: Source) -> None:
    assert source.readlink(b"home/alice/www/stolen.php") == b"/home/bob/wp-config.php"
    with pytest.raises(SourceUnreadable):
        source.read(b"home/alice/www/stolen.php", 100)


@pytest.mark.parametrize("name", [b"", b"/wp-config.php", b"/nothing"])
def test_nothing_behind_a_link_to_a_neighbour_is_reached(source: Source, name: bytes) -> None:
    path = b"home/alice/neighbour" + name

    for operation in (source.list, lambda p: source.read(p, 100), lambda p: list(source.stream(p))):
        with pytest.raises(SourceUnreadable):
            operation(path)
    [one] = source.read_many([path], 100)
    assert isinstance(one, Unreadable)
    if name:
        with pytest.raises(SourceUnreadable, match="link"):
            source.lstat(path)


@pytest.mark.parametrize("path", [b"home/alice/../bob/wp-config.php", b"/etc/passwd", b"home/bob\0", b".."])
def test_paths_that_climb_are_absolute_or_hold_nul_are_refused(source: Source, path: bytes) -> None:
    for operation in (source.lstat, source.list, source.readlink, lambda p: source.read(p, 100)):
        with pytest.raises(SourceUnreadable, match="refused"):
            operation(path)


def test_a_name_of_odd_bytes_is_read_and_shown_harmlessly(source: Source) -> None:
    assert source.read(b"home/alice/" + ODD, 100) == b"odd"
    with pytest.raises(SourceUnreadable) as caught:
        source.read(b"home/bob/" + ODD, 100)
    assert "\x1b" not in caught.value.message and "\n" not in caught.value.message


def test_reading_stops_at_the_limit(source: Source) -> None:
    assert source.read(b"home/alice/www/wp-config.php", 3) == b"<?p"
    assert source.read(b"dumps/big.sql", 1_000_000) == BIG[:1_000_000]
    assert source.read(b"home/alice/empty", 10) == b""


@pytest.mark.parametrize(
    "path", [b"home/alice/pipe", b"home/alice", b"home/alice/none", b"home/alice/secret"]
)
def test_what_is_no_readable_regular_file_is_refused_and_the_rest_goes_on(
    source: Source, path: bytes
) -> None:
    with pytest.raises(SourceUnreadable):
        source.read(path, 100)
    with pytest.raises(SourceUnreadable):
        list(source.stream(path))
    assert source.read(b"home/bob/wp-config.php", 100) == b"bob's"


@pytest.fixture(autouse=True)
def not_as_root(request: pytest.FixtureRequest) -> None:
    """Root may read a file of mode 0: there the folder source has nothing that is closed to it."""
    callspec = getattr(request.node, "callspec", None)
    parameters = callspec.params if callspec else {}
    if parameters.get("source") == "folder" and parameters.get("path") == b"home/alice/secret":
        pytest.skip("root reads everything")


def test_many_files_come_in_the_order_asked_with_what_is_missing_named(source: Source) -> None:
    paths = [b"mail/cur/%04d" % number for number in range(599, -1, -1)]
    paths[100:100] = [b"mail/cur/gone", b"dumps/big.sql", b"home/alice/pipe", b"../up"]

    results = list(source.read_many(paths, 5_000))

    assert [result.path for result in results] == paths
    assert [type(result) for result in results[100:104]] == [Unreadable] * 4
    assert all(
        isinstance(result, Content)
        and (result.entry.name, result.entry.size, result.data)
        == (result.path[-4:], int(result.path[-4:]), b"m" * int(result.path[-4:]))
        for result in results[:100] + results[104:]
    )


def test_a_large_file_among_many_is_read_whole(source: Source) -> None:
    paths = [b"mail/cur/0001", b"dumps/big.sql", b"mail/cur/0002"]

    data = [result.data for result in source.read_many(paths, 10_000_000) if isinstance(result, Content)]

    assert data == [b"m", BIG, b"mm"]


@pytest.mark.parametrize("offset", [0, 1, 261_120, len(BIG) - 1, len(BIG), len(BIG) + 10])
def test_a_stream_gives_the_file_from_the_offset_to_its_end(source: Source, offset: int) -> None:
    assert b"".join(source.stream(b"dumps/big.sql", offset)) == BIG[offset:]


def test_other_work_goes_on_between_the_chunks_of_a_stream(source: Source) -> None:
    stream = source.stream(b"dumps/big.sql")
    files = source.read_many([b"mail/cur/0003", b"mail/cur/0004"], 100)
    parts = [next(stream)]
    first = next(files)

    listed = len(source.list(b"mail/cur"))
    parts += stream

    assert isinstance(first, Content) and isinstance(next(files), Content)
    assert (listed, b"".join(parts)) == (600, BIG)


def test_a_stream_that_is_given_up_leaves_the_source_usable(source: Source) -> None:
    for _ in range(3):
        next(iter(source.stream(b"dumps/big.sql")))
        next(iter(source.read_many([b"mail/cur/%04d" % number for number in range(600)], 1000)))

    assert source.read(b"home/bob/wp-config.php", 100) == b"bob's"

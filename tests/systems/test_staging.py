"""A fetched dump is whole or not there, and damage has a name and a place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.servers.proxy import Fault, FaultProxy
from fixtures.servers.sshd import PrivateSshd
from restore.errors import (
    DumpDamaged,
    DumpTooLarge,
    Fenced,
    SourceChanged,
    SourceUnreachable,
    StagingFull,
    StateUnwritable,
)
from restore.model.mysql import Fingerprint
from restore.systems.folder import FolderSource
from restore.systems.sftp import SftpSource
from restore.systems.sftp_connect import SftpAddress
from restore.systems.staging import StagingFolder
from restore.systems.unpack import UnpackLimits
from tests.memory.source import File, MemorySource

DUMP = b"INSERT INTO t VALUES (1);\n" * 40_000
PATH = b"dumps/shop.sql"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}
SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


def no_progress(_: int) -> None:
    """Nobody listens."""


def fingerprint(data: bytes, path: bytes = PATH) -> Fingerprint:
    return Fingerprint("backup", path, len(data), 1_600_000_000.0)


def fetched(
    folder: Path, data: bytes, path: bytes = PATH, limits: UnpackLimits | None = None
) -> Iterator[bytes]:
    staging = StagingFolder(folder, limits)
    staging.fetch(MemorySource("backup", {path: data}), fingerprint(data, path), no_progress)
    return staging.plain(fingerprint(data, path))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.mark.parametrize(
    "packed",
    [
        DUMP,
        gzip.compress(DUMP),
        gzip.compress(DUMP[:999]) + gzip.compress(DUMP[999:]),
        gzip.compress(DUMP) + b"\0" * 5000,
        zstandard.compress(DUMP),
        SKIPPED + zstandard.compress(DUMP[:999]) + SKIPPED + zstandard.compress(DUMP[999:]),
        lzma.compress(DUMP[:999]) + bytes(8) + lzma.compress(DUMP[999:]),
        bz2.compress(DUMP[:999]) + bz2.compress(DUMP[999:]),
    ],
    ids=["plain", "gzip", "two members", "padded", "zstd", "zstd frames", "xz streams", "bzip2 streams"],
)
def test_a_dump_comes_out_as_it_was_written(tmp_path: Path, packed: bytes) -> None:
    assert b"".join(fetched(tmp_path, packed)) == DUMP


@pytest.mark.parametrize(
    "packed",
    [b"", *(pack(b"") for pack in PACKERS.values())],
    ids=["no bytes", *(f"{name} of nothing" for name in PACKERS)],
)
def test_an_empty_dump_is_empty(tmp_path: Path, packed: bytes) -> None:
    assert b"".join(fetched(tmp_path, packed)) == b""


def test_a_copy_is_private_and_its_name_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "staging"
    os.umask(0)
    fetched(folder, DUMP, b"dumps/evil\x1b name.sql")

    [copy] = folder.iterdir()
    assert copy.name.isalnum() and len(copy.name) == 40
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_copy_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    fetched(tmp_path, DUMP)
    gone = MemorySource("backup", {PATH: DUMP})
    gone.gone = True

    StagingFolder(tmp_path).fetch(gone, fingerprint(DUMP), no_progress)

    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", [File(DUMP + b"x"), File(DUMP, mtime=1.0), File(DUMP[:-1]), None])
def test_a_dump_that_changed_since_the_survey_is_refused_and_leaves_nothing(
    tmp_path: Path, change: File | None
) -> None:
    source = MemorySource("backup", {PATH: change} if change else {b"other": b""})

    with pytest.raises(SourceChanged, match=r"shop\.sql changed"):
        StagingFolder(tmp_path).fetch(source, fingerprint(DUMP), no_progress)

    assert list(tmp_path.iterdir()) == []


def test_a_dump_that_is_rewritten_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = MemorySource("backup", {PATH: DUMP})

    def rewrite(amount: int) -> None:
        if amount:
            source.put(PATH, File(DUMP, mtime=1_700_000_000.0))

    with pytest.raises(SourceChanged):
        StagingFolder(tmp_path).fetch(source, fingerprint(DUMP), rewrite)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_after_space_is_made_the_copy_succeeds(small_disk: Path) -> None:
    data = os.urandom(700_000)
    (small_disk / "hog").write_bytes(bytes(700_000))
    staging, source = StagingFolder(small_disk), MemorySource("backup", {PATH: data})

    with pytest.raises(StagingFull, match="removed"):
        staging.fetch(source, fingerprint(data), no_progress)
    left = [path.name for path in small_disk.iterdir()]
    (small_disk / "hog").unlink()
    staging.fetch(source, fingerprint(data), no_progress)

    assert left == ["hog"]
    assert b"".join(staging.plain(fingerprint(data))) == data


def test_a_disk_that_fills_while_we_copy_leaves_no_part(small_disk: Path) -> None:
    data = os.urandom(700_000)

    def fill(amount: int) -> None:
        if amount:
            with open(small_disk / "hog", "ab", buffering=0) as hog:
                hog.write(bytes(400_000))

    with pytest.raises(StagingFull):
        StagingFolder(small_disk).fetch(MemorySource("backup", {PATH: data}), fingerprint(data), fill)

    assert [path.name for path in small_disk.iterdir()] == ["hog"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    staging = StagingFolder(tmp_path / "staging")
    (tmp_path / "staging").rmdir()

    with pytest.raises(StateUnwritable, match="staging folder"):
        staging.fetch(MemorySource("backup", {PATH: DUMP}), fingerprint(DUMP), no_progress)


def test_a_fenced_copy_stops_and_the_next_worker_goes_on_where_it_was(tmp_path: Path) -> None:
    source = MemorySource("backup", {PATH: DUMP})
    copied = 0

    def fence(amount: int) -> None:
        nonlocal copied
        copied += amount
        if copied > 300_000:
            raise Fenced("taken over")

    with pytest.raises(Fenced):
        StagingFolder(tmp_path).fetch(source, fingerprint(DUMP), fence)
    seen: list[int] = []
    StagingFolder(tmp_path).fetch(source, fingerprint(DUMP), seen.append)

    assert seen[0] > 300_000 and sum(seen) == len(DUMP)
    assert b"".join(StagingFolder(tmp_path).plain(fingerprint(DUMP))) == DUMP
    assert len(list(tmp_path.iterdir())) == 1


def test_a_part_from_before_a_reboot_is_not_believed(tmp_path: Path) -> None:
    staging, source = StagingFolder(tmp_path), MemorySource("backup", {PATH: DUMP})
    staging.fetch(source, fingerprint(DUMP), no_progress)
    [copy] = tmp_path.iterdir()
    copy.rename(copy.with_name(copy.name + ".00000000.part"))
    os.truncate(copy.with_name(copy.name + ".00000000.part"), 100)

    seen: list[int] = []
    staging.fetch(source, fingerprint(DUMP), seen.append)

    assert seen[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]


def test_two_workers_with_one_dump_fetch_it_once(tmp_path: Path) -> None:
    source = MemorySource("backup", {PATH: DUMP})
    started, go_on = threading.Event(), threading.Event()

    def slow(amount: int) -> None:
        started.set()
        go_on.wait()

    first = threading.Thread(target=StagingFolder(tmp_path).fetch, args=(source, fingerprint(DUMP), slow))
    first.start()
    started.wait()
    seen: list[int] = []

    def watch(amount: int) -> None:
        seen.append(amount)
        go_on.set()

    StagingFolder(tmp_path).fetch(source, fingerprint(DUMP), watch)
    first.join()

    assert set(seen) == {0}
    assert b"".join(StagingFolder(tmp_path).plain(fingerprint(DUMP))) == DUMP


def test_a_discarded_copy_is_gone_and_discarding_twice_is_no_error(tmp_path: Path) -> None:
    fetched(tmp_path, DUMP)
    for _ in range(2):
        StagingFolder(tmp_path).discard(fingerprint(DUMP))

    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_leaves_no_copy_that_looks_whole(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    with open(tmp_path / "backup" / "big.sql", "wb") as big:
        big.write(DUMP * 60)
    found = (tmp_path / "backup" / "big.sql").stat()
    file = Fingerprint("backup", b"big.sql", found.st_size, found.st_mtime, found.st_ino)
    program = f"""
from pathlib import Path
from restore.model.mysql import Fingerprint
from restore.systems.folder import FolderSource
from restore.systems.staging import StagingFolder
StagingFolder(Path({str(tmp_path / "staging")!r})).fetch(
    FolderSource("backup", {str(tmp_path / "backup")!r}, 20_000_000), {file!r}, lambda n: None)
"""
    worker = subprocess.Popen([sys.executable, "-c", program])
    while not [part for part in (tmp_path / "staging").glob("*.part") if part.stat().st_size > 2_000_000]:
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    left = [path.suffix for path in (tmp_path / "staging").iterdir()]
    staging = StagingFolder(tmp_path / "staging")
    staging.fetch(FolderSource("backup", str(tmp_path / "backup")), file, no_progress)

    assert left == [".part"]
    assert b"".join(staging.plain(file)) == DUMP * 60


def test_a_connection_that_breaks_costs_only_what_was_not_read_yet(tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 6
    with PrivateSshd() as server, FaultProxy(server.port) as proxy:
        (server.root / "big").write_bytes(data)
        os.utime(server.root / "big", (1_600_000_000, 1_600_000_000))
        known = tmp_path / "known_hosts"
        known.write_text(server.known_hosts_line.replace(f":{server.port} ", f":{proxy.port} ") + "\n")
        address = SftpAddress(proxy.host, proxy.port, server.user, str(server.key), str(known))
        source, staging = SftpSource("backup", "/", address), StagingFolder(tmp_path / "staging")
        proxy.arm(Fault("rst", after=3_000_000))

        with pytest.raises(SourceUnreachable):
            staging.fetch(source, fingerprint(data, b"big"), no_progress)
        seen: list[int] = []
        staging.fetch(source, fingerprint(data, b"big"), seen.append)
        source.close()

    assert seen[0] > 100_000 and sum(seen) == len(data)
    assert b"".join(staging.plain(fingerprint(data, b"big"))) == data


PLAIN = b"".join(b"INSERT INTO t VALUES (%d);\n" % number for number in range(300))


@pytest.mark.parametrize("name", PACKERS)
@given(where=st.floats(0, 1, exclude_max=True))
@settings(max_examples=25, deadline=None)
def test_a_cut_anywhere_is_damage(tmp_path_factory: pytest.TempPathFactory, name: str, where: float) -> None:
    packed = PACKERS[name](PLAIN)
    cut = 6 + int(where * (len(packed) - 6))

    with pytest.raises(DumpDamaged, match=rf"cut at byte {cut:,}"):
        list(fetched(tmp_path_factory.mktemp("s"), packed[:cut]))


@pytest.mark.parametrize("name", PACKERS)
@given(where=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_is_damage_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, where: float
) -> None:
    flipped = bytearray(PACKERS[name](PLAIN))
    bit = int(where * 8 * len(flipped))
    flipped[bit // 8] ^= 1 << bit % 8

    try:
        out = b"".join(fetched(tmp_path_factory.mktemp("s"), bytes(flipped), PATH + name.encode()))
    except DumpDamaged as error:
        assert "byte" in error.message or "beginning" in error.message
    else:
        assert out == PLAIN


@pytest.mark.parametrize("name", PACKERS)
def test_a_zip_bomb_is_stopped_early_and_takes_no_memory(tmp_path: Path, name: str) -> None:
    bomb = PACKERS[name](bytes(50_000_000))

    plain = fetched(tmp_path, bomb, limits=UnpackLimits(always=3_000_000, ratio=20))
    seen = 0
    with pytest.raises(DumpTooLarge, match="bomb"):
        for chunk in plain:
            assert len(chunk) <= 1 << 20
            seen += len(chunk)

    assert seen <= 3_000_000

"""What goes wrong with a backup server, made to go wrong on a real sshd."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.servers.proxy import Fault, FaultProxy
from fixtures.servers.sshd import PrivateSshd, SshdOptions, make_key
from restore.errors import (
    HostKeyUnknown,
    RestoreError,
    SecretMissing,
    SourceBusy,
    SourceLoginRefused,
    SourceMissing,
    SourceOdd,
    SourceStalled,
    SourceUnreachable,
)
from restore.model.ports import Content
from restore.systems.sftp import SftpSource
from restore.systems.sftp_connect import SftpAddress

BIG = os.urandom(1 << 20) * 8


@pytest.fixture(scope="module")
def sshd() -> Iterator[PrivateSshd]:
    with PrivateSshd() as server:
        (server.root / "big").write_bytes(BIG)
        (server.root / "mail").mkdir()
        for number in range(300):
            (server.root / "mail" / str(number)).write_bytes(b"%d" % number)
        yield server


@pytest.fixture
def proxy(sshd: PrivateSshd) -> Iterator[FaultProxy]:
    with FaultProxy(sshd.port) as made:
        yield made


def address(server: PrivateSshd) -> SftpAddress:
    return SftpAddress(server.host, server.port, server.user, str(server.key), str(server.known_hosts))


@pytest.fixture
def through(sshd: PrivateSshd, proxy: FaultProxy, tmp_path: Path) -> Iterator[SftpSource]:
    """The source behind the proxy, with a time-out short enough to wait for."""
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_hosts_line.replace(f":{sshd.port} ", f":{proxy.port} ") + "\n")
    source = SftpSource(
        "backup", "/", replace(address(sshd), port=proxy.port, known_hosts=str(known), timeout=1.5)
    )
    yield source
    source.close()


def failure(source: SftpSource) -> RestoreError:
    with pytest.raises(RestoreError) as caught:
        source.list(b"")
    return caught.value


def test_an_unknown_host_key_is_refused_with_its_fingerprint(sshd: PrivateSshd, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text("")
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", sshd.folder / "host_key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]

    error = failure(SftpSource("b", "/", replace(address(sshd), known_hosts=str(tmp_path / "known_hosts"))))

    assert isinstance(error, HostKeyUnknown) and fingerprint in error.message


def test_a_changed_host_key_is_refused(tmp_path: Path, sshd: PrivateSshd) -> None:
    make_key(tmp_path / "other")
    kind, key = (tmp_path / "other.pub").read_text().split()[:2]
    (tmp_path / "known_hosts").write_text(f"[{sshd.host}]:{sshd.port} {kind} {key}\n")

    error = failure(SftpSource("b", "/", replace(address(sshd), known_hosts=str(tmp_path / "known_hosts"))))

    assert isinstance(error, HostKeyUnknown) and "rebuilt" in error.message


def test_a_revoked_host_key_is_refused(tmp_path: Path, sshd: PrivateSshd) -> None:
    line = sshd.known_hosts_line
    (tmp_path / "known_hosts").write_text(f"{line}\n@revoked {line}\n")

    error = failure(SftpSource("b", "/", replace(address(sshd), known_hosts=str(tmp_path / "known_hosts"))))

    assert isinstance(error, HostKeyUnknown) and "revoked" in error.message


def test_a_key_the_server_does_not_know_is_a_refused_login_and_not_tried_again(
    tmp_path: Path, sshd: PrivateSshd
) -> None:
    make_key(tmp_path / "other")

    error = failure(SftpSource("b", "/", replace(address(sshd), key=str(tmp_path / "other"))))

    assert isinstance(error, SourceLoginRefused) and not error.transient


@pytest.mark.parametrize("content", [None, b"not a key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_key_file_that_is_none_is_named(tmp_path: Path, sshd: PrivateSshd, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    error = failure(SftpSource("b", "/", replace(address(sshd), key=str(tmp_path / "key"))))

    assert isinstance(error, SecretMissing) and str(tmp_path / "key") in error.message


def test_a_key_with_a_passphrase_is_named(tmp_path: Path, sshd: PrivateSshd) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "phrase", "-f", tmp_path / "key"], check=True)

    error = failure(SftpSource("b", "/", replace(address(sshd), key=str(tmp_path / "key"))))

    assert isinstance(error, SecretMissing) and "passphrase" in error.message


def test_a_root_that_is_not_there_or_empty_is_a_missing_source(sshd: PrivateSshd) -> None:
    (sshd.root / "unmounted").mkdir(exist_ok=True)

    errors = [failure(SftpSource("b", root, address(sshd))) for root in ("/nowhere", "/unmounted", "/big")]

    assert [type(error) for error in errors] == [SourceMissing] * 3


def test_nobody_listening_is_unreachable(through: SftpSource, proxy: FaultProxy) -> None:
    proxy.refuse()

    assert isinstance(failure(through), SourceUnreachable)


def test_a_server_that_is_no_sftp_server_is_said_to_be_none() -> None:
    chatty = SshdOptions(shell=True)  # noqa: S604
    with PrivateSshd(options=chatty) as server:
        config = server.folder / "sshd_config"
        config.write_text(
            config.read_text().replace("Subsystem sftp internal-sftp", "Subsystem sftp /bin/ls /")
        )
        server.restart()

        error = failure(SftpSource("b", "/", address(server)))

    assert isinstance(error, SourceOdd)


@pytest.mark.parametrize("after", [0, 10, 700, 1700, 3000])
def test_a_server_that_stalls_while_we_connect_is_noticed(
    through: SftpSource, proxy: FaultProxy, after: int
) -> None:
    proxy.arm(Fault("stall", after=after, times=0))

    assert isinstance(failure(through), SourceStalled)


def test_a_stall_in_mid_transfer_is_noticed_and_the_next_use_connects_again(
    through: SftpSource, proxy: FaultProxy
) -> None:
    proxy.arm(Fault("stall", after=3_000_000))

    with pytest.raises(SourceStalled):
        for _ in through.stream(b"big"):
            pass
    proxy.heal()

    assert b"".join(through.stream(b"big")) == BIG
    assert proxy.accepted == 2


@pytest.mark.parametrize("kind", ["rst", "fin"])
def test_a_connection_lost_in_mid_transfer_is_said_and_made_again(
    through: SftpSource, proxy: FaultProxy, kind: str
) -> None:
    proxy.arm(Fault("rst" if kind == "rst" else "fin", after=3_000_000))

    with pytest.raises(SourceUnreachable) as caught:
        for _ in through.stream(b"big"):
            pass

    assert caught.value.transient
    assert b"".join(through.stream(b"big", 1_000_000)) == BIG[1_000_000:]


@pytest.mark.parametrize("kind", ["rst", "fin"])
@pytest.mark.parametrize("after", [0, 21, 1200, 2000, 2600, 3200])
def test_a_connection_lost_while_connecting_is_made_again(
    through: SftpSource, proxy: FaultProxy, kind: str, after: int
) -> None:
    proxy.arm(Fault("rst" if kind == "rst" else "fin", after=after))

    try:
        names = {entry.name for entry in through.list(b"")}
    except SourceUnreachable as error:  # the login was through: the one who asked tries again
        assert error.transient and after > 2000
        names = {entry.name for entry in through.list(b"")}

    assert names >= {b"big", b"mail"}


def test_a_flipped_bit_never_arrives(through: SftpSource, proxy: FaultProxy) -> None:
    proxy.arm(Fault("flip", after=3_000_000))

    with pytest.raises(SourceUnreachable):
        b"".join(through.stream(b"big"))

    assert b"".join(through.stream(b"big")) == BIG


def test_a_drop_between_two_uses_is_not_even_noticed(through: SftpSource, proxy: FaultProxy) -> None:
    through.list(b"mail")
    wire = through._wire()
    proxy.drop()
    while through._connections[threading.current_thread()].alive:
        pass

    assert len(through.list(b"mail")) == 300
    assert through._wire() is not wire


def test_a_smothered_server_gets_every_client_served_in_the_end() -> None:
    stock = SshdOptions(max_startups="10:30:100", max_sessions=10)
    with PrivateSshd(options=stock) as server, ThreadPoolExecutor(60) as pool:
        (server.root / "mail").write_bytes(b"here")
        sources = [SftpSource(f"b{number}", "/", address(server)) for number in range(60)]
        start = threading.Barrier(60)

        def read(source: SftpSource) -> bytes:
            start.wait()
            return source.read(b"mail", 10)

        try:
            assert list(pool.map(read, sources)) == [b"here"] * 60
        finally:
            for source in sources:
                source.close()


def test_a_server_that_turns_everyone_away_is_busy_and_worth_another_try(
    through: SftpSource, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.systems.sftp_connect.FIRST_PAUSE", 0.001)
    proxy.arm(Fault("fin", after=0, times=0))

    error = failure(through)

    assert isinstance(error, SourceBusy) and error.transient and proxy.accepted > 3


def test_a_disk_that_vanishes_is_a_missing_source_and_not_absent_files(sshd: PrivateSshd) -> None:
    disk = sshd.root / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    try:
        (disk / "home").mkdir()
        for number in range(50):
            (disk / "home" / str(number)).write_bytes(b"mail")
        source = SftpSource("b", "/disk", address(sshd))
        paths = [b"home/%d" % number for number in range(50)]
        before = [type(one) for one in source.read_many(paths, 10)]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)

    assert before == [Content] * 50
    for act in (
        lambda: source.lstat(b"home/1"),
        lambda: source.lstat(b"other"),
        lambda: source.list(b"home"),
        lambda: source.read(b"home/1", 10),
        lambda: list(source.read_many(paths, 10)),
        lambda: list(source.stream(b"home/1")),
    ):
        with pytest.raises(SourceMissing):
            act()
    source.close()
    disk.rmdir()


def test_reading_everything_leaves_the_backup_as_it_was(sshd: PrivateSshd) -> None:
    """The server refuses every write (internal-sftp -R), and nothing of ours asks for one."""

    def look() -> list[tuple[str, int, int, int]]:
        found = [(path, path.lstat()) for path in [sshd.root, *sorted(sshd.root.rglob("*"))]]
        return [(str(path), at.st_mtime_ns, at.st_ctime_ns, at.st_size) for path, at in found]

    before = look()
    source = SftpSource("b", "/", address(sshd))
    for entry in source.list(b""):
        source.lstat(entry.name)
    list(source.read_many([b"mail/%d" % number for number in range(300)], 100))
    b"".join(source.stream(b"big"))
    source.close()

    assert look() == before


def test_each_thread_has_its_own_connection_and_close_ends_them_all(sshd: PrivateSshd) -> None:
    source = SftpSource("b", "/", address(sshd))
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda _: len(b"".join(source.stream(b"big"))), range(8)))
        assert sums == [len(BIG)] * 8
        assert 1 <= len(source._connections) <= 4
    source.close()

    assert not source._connections


def test_a_listing_made_long_by_a_growing_folder_still_ends(sshd: PrivateSshd) -> None:
    folder = sshd.root / "growing"
    folder.mkdir()
    try:
        for number in range(2500):
            (folder / f"{number}{'n' * 200}").touch()
        source = SftpSource("b", "/", address(sshd))
        assert len(source.list(b"growing")) == 2500
        source.close()
    finally:
        shutil.rmtree(folder)

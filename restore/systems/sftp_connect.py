"""Reaching a backup server by SSH: its host key checked, every wait bounded, patient where it is smothered.

sshd turns connections away while too many are logging in (sshd_config(5), MaxStartups) and sessions beyond
MaxSessions: that means "slow down", so it is tried again after a pause of random length, a few times.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paramiko import AuthenticationException, ChannelException, HostKeys, PKey, SSHException, Transport
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey
from paramiko.pkey import UnknownKeyType

from restore.errors import (
    HostKeyUnknown,
    RestoreError,
    SecretMissing,
    SourceBusy,
    SourceLoginRefused,
    SourceStalled,
    SourceUnreachable,
)
from restore.model.text import safe
from restore.systems.sftp_wire import Wire

SSH_PORT = 22
WINDOW = 8 << 20
PACKET = 32_768
FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
ATTEMPTS = 7
FIRST_PAUSE = 0.25
KEEPALIVE = 15
JITTER = random.SystemRandom()

# It prints a traceback for every connection that is turned away; what an operator must know, our errors say.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class SftpAddress:
    """Where a backup server is and who we are there. `key`, `known_hosts` are files of this machine.
    `timeout` (seconds) bounds each of: TCP connect, handshake, login, opening SFTP, a silence after it."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str
    timeout: float = 30.0


class Connection:
    """An SSH connection with one SFTP conversation on it."""

    def __init__(self, transport: Transport, line: socket.socket, wire: Wire) -> None:
        self._transport = transport
        self._line = line
        self.wire = wire

    @property
    def alive(self) -> bool:
        """Whether it can be used, as far as is known here."""
        return self._transport.is_active() and not self.wire.broken

    def close(self) -> None:
        """Hang up."""
        _hang_up(self._transport, self._line)


def connect(name: str, address: SftpAddress) -> Connection:
    """A logged-in connection to the source `name`.

    Raises SourceUnreachable, SourceStalled, HostKeyUnknown, SourceLoginRefused, SecretMissing (no key file),
    and SourceBusy where the server still turns us away after ATTEMPTS tries.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return _connect_once(name, address)
        except SourceBusy:
            time.sleep(JITTER.uniform(0.5, 1.5) * FIRST_PAUSE * 2**attempt)
    return _connect_once(name, address)


def _connect_once(name: str, address: SftpAddress) -> Connection:
    key = _user_key(name, address)
    known = _known_keys(name, address)
    line = _dial(name, address)
    try:
        transport = Transport(line, default_window_size=WINDOW, default_max_packet_size=PACKET)
    except (SSHException, OSError) as error:
        line.close()
        raise SourceUnreachable(f"{name}: {address.host}: {safe(str(error))}", server=name) from error
    try:
        _leave_waiting_to_us(transport, address.timeout)
        _prefer(transport, known)
        with _stage(name, address, transport, line, "in the SSH handshake"):
            transport.start_client()
        _check_host_key(name, address, transport, known)
        with _stage(name, address, transport, line, "at the login"):
            transport.auth_publickey(address.user, key)
        with _stage(name, address, transport, line, "opening SFTP"):
            channel = transport.open_session(WINDOW, PACKET)
            channel.invoke_subsystem("sftp")
            wire = Wire(channel, name, address.timeout, lambda: _hang_up(transport, line))
        transport.set_keepalive(KEEPALIVE)
        return Connection(transport, line, wire)
    except RestoreError:
        _hang_up(transport, line)
        raise


def _leave_waiting_to_us(transport: Transport, timeout: float) -> None:
    """paramiko's own time-outs end in errors that look like refusals, or in none: `_stage` is to be first."""
    later = 2 * timeout + 60
    transport.banner_timeout = transport.handshake_timeout = later
    transport.auth_timeout = transport.channel_timeout = later


def _dial(name: str, address: SftpAddress) -> socket.socket:
    place = f"{name}: {address.host} port {address.port}"
    try:
        return socket.create_connection((address.host, address.port), address.timeout)
    except ConnectionResetError as error:
        raise SourceBusy(f"{place} hung up at once", server=name) from error
    except TimeoutError as error:
        reason = f"no answer for {address.timeout:g} seconds"
        raise SourceUnreachable(f"{place}: {reason}", server=name) from error
    except OSError as error:
        reason = safe(error.strerror or str(error))
        raise SourceUnreachable(f"{place}: {reason}", server=name) from error


@contextmanager
def _stage(
    name: str, address: SftpAddress, transport: Transport, line: socket.socket, where: str
) -> Iterator[None]:
    """One stage of connecting: bounded by the time-out, paramiko's errors made ours."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _hang_up(transport, line)

    # Not every wait inside paramiko has a time-out of its own (a subsystem's answer has none).
    timer = threading.Timer(address.timeout, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
        if not transport.is_active():
            raise SSHException("the server hung up")
    except (SSHException, OSError, EOFError) as error:
        if expired.is_set() or isinstance(error, TimeoutError):
            reason = f"no answer for {address.timeout:g} seconds {where}"
            raise SourceStalled(f"{name}: {address.host}: {reason}", server=name) from error
        raise _translate(name, address, transport, where, error) from error
    finally:
        timer.cancel()


def _translate(
    name: str, address: SftpAddress, transport: Transport, where: str, error: Exception
) -> RestoreError:
    words = safe(str(error)) or type(error).__name__
    if isinstance(error, AuthenticationException) and transport.is_active():
        reason = f"{address.host} refuses the user {address.user!r} with the key {address.key}: {words}"
        return SourceLoginRefused(f"{name}: {reason}", server=name)
    hung_up = not transport.is_active() or isinstance(error, ChannelException | EOFError | ConnectionError)
    if hung_up and "ncompatible" not in words and "acceptable" not in words:
        return SourceBusy(f"{name}: {address.host} turned us away {where}: {words}", server=name)
    return SourceUnreachable(f"{name}: {address.host} {where}: {words}", server=name)


def _hang_up(transport: Transport, line: socket.socket) -> None:
    transport.close()
    line.close()  # the transport leaves its socket open where it had already ended by itself


def _user_key(name: str, address: SftpAddress) -> PKey:
    try:
        return PKey.from_path(address.key)
    except OSError as error:
        raise SecretMissing(f"{name}: key file {address.key}: {error.strerror}") from error
    except (ValueError, TypeError, SSHException, UnknownKeyType) as error:
        reason = "not a private key without a passphrase"
        raise SecretMissing(f"{name}: key file {address.key}: {reason}") from error


@dataclass(frozen=True, slots=True)
class _Known:
    """What the known_hosts file says of the server; `revoked` are its @revoked lines."""

    keys: dict[str, PKey]
    revoked: tuple[str, ...]


def _known_keys(name: str, address: SftpAddress) -> _Known:
    try:
        lines = Path(address.known_hosts).read_text("utf-8", "replace").splitlines()
    except OSError as error:
        reason = f"the known_hosts file {address.known_hosts} cannot be read: {error.strerror}"
        raise HostKeyUnknown(f"{name}: {reason}", server=name) from error
    listed = HostKeys()
    for line in lines:
        for host, key in _listed_keys(line.strip()):
            listed.add(host, key.get_name(), key)
    host = address.host if address.port == SSH_PORT else f"[{address.host}]:{address.port}"
    keys: dict[str, PKey] = dict(listed.lookup(host) or {})
    return _Known(keys, tuple(line for line in lines if line.startswith("@revoked")))


def _listed_keys(line: str) -> list[tuple[str, PKey]]:
    """The hosts of one known_hosts line and their key: none for comments, markers and what cannot be read."""
    if not line or line[0] in "#@":
        return []
    try:
        entry = HostKeyEntry.from_line(line)
    except (SSHException, InvalidHostKey):
        return []
    if entry is None or entry.key is None:
        return []
    return [(host, entry.key) for host in entry.hostnames or ()]


def _prefer(transport: Transport, known: _Known) -> None:
    options = transport.get_security_options()
    options.ciphers = (*FAST_CIPHERS, *(one for one in options.ciphers if one not in FAST_CIPHERS))
    # A server has several host keys: ask for one of a kind that we know.
    options.key_types = sorted(options.key_types, key=lambda kind: _key_kind(kind) not in known.keys)


def _key_kind(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def _check_host_key(name: str, address: SftpAddress, transport: Transport, known: _Known) -> None:
    key = transport.get_remote_server_key()
    shown = f"{key.get_name()} {key.fingerprint}"
    place = f"{address.host} port {address.port}"
    if any(key.get_base64() in line for line in known.revoked):
        raise HostKeyUnknown(f"{name}: {place} shows a revoked host key, {shown}", server=name)
    ours = known.keys.get(key.get_name())
    if ours is None:
        raise HostKeyUnknown(
            f"{name}: {place} shows the host key {shown}, which {address.known_hosts} does not list",
            server=name,
        )
    if ours != key:
        raise HostKeyUnknown(
            f"{name}: {place} shows the host key {shown}, but {address.known_hosts} lists {ours.fingerprint}:"
            " the server was rebuilt, or it is another one",
            server=name,
        )

"""Hosts of a network of their own: network namespaces on one bridge, and a way for a host's programs to servers that
listen on another one's loopback. As a program: python -m tests.live.lan HUB PORT…, run inside a host, listens there on
127.0.0.1 and passes each connection on to 127.0.0.1 of the hub."""

from __future__ import annotations

import ctypes
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
CHUNK = 1 << 16
HUB = "10.213.77.1"


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace and its address on the network."""

    name: str
    address: str

    @property
    def inside(self) -> Sequence[str]:
        """The words before a command that is to run there."""
        return ("nsenter", f"--net=/run/netns/{self.name}", "--")


@contextmanager
def lan(hosts: int) -> Iterator[list[Host]]:
    """A hub and so many hosts around it; the test is skipped where there can be none."""
    names = [f"br{os.getpid()}n{number}" for number in range(hosts + 1)]
    made = [Host(name, f"10.213.77.{number + 1}") for number, name in enumerate(names)]
    try:
        try:
            for number, host in enumerate(made):
                _join(made[0], host, number)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            words = getattr(error, "stderr", b"") or str(error).encode()
            pytest.skip(f"no network namespaces can be made here: {words.decode().strip()}")
        yield made
    finally:
        for name in names:
            with suppress(FileNotFoundError):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _join(hub: Host, host: Host, number: int) -> None:
    device = "eth0" if number else "br0"
    _ip("netns", "add", host.name)
    if number:
        names = ("name", f"v{number}", "type", "veth", "peer", "name", device, "netns", host.name)
        _ip("-n", hub.name, "link", "add", *names)
        _ip("-n", hub.name, "link", "set", f"v{number}", "master", "br0", "up")
    else:
        _ip("-n", host.name, "link", "add", device, "type", "bridge")
    _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", device)
    _ip("-n", host.name, "link", "set", device, "up")
    _ip("-n", host.name, "link", "set", "lo", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class _Passage(socketserver.BaseRequestHandler):
    """One connection, passed on from a thread that has gone over to the hub."""

    server: _Door

    def handle(self) -> None:
        if ctypes.CDLL(None, use_errno=True).setns(self.server.hub, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        with socket.create_connection(self.server.server_address) as there:
            back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            back.start()
            _pump(self.request, there)
            back.join()


class _Door(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    server_address: tuple[str, int]

    def __init__(self, hub: int, port: int) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", port), _Passage)


def _pump(reader: socket.socket, writer: socket.socket) -> None:
    with suppress(OSError):
        while chunk := reader.recv(CHUNK):
            writer.sendall(chunk)
    with suppress(OSError):
        writer.shutdown(socket.SHUT_WR)


def main(hub: str, *ports: str) -> None:
    """See the module's text."""
    handle = os.open(Path("/run/netns") / hub, os.O_RDONLY)
    doors = [_Door(handle, int(port)) for port in ports]
    for door in doors[1:]:
        threading.Thread(target=door.serve_forever, daemon=True).start()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    doors[0].serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

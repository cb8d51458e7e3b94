"""A mariadbd of a worker's own: its own uid, no network, limits, and a folder that others cannot enter.

The state folder is 0700 and root's, so the server's uid cannot walk to a folder in it: it is started in a mount
namespace of its own in which that folder stands at /mnt, and in an empty network namespace. The kernel kills it with
the thread that started it (prctl(2), PR_SET_PDEATHSIG); what a killed machine or a lost race leaves, `sweep` ends.
https://man7.org/linux/man-pages/man1/unshare.1.html, setpriv.1, prlimit.1
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from restore.errors import ScratchUnavailable
from restore.model.text import safe

USER = "mysql"
INSIDE = "/mnt"
PRISTINE = "pristine"
PARTS = ("data", "work", "run")
START_SECONDS = 120.0
POLL = 0.01
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
ENTER = f'mount --bind "$1" {INSIDE} && cd {INSIDE} && shift && exec "$@"'
OPTIONS = (
    "--skip-networking", "--skip-name-resolve", "--skip-log-bin", "--skip-slave-start", "--symbolic-links=0",
    "--local-infile=0", "--skip-stack-trace", "--loose-performance-schema=OFF", "--event-scheduler=DISABLED",
    "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--max-allowed-packet=1G",
    "--innodb-log-file-size=64M", "--innodb-buffer-pool-size=128M", "--loose-innodb-buffer-pool-size-max=128M",
    "--innodb-doublewrite=0", "--innodb-flush-log-at-trx-commit=0", "--innodb-stats-auto-recalc=0",
    "--innodb-buffer-pool-dump-at-shutdown=0", "--innodb-buffer-pool-load-at-startup=0", "--max-connections=8",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScratchLimits:
    """What one load may take: `seconds`, `bytes` of disk, `memory` as address space (RLIMIT_AS), in bytes; and what
    must stay free on the disk, `spare` bytes."""

    seconds: float = 6 * 3600.0
    bytes: int = 1 << 39
    memory: int = 6 << 30
    spare: int = 1 << 29


class ScratchProcess:
    """One server and its folder below `area`. Not running until `fresh` is called."""

    def __init__(self, area: Path, limits: ScratchLimits) -> None:
        self._limits = limits
        area.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=area))
        self._server: subprocess.Popen[bytes] | None = None
        self._uid = -1
        self._entry = -1

    @property
    def running(self) -> bool:
        """Whether it can be asked."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; 0 where none runs."""
        return self._server.pid if self._server is not None else 0

    @property
    def socket(self) -> Path:
        """Where it listens; nowhere else."""
        return self.folder / "run" / "s.sock"

    @property
    def address(self) -> str:
        """The socket's path, short enough to be connected to (107 bytes, unix(7)) wherever the folder lies."""
        if self._entry < 0:
            self._entry = os.open(self.folder / "run", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._entry}/{self.socket.name}"

    def fresh(self) -> None:
        """Stop it, wipe all it held, and start it on a data folder that no tenant has touched. Raises
        ScratchUnavailable."""
        self.kill()
        try:
            self._prepare()
            self._start()
        except OSError as error:
            self.kill()
            raise ScratchUnavailable(
                f"no scratch server: {safe(str(error.filename or self.folder))}: {error.strerror}"
            ) from error

    def kill(self) -> None:
        """End it at once: nothing that it holds is worth a clean end."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
        if self._entry >= 0:
            os.close(self._entry)
            self._entry = -1

    def signal(self) -> None:
        """From another thread: end the server, and leave all else to whoever uses it."""
        if self._server is not None:
            self._server.kill()

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def used(self) -> int:
        """Bytes that it takes on disk now."""
        return sum(_size(Path(folder) / name) for folder, _, names in os.walk(self.folder) for name in names)

    def _prepare(self) -> None:
        if self._uid < 0:
            self._uid = _own_uid()
            self._own(self.folder)
        for name in PARTS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(mode=0o700)
            self._own(self.folder / name)
        pristine = self.folder.with_name(PRISTINE)
        if not pristine.exists():
            self._install()
            with suppress(OSError):  # another worker was quicker: its data folder is as good
                (self.folder / "data").rename(pristine)
        data = self.folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        self._own(data)
        _checked(["cp", "-aT", "--reflink=auto", "--sparse=always", str(pristine), str(data)], self.folder)

    def _own(self, folder: Path) -> None:
        shutil.chown(folder, USER, USER)

    def _install(self) -> None:
        _checked(
            [
                *self._fenced(),
                *("mariadb-install-db", "--no-defaults", f"--datadir={INSIDE}/data"),
                *(f"--tmpdir={INSIDE}/work", "--skip-test-db", "--skip-name-resolve"),
                *("--auth-root-authentication-method=normal", "--innodb-log-file-size=64M"),
            ],
            self.folder,
        )

    def _fenced(self) -> list[str]:
        """Namespaces first, as root; then limits; then, for good, another uid without any capability."""
        return [
            *("unshare", "--mount", "--net", "--", "sh", "-c", ENTER, "sh", str(self.folder)),
            *("prlimit", f"--as={self._limits.memory}", "--core=0", "--"),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
            *("--pdeathsig", "KILL", "--"),
        ]

    def _start(self) -> None:
        log = self.folder / "log"
        with log.open("wb") as words:
            self._server = subprocess.Popen(
                [
                    *self._fenced(),
                    *("mariadbd", "--no-defaults", f"--datadir={INSIDE}/data", f"--tmpdir={INSIDE}/work"),
                    *(f"--socket={INSIDE}/run/s.sock", f"--pid-file={INSIDE}/run/pid"),
                    *(f"--secure-file-priv={INSIDE}/work", *OPTIONS),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=ENVIRONMENT,
            )
        until = time.monotonic() + START_SECONDS
        while not self._listens():
            if not self.running or time.monotonic() > until:
                words_said = log.read_bytes()[-600:]
                self.kill()
                raise ScratchUnavailable(f"the scratch server did not start: {safe(words_said, 600)}")
            time.sleep(POLL)

    def _listens(self) -> bool:
        if not self.socket.exists():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.address)
            except ConnectionError:
                return False
        return True


def _own_uid() -> int:
    """The uid that the server runs as. Raises ScratchUnavailable where there is none, or we cannot become it."""
    if os.geteuid():
        raise ScratchUnavailable("no scratch server: only root can start one under a uid of its own")
    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError as error:
        raise ScratchUnavailable(f"no scratch server: this machine has no user {USER}") from error


def _checked(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, env=ENVIRONMENT, cwd=folder)
    except FileNotFoundError as error:
        raise ScratchUnavailable(f"no scratch server: {error.filename} is not installed") from error
    if done.returncode:
        raise ScratchUnavailable(f"no scratch server: {safe((done.stderr or done.stdout)[-600:], 600)}")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0


def sweep(area: Path) -> int:
    """End every server whose folder lies below `area` and remove all folders there; how many servers still ran.
    Only for whoever knows that no worker of this incident is at work."""
    ended = 0
    for pid in _below(area.resolve()):
        try:
            os.kill(pid, signal.SIGKILL)
            ended += 1
        except ProcessLookupError:
            continue
    shutil.rmtree(area, ignore_errors=True)
    return ended


def _below(area: Path) -> Iterator[int]:
    """Processes for which a folder there is /mnt, or which began in one: told by device and inode."""
    ours = {_identity(folder) for folder in area.glob("*")} - {None}
    for entry in Path("/proc").iterdir() if ours else ():
        if entry.name.isdigit() and {_identity(entry / "root" / INSIDE[1:]), _identity(entry / "cwd")} & ours:
            yield int(entry.name)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

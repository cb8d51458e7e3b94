"""scripts/setup leaves nothing behind on a machine that is not ours; constraints.txt pins all that it installs.

apt and dpkg are small scripts here, so that they can fail, hang and be killed at the moment that matters; the
policy file, the lock and the services' process ids lie in the test's own folder.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = re.findall(
    r"[a-z][a-z0-9-]+",
    re.sub(r"#.*", "", (ROOT / "scripts/setup").read_text().split("PACKAGES=(")[1].split("\n)")[0]),
)
KEPT = ".bulkrestore-kept"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine on which scripts/setup works: its own folder of programs, /usr/sbin and /run."""

    folder: Path

    @property
    def policy(self) -> Path:
        return self.folder / "sbin/policy-rc.d"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def program(self, name: str, script: str) -> None:
        """Puts a program before the machine's own on PATH."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/bash\ncd {self.folder}\n{script}\n")
        path.chmod(0o755)

    def install(self, *packages: str) -> None:
        (self.folder / "installed").write_text("".join(f"installed {name}\n" for name in packages))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "BULKRESTORE_POLICY_RC": str(self.policy),
            "BULKRESTORE_RUN": str(self.run),
        }
        command = ["env", "--default-signal=INT", str(ROOT / "scripts/setup"), *arguments]
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def setup(self) -> tuple[int, str]:
        """Runs scripts/setup --debian to its end: exit code and all that it said."""
        process = self.start("--debian")
        said, _ = process.communicate()
        return process.returncode, said

    def cut(self, how: signal.Signals) -> int:
        """Runs scripts/setup until apt is at work, and then sends its process group a signal: exit code."""
        self.program("apt-get", "touch at-work; exec sleep 300")
        process = self.start("--debian")
        wait_for((self.folder / "at-work").exists)
        os.killpg(process.pid, how)
        process.communicate()
        return process.returncode

    def sbin(self) -> dict[str, tuple[str, int, int, bytes]]:
        """All that lies beside the policy file: kind, mode, time of change and content."""
        return {path.name: state(path) for path in self.policy.parent.iterdir()}


def state(path: Path) -> tuple[str, int, int, bytes]:
    facts = path.lstat()
    link = path.is_symlink()
    content = os.fsencode(path.readlink()) if link else path.read_bytes()
    return "link" if link else "file", stat.S_IMODE(facts.st_mode), facts.st_mtime_ns, content


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("bin", "sbin", "run"):
        (tmp_path / name).mkdir()
    machine = Machine(tmp_path)
    machine.install()
    machine.program("dpkg-query", 'for name; do grep -x "installed $name" installed; done')
    machine.program("dpkg", "")
    machine.program("systemctl", 'echo "$@" >>systemctl.log')
    return machine


def administrators_file(machine: Machine) -> None:
    machine.policy.write_bytes(b"#!/bin/sh\n# ours, since 2019 \xe9\n[ $1 = ssh ] || exit 101")
    machine.policy.chmod(0o750)
    os.utime(machine.policy, ns=(1, 1_546_300_800_123_456_789))


def administrators_link(machine: Machine) -> None:
    machine.policy.symlink_to("/etc/alternatives/policy-rc.d")


def nothing(machine: Machine) -> None:
    """No policy file, as on most machines."""


@pytest.fixture(params=[nothing, administrators_file, administrators_link])
def before(machine: Machine, request: pytest.FixtureRequest) -> dict[str, tuple[str, int, int, bytes]]:
    """What lies in the machine's sbin before scripts/setup is called."""
    request.param(machine)
    return machine.sbin()


def test_a_failed_apt_leaves_the_policy_as_it_was(
    machine: Machine, before: dict[str, tuple[str, int, int, bytes]]
) -> None:
    machine.program("apt-get", "echo 'E: Unable to fetch some archives'; exit 100")

    code, said = machine.setup()

    assert (code, machine.sbin()) == (1, before)
    assert "E: Unable to fetch some archives" in said
    assert "run scripts/setup again" in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_apt_works_leaves_the_policy_as_it_was(
    machine: Machine, before: dict[str, tuple[str, int, int, bytes]], how: signal.Signals
) -> None:
    code = machine.cut(how)

    assert (code, machine.sbin()) == (128 + how, before)


def test_what_a_killed_run_left_behind_is_healed_by_the_next(
    machine: Machine, before: dict[str, tuple[str, int, int, bytes]]
) -> None:
    machine.cut(signal.SIGKILL)
    assert machine.sbin() != before
    machine.install(*PACKAGES)

    code, _ = machine.setup()

    assert (code, machine.sbin()) == (0, before)


def test_a_policy_written_after_a_killed_run_is_not_overwritten(machine: Machine) -> None:
    administrators_file(machine)
    older = state(machine.policy)
    machine.cut(signal.SIGKILL)
    machine.policy.write_text("#!/bin/sh\nexit 0\n")
    newer = state(machine.policy)
    machine.install(*PACKAGES)

    _, said = machine.setup()

    assert machine.sbin() == {"policy-rc.d": newer, f"policy-rc.d{KEPT}": older}
    assert f"{machine.policy}{KEPT}" in said


def test_no_service_may_start_while_apt_works(machine: Machine) -> None:
    machine.program(
        "apt-get", '"$BULKRESTORE_POLICY_RC" ssh start; echo $? >>answers; cp all-installed installed'
    )
    machine.install(*PACKAGES)
    (machine.folder / "installed").rename(machine.folder / "all-installed")
    machine.install()

    code, _ = machine.setup()

    assert (code, (machine.folder / "answers").read_text()) == (0, "101\n101\n")


@pytest.fixture
def services(machine: Machine) -> Iterator[dict[str, int]]:
    """ssh runs since before; the package of mariadb starts its own whatever the policy says. Process ids."""
    (machine.run / "mysqld").mkdir()
    ssh = subprocess.Popen(["sleep", "300"])
    (machine.run / "sshd.pid").write_text(f"{ssh.pid}\n")
    machine.program(
        "apt-get",
        "[[ $* = *update* ]] && exit\n"
        "setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! >run/mysqld/mysqld.pid\n"
        "echo installed mariadb-server >>installed; exit 100",
    )
    machine.install("openssh-server")
    machine.setup()
    found = {"ssh": ssh.pid, "mariadb": int((machine.run / "mysqld/mysqld.pid").read_text())}
    yield found
    ssh.kill()
    ssh.wait()
    if is_alive(found["mariadb"]):
        os.kill(found["mariadb"], signal.SIGKILL)


def test_a_service_that_its_package_started_is_stopped_and_no_other(
    machine: Machine, services: dict[str, int]
) -> None:
    wait_for(lambda: not is_alive(services["mariadb"]))

    assert is_alive(services["ssh"])


def test_only_what_was_installed_here_is_kept_from_the_next_boot(
    machine: Machine, services: dict[str, int]
) -> None:
    assert (machine.folder / "systemctl.log").read_text() == "disable mariadb\n"


def test_a_package_of_the_machine_is_never_removed_to_make_room(machine: Machine) -> None:
    machine.program("apt-get", 'echo "$@" >>calls; exit 100')

    machine.setup()

    assert "--no-remove" in (machine.folder / "calls").read_text().splitlines()[-1]


def test_only_missing_packages_are_asked_for(machine: Machine) -> None:
    machine.program("apt-get", 'echo "$@" >>calls; exit 100')
    machine.install(*(name for name in PACKAGES if name not in {"rsync", "zstd"}))

    machine.setup()

    assert (machine.folder / "calls").read_text().splitlines()[-1].split()[-2:] == ["rsync", "zstd"]


def test_who_is_not_root_is_told_so_before_anything_is_done(machine: Machine) -> None:
    machine.program("id", "echo 1000")

    code, said = machine.setup()

    assert (code, "sudo scripts/setup" in said, machine.sbin()) == (1, True, {})


# ---------------------------------------------------------------- constraints.txt


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    found = re.findall(r"^([^\s#=]+)==([^\s\\]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return {normal(name): version for name, version in found}


def test_constraints_are_names_versions_and_hashes_and_nothing_else() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    package = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+]+ \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

    assert [line for line in lines if not (package.fullmatch(line) or digest.fullmatch(line))] == []
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_constraints_state_every_installed_package_at_its_version() -> None:
    installed = {normal(found.name): found.version for found in distributions()}
    installed.pop("bulkrestore", None)

    assert {name: version for name, version in installed.items() if pins().get(name) != version} == {}


def test_constraints_state_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
    ]
    names = {normal(re.split(r"[=><!~\[ ;]", requirement)[0]) for requirement in asked}

    assert names - pins().keys() == set()

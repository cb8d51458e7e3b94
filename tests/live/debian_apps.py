"""Web applications as Debian packages them: fetched with apt, unpacked into a private folder, served by php's own
server. No package is installed, no service started."""

from __future__ import annotations

import http.cookiejar
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fixtures.servers.daemon import LOOPBACK, Daemon, free_port, plain_environment

EXTENSIONS = (
    *(
        "pdo",
        "ctype",
        "fileinfo",
        "iconv",
        "tokenizer",
        "mysqlnd",
        "mysqli",
        "pdo_mysql",
        "mbstring",
        "dom",
        "xml",
    ),
    *("simplexml", "xmlreader", "xmlwriter", "intl"),
)
PHP_PACKAGES = ("mysql", "mbstring", "xml", "intl")


def unpack(folder: Path, *packages: str) -> Path:
    """Fetch packages with apt and unpack them together; the folder that stands for "/". Fails loudly where apt has
    nothing to give."""
    root, debs = folder / "root", folder / "debs"
    for one in (root, debs):
        one.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-qq", "download", *packages], cwd=debs, check=True, capture_output=True)
    for deb in sorted(debs.iterdir()):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        deb.unlink()
    return root


def php_packages() -> tuple[str, ...]:
    """The packages of the extensions that the applications need, of the version of php-cli that is here."""
    version = subprocess.run(
        ["php", "-n", "-r", "echo PHP_MAJOR_VERSION.'.'.PHP_MINOR_VERSION;"], check=True, capture_output=True
    ).stdout.decode()
    return tuple(f"php{version}-{name}" for name in PHP_PACKAGES)


@dataclass
class Php:
    """php-cli without any ini file, with extensions from an unpacked tree; its MySQL socket is a private server's."""

    root: Path
    socket: Path

    def command(self, *arguments: str) -> list[str]:
        trees = (Path("/"), self.root)
        found = {path.stem: path for tree in trees for path in tree.glob("usr/lib/php/*/*.so")}
        given = [f"extension={found[name]}" for name in EXTENSIONS if name in found]
        given += [f"{kind}.default_socket={self.socket}" for kind in ("mysqli", "pdo_mysql")]
        given += ["memory_limit=256M", "allow_url_fopen=0", "error_reporting=0", "date.timezone=UTC"]
        return ["php", "-n", *(word for one in given for word in ("-d", one)), *arguments]

    def run(self, folder: Path, *arguments: str) -> str:
        """A script's output; fails with its words."""
        command = self.command(*arguments)
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, env=plain_environment())
        words = done.stdout.decode(errors="replace")
        assert done.returncode == 0, words + done.stderr.decode(errors="replace")
        return words

    @contextmanager
    def serving(self, docroot: Path, port: int, log: Path) -> Iterator[None]:
        """The docroot behind php's own server, while the block runs."""
        daemon = Daemon(self.command("-S", f"{LOOPBACK}:{port}", "-t", str(docroot)), log)
        daemon.start(lambda: _accepts(port))
        try:
            yield
        finally:
            daemon.kill()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@dataclass
class Browser:
    """One visitor with his cookies."""

    port: int
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def get(self, path: str, form: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body, redirects followed; a form is posted."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)
        )
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with opener.open(f"http://{LOOPBACK}:{self.port}{path}", data, timeout=300) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def hidden(self, body: bytes) -> dict[str, str]:
        """The hidden fields of a page's forms."""
        fields = re.findall(rb"<input[^>]*type=[\"']hidden[\"'][^>]*>", body)
        named = [
            (re.search(rb"name=[\"']([^\"']*)", one), re.search(rb"value=[\"']([^\"']*)", one))
            for one in fields
        ]
        return {name[1].decode(): value[1].decode() for name, value in named if name and value}


def copy_app(root: Path, source: str, docroot: Path) -> None:
    """Copy an application out of an unpacked tree. A link into the tree, as packages that share code have them, becomes
    what it leads to; one that leads to a package that is not here is left out."""
    shutil.copytree(root / source, docroot, symlinks=True, dirs_exist_ok=True)
    for link in [path for path in docroot.rglob("*") if path.is_symlink()]:
        target = link.readlink()
        found = (
            root / str(target).lstrip("/")
            if target.is_absolute()
            else root / source / link.parent.relative_to(docroot) / target
        )
        link.unlink()
        if found.is_dir():
            shutil.copytree(found, link, ignore_dangling_symlinks=True)
        elif found.is_file():
            shutil.copy(found, link)


__all__ = ["Browser", "Php", "copy_app", "free_port", "php_packages", "unpack"]

"""Real applications, served, lost and restored: the page's bytes and the administrator's login are as before."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.servers.daemon import plain_environment
from fixtures.servers.mariadb import PrivateMariadb, quoted
from tests.live.debian_apps import Browser, Php, copy_app, free_port, php_packages, unpack
from tests.live.program import Program

pytestmark = pytest.mark.long
PASSWORD = "p'w$1;)"
ADMIN = "Admin-9!-Admin"


@dataclass
class Host:
    """A hosting company of one machine: its old server's tree, the live database server, php."""

    folder: Path
    root: Path
    mariadb: PrivateMariadb
    php: Php

    @property
    def home(self) -> Path:
        return self.folder / "backup" / "web1" / "home" / "alice"

    def give(self, database: str, user: str) -> None:
        """A database with its login, as a panel makes them."""
        self.mariadb.sql(
            f"CREATE DATABASE {database}; CREATE USER {user}@localhost IDENTIFIED BY {quoted(PASSWORD)};"
            f"GRANT ALL ON {database}.* TO {user}@localhost"
        )

    def dump_and_lose(self, database: str, user: str) -> None:
        """Dump a database into the backup, and lose it with its login."""
        dumps = self.folder / "backup" / "web1" / "var" / "backups" / "mysql"
        dumps.mkdir(parents=True, exist_ok=True)
        command = self.mariadb.client(
            "--result-file", str(dumps / f"{database}.sql"), database, program="mariadb-dump"
        )
        subprocess.run(command, check=True, capture_output=True, env=plain_environment())
        self.mariadb.sql(f"DROP DATABASE {database}; DROP USER {user}@localhost")

    def restore(self, *databases: str) -> tuple[int, str]:
        """Run bulkrestore on the backup."""
        backup = self.folder / "backup"
        (backup / "web1" / "customers.csv").write_text(
            "customer,home,domains,mailboxes,databases,contact,phone\n"
            f"alice,home/alice,alice.example,,{' '.join(databases)},,\n"
        )
        secret = self.folder / "secret"
        secret.write_text(self.mariadb.admin_password)
        secret.chmod(0o600)
        incident = self.folder / "incident.toml"
        incident.write_text(
            f'[incident]\nname = "lost"\nstate = "{self.folder}/state"\n[limits]\nworkers = 1\n'
            f'[[source]]\nname = "backup"\nkind = "folder"\npath = "{backup}"\n'
            '[[old_server]]\nname = "web1"\nsource = "backup"\npath = "web1"\ncustomers = "customers.csv"\n'
            'databases_to = ["db1"]\n'
            f'[[database_target]]\nname = "db1"\nsocket = "{self.mariadb.socket}"\n'
            f'admin_user = "{self.mariadb.admin_user}"\nadmin_password = {{ file = "{secret}" }}\n'
        )
        ended = Program(incident)("run", "--yes")
        return ended.code, ended.out + ended.err


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = (
        "wordpress",
        "wordpress-theme-twentytwentythree",
        "postfixadmin",
        "mediawiki",
        "mediawiki-classes",
    )
    return unpack(tmp_path_factory.mktemp("debian"), *names, *php_packages())


@pytest.fixture
def host(unpacked: Path, tmp_path: Path) -> Iterator[Host]:
    with PrivateMariadb() as mariadb:
        yield Host(tmp_path, unpacked, mariadb, Php(unpacked, mariadb.socket))


def wordpress(host: Host, port: int) -> Path:
    """Debian's WordPress with a theme, its config the release's own sample filled in as its installer does."""
    docroot = host.home / "public_html"
    copy_app(host.root, "usr/share/wordpress", docroot)
    content = "usr/share/wordpress/wp-content/themes/twentytwentythree"
    found = next(
        path
        for path in (host.root / content, host.root / "var/lib/wordpress" / content[20:])
        if path.is_dir()
    )
    shutil.copytree(found, docroot / "wp-content/themes/twentytwentythree", dirs_exist_ok=True)
    config = (docroot / "wp-config-sample.php").read_text()
    for old, new in (
        ("'database_name_here'", "'alice_wp'"),
        ("'username_here'", "'alice_wp'"),
        ("'password_here'", "'p\\'w$1;)'"),
    ):
        config = config.replace(old, new)
    only_here = "define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true);\n"
    config = config.replace(
        "/* That's all", f"{only_here}define('WP_HOME', 'http://127.0.0.1:{port}');\n/* That's all"
    )
    (docroot / "wp-config.php").write_text(config)
    return docroot


def wordpress_login(port: int) -> tuple[int, bool]:
    visitor = Browser(port)
    visitor.get("/wp-login.php")
    form = {"log": "boss", "pwd": ADMIN, "wp-submit": "Log In", "testcookie": "1"}
    status, body = visitor.get("/wp-login.php", form)
    return status, b"Dashboard" in body and b"wp-admin-bar" in body


def test_wordpress_is_served_as_before_and_its_administrator_logs_in(host: Host) -> None:
    port = free_port()
    docroot = wordpress(host, port)
    host.give("alice_wp", "alice_wp")
    with host.php.serving(docroot, port, host.folder / "php.log"):
        form = {
            "weblog_title": "Alice's", "user_name": "boss", "admin_password": ADMIN, "admin_password2": ADMIN,
            "pw_weak": "on", "admin_email": "a@alice.example", "blog_public": "0",
        }  # fmt: skip
        assert Browser(port).get("/wp-admin/install.php?step=2", form)[0] == 200
        posts = "require 'wp-load.php'; foreach (range(1, 5) as $i) wp_insert_post(['post_title' => \"Þáttur $i\","
        posts += " 'post_content' => str_repeat(\"ð'\\\\\\\\ \", 50), 'post_status' => 'publish']);"
        host.php.run(docroot, "-r", posts)
        before = Browser(port).get("/")
        assert before[0] == 200 and "Þáttur 5".encode() in before[1] and wordpress_login(port) == (200, True)

        host.dump_and_lose("alice_wp", "alice_wp")
        assert Browser(port).get("/")[0] == 500
        code, words = host.restore("alice_wp")

        assert code == 0, words
        assert Browser(port).get("/") == before
        assert wordpress_login(port) == (200, True)


def mediawiki_login(port: int) -> bool:
    visitor = Browser(port)
    _, page = visitor.get("/index.php?title=Special:UserLogin")
    form = {
        **visitor.hidden(page),
        "title": "Special:UserLogin",
        "wpName": "Boss",
        "wpPassword": ADMIN,
        "wploginattempt": "Log in",
    }
    visitor.get("/index.php?title=Special:UserLogin", form)
    return b'"wgUserName":"Boss"' in visitor.get("/index.php?title=Main_Page")[1]


def wiki_text(port: int) -> tuple[int, bytes]:
    return Browser(port).get("/index.php?title=Main_Page&action=raw")


def test_mediawiki_whose_own_installer_wrote_its_config_is_back(host: Host) -> None:
    port = free_port()
    docroot = host.home / "public_html"
    copy_app(host.root, "usr/share/mediawiki", docroot)
    for folder in ("images", "extensions", "cache"):
        (docroot / folder).mkdir(exist_ok=True)
    host.give("alice_wiki", "alice_w")
    options = {
        "dbname": "alice_wiki", "dbuser": "alice_w", "dbpass": PASSWORD, "dbserver": "localhost", "dbprefix": "mw_",
        "server": f"http://127.0.0.1:{port}", "scriptpath": "", "pass": ADMIN, "lang": "en",
    }  # fmt: skip
    given = [f"--{name}={value}" for name, value in options.items()]
    host.php.run(docroot, "maintenance/install.php", *given, "Alice's wiki", "Boss")
    with host.php.serving(docroot, port, host.folder / "php.log"):
        before = wiki_text(port)
        assert before[0] == 200 and b"MediaWiki" in before[1] and mediawiki_login(port)

        host.dump_and_lose("alice_wiki", "alice_w")
        assert wiki_text(port)[0] != 200
        code, words = host.restore("alice_wiki")

        assert code == 0, words
        assert wiki_text(port) == before and mediawiki_login(port)


def test_postfixadmin_with_the_login_that_dbconfig_wrote_knows_its_administrator_again(host: Host) -> None:
    docroot = host.home / "public_html"
    copy_app(host.root, "usr/share/postfixadmin", docroot)
    (docroot / "templates_c").mkdir(exist_ok=True)
    shutil.copy(host.root / "etc/postfixadmin/config.inc.php", docroot / "config.inc.php")
    # What dbconfig-common writes, as its dbconfig-generate-include does.
    (docroot / "dbconfig.inc.php").write_text(
        "<?php\n$dbuser='alice_p';\n$dbpass='p\\'w$1;)';\n$basepath='';\n$dbname='alice_post';\n"
        "$dbserver='localhost';\n$dbport='';\n$dbtype='mysql';\n"
    )
    own = "<?php\n$CONF['configured'] = true;\n$CONF['encrypt'] = 'php_crypt:SHA512';\n"
    (docroot / "config.local.php").write_text(own)
    host.give("alice_post", "alice_p")

    def administrator() -> str:
        return host.php.run(docroot, "scripts/postfixadmin-cli.php", "admin", "view", "boss@alice.example")

    host.php.run(docroot / "public", "upgrade.php")
    host.mariadb.sql(
        "INSERT INTO admin (username, password, superadmin, active, created, modified) VALUES"
        " ('boss@alice.example', 'x', 1, 1, NOW(), NOW())",
        "alice_post",
    )
    before = administrator()
    assert "boss@alice.example" in before

    host.dump_and_lose("alice_post", "alice_p")
    with pytest.raises(AssertionError):
        administrator()
    code, words = host.restore("alice_post")

    assert code == 0, words
    assert administrator() == before

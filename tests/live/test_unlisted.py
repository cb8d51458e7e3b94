"""A company of which no customers file survived: what can be told is restored, one keystroke settles a custom site."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.servers.daemon import ServerFailed, plain_environment
from fixtures.servers.mariadb import PrivateMariadb, quoted, run_client
from tests.live.program import Program, questions

PASSWORD = "p'w$1;)"
VHOSTS = "".join(
    f"<VirtualHost *:80>\n ServerName {name}.example\n DocumentRoot /home/{name}/www\n</VirtualHost>\n"
    for name in ("alice", "bob")
)
WORDPRESS = (
    "<?php\ndefine('DB_NAME', 'blog');\ndefine('DB_USER', 'bob_u');\ndefine('DB_PASSWORD', 'p\\'w$1;)');\n"
    "define('DB_HOST', 'localhost');\n$table_prefix = 'wp_';\n"
)
CUSTOM = "<?php\n$db = new mysqli('localhost', 'alice_u', 'p\\'w$1;)', 'alice_shop');\n"
TABLES = ("posts", "postmeta", "usermeta", "users", "term_taxonomy")


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


@pytest.fixture(scope="module")
def program(mariadb: PrivateMariadb, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Two customers lived on the server; then it was lost, but for its dumps, homes and virtual hosts."""
    folder = tmp_path_factory.mktemp("unlisted")
    tree = folder / "backup" / "web1"
    for path, text in (
        ("home/bob/www/wp-config.php", WORDPRESS),
        ("home/bob/www/wp-settings.php", "<?php\n"),
        ("home/alice/www/index.php", CUSTOM),
        ("etc/apache2/sites-available/all.conf", VHOSTS),
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    mariadb.sql(_lived())
    _lose(mariadb, tree / "var" / "backups" / "mysql")
    secret = folder / "secret"
    secret.write_text(mariadb.admin_password)
    secret.chmod(0o600)
    incident = folder / "incident.toml"
    incident.write_text(
        f'[incident]\nname = "lost"\nstate = "{folder}/state"\n[limits]\nworkers = 1\n'
        f'[[source]]\nname = "backup"\nkind = "folder"\npath = "{folder}/backup"\n'
        '[[old_server]]\nname = "web1"\nsource = "backup"\npath = "web1"\ndatabases_to = ["db1"]\n'
        f'[[database_target]]\nname = "db1"\nsocket = "{mariadb.socket}"\n'
        f'admin_user = "{mariadb.admin_user}"\nadmin_password = {{ file = "{secret}" }}\n'
    )
    return Program(incident)


def _lived() -> str:
    made = "".join(f"CREATE TABLE blog.wp_{name} (id INT PRIMARY KEY);" for name in TABLES)
    made += "CREATE TABLE blog.wp_options (option_id INT PRIMARY KEY, option_name TEXT, option_value TEXT);"
    made += "INSERT INTO blog.wp_options VALUES (1, 'siteurl', 'http://bob.example');"
    users = "".join(
        f"CREATE USER {user}@localhost IDENTIFIED BY {quoted(PASSWORD)}; GRANT ALL ON {database}.* TO {user}@localhost;"
        for user, database in (("bob_u", "blog"), ("alice_u", "alice_shop"))
    )
    orders = "CREATE TABLE alice_shop.orders (id INT PRIMARY KEY); INSERT INTO alice_shop.orders VALUES (7);"
    return f"CREATE DATABASE blog; CREATE DATABASE alice_shop; {made} {orders} {users}"


def _lose(mariadb: PrivateMariadb, dumps: Path) -> None:
    dumps.mkdir(parents=True)
    for name in ("blog", "alice_shop", "mysql"):
        command = mariadb.client("--result-file", str(dumps / f"{name}.sql"), name, program="mariadb-dump")
        subprocess.run(command, check=True, capture_output=True, env=plain_environment())
    mariadb.sql("DROP DATABASE blog; DROP DATABASE alice_shop; DROP USER bob_u@localhost, alice_u@localhost")


def logs_in(mariadb: PrivateMariadb, user: str, query: str) -> str:
    options = mariadb.folder / f"{user}.cnf"
    options.write_text(mariadb.client_options(user, PASSWORD, tcp=False))
    try:
        return run_client(["mariadb", f"--defaults-file={options}", "-N"], query).strip()
    except ServerFailed:
        return ""


def test_owners_are_told_and_a_custom_site_takes_one_keystroke(
    mariadb: PrivateMariadb, program: Program
) -> None:
    first = program("run", "--yes")
    asked = questions(program)

    assert (first.code, list(asked)) == (3, ["alice"]), first.out + first.err
    assert logs_in(mariadb, "bob_u", "SELECT option_value FROM blog.wp_options") == "http://bob.example"
    assert logs_in(mariadb, "alice_u", "SELECT 1") == "" and PASSWORD not in str(asked)
    shown = program("queue", "show", asked["alice"]["id"]).out
    assert "proven" in shown and "www/index.php:2 new mysqli(***, ***, ***, ***);" in shown

    assert program("queue", "answer", asked["alice"]["id"], "--choose", "1").code == 0
    second = program("run", "--yes")

    assert second.code == 0, second.out + second.err
    assert logs_in(mariadb, "alice_u", "SELECT id FROM alice_shop.orders") == "7"

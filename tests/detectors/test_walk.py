"""Nothing outside of the examined root is read, whatever links and names a tenant makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.examine import examine
from detectors.finding import Found
from detectors.local import LocalTree
from detectors.walk import Limits, OutOfRoot, Rooted, Unreadable, walk
from tests.detectors.memory import MemoryTree

LOGIN = (
    b"<?php define('DB_NAME','bob'); define('DB_USER','bob'); define('DB_PASSWORD','b'); "
    b"define('DB_HOST','localhost'); $table_prefix='wp_';"
)
MAPS = {b"/home/alice": b"home/alice"}


def rooted(files: dict[bytes, bytes | str], **more: object) -> Rooted:
    return Rooted(MemoryTree(files), b"home/alice", MAPS)


@pytest.mark.parametrize(
    "target",
    [
        "/home/bob/wp-config.php",
        "../bob/wp-config.php",
        "/etc/passwd",
        "x/../../../bob/wp-config.php",
        "../../../../etc/passwd",
        "/home/alice/../bob/wp-config.php",
        "../alicebob/wp-config.php",
        "up/bob/wp-config.php",
        "/home/alicebob/wp-config.php",
    ],
)
def test_a_link_out_of_the_customers_home_is_refused_and_said_so(target: str) -> None:
    files: dict[bytes, bytes | str] = {
        b"home/alice/wp-config.php": target,
        b"home/alice/x/y": b"",
        b"home/alice/up": "..",
        b"home/bob/wp-config.php": LOGIN,
        b"home/alicebob/wp-config.php": LOGIN,
        b"etc/passwd": b"root",
    }
    examination = examine(MemoryTree(files), b"home/alice", maps=MAPS)

    assert not any(isinstance(one, Found) for one in examination.findings)
    assert "wp-config.php" in {one.path for one in examination.refused}


@pytest.mark.parametrize(
    "target", ["real.php", "sub/../real.php", "/home/alice/real.php", "sub/up/real.php", "./a/../real.php"]
)
def test_a_link_inside_the_customers_home_is_followed(target: str) -> None:
    site = rooted(
        {
            b"home/alice/link": target,
            b"home/alice/real.php": b"here",
            b"home/alice/sub/up": "..",
            b"home/alice/a/b": b"",
        }
    )

    assert site.resolve(b"link") == b"real.php"


def test_links_that_go_round_end() -> None:
    site = rooted({b"home/alice/a": "b", b"home/alice/b": "a/x", b"home/alice/c": "c/c/c"})

    for name in (b"a", b"b", b"c"):
        with pytest.raises(OutOfRoot):
            site.resolve(name)


def test_a_home_that_is_itself_a_link_is_refused() -> None:
    examination = examine(MemoryTree({b"home/alice": "bob", b"home/bob/wp-config.php": LOGIN}), b"home/alice")

    assert examination.findings == () and "link" in examination.refused[0].reason


def test_a_config_above_the_customers_home_is_not_his() -> None:
    files: dict[bytes, bytes | str] = {
        b"home/alice/wp-settings.php": b"",
        b"home/alice/wp-load.php": b"",
        b"home/wp-config.php": LOGIN,
    }
    examination = examine(MemoryTree(files), b"home/alice")

    assert not any(isinstance(one, Found) for one in examination.findings)


def test_a_walk_asks_the_server_about_each_folder_once() -> None:
    files: dict[bytes, bytes | str] = {b"d%d/e%d/f.php" % (i, j): b"" for i in range(20) for j in range(20)}
    tree = MemoryTree(files)
    examine(tree)

    assert tree.asked <= 1 + 20 + 400


def test_what_is_beyond_the_limits_is_said_so() -> None:
    site = Rooted(
        MemoryTree({b"a/" * depth + b"f": b"" for depth in range(1, 30)}), b"", limits=Limits(depth=5)
    )
    list(walk(site))

    assert [one.path for one in site.refused.values()] == ["a/a/a/a/a"]


names = st.sampled_from([b"a", b"b", b"..", b".", b"", b"home", b"alice", b"bob", b"secret"])
links = st.lists(names, max_size=6).map(b"/".join)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([b"a", b"b", b"a2/b", b"c/d/e"]), links, max_size=4), st.booleans(), links
)
def test_no_web_of_links_leads_to_a_file_outside(
    made: dict[bytes, bytes], absolute: bool, asked: bytes
) -> None:
    files: dict[bytes, bytes | str] = {b"secret": b"", b"home/bob/secret": b"", b"home/alice/c/x": b""}
    for name, target in made.items():
        files[b"home/alice/" + name] = ("/" if absolute else "") + target.decode()
    tree = MemoryTree(files)
    site = Rooted(tree, b"home/alice", MAPS)
    try:
        real = site.resolve(asked)
    except OutOfRoot:
        return

    if real:
        entry = tree.lstat(b"home/alice/" + real)
        assert b".." not in real.split(b"/") and entry is not None and entry.kind != "link"


def test_a_local_tree_opens_nothing_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    os.symlink("..", root / "up")
    os.symlink("../secret", root / "file")
    os.mkfifo(root / "pipe")
    tree = LocalTree(str(root))

    for path in (b"up/secret", b"file", b"real/../../secret", b"../secret", b"pipe", b"real"):
        with pytest.raises(Unreadable):
            tree.read(path, 10)


def test_a_local_tree_states_what_lstat_states(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    os.symlink("f", tmp_path / "l")
    (tmp_path / "d").mkdir()
    tree = LocalTree(str(tmp_path))

    assert {(e.name, e.kind) for e in tree.list(b"")} == {(b"f", "file"), (b"l", "link"), (b"d", "folder")}
    entry = tree.lstat(b"f")
    assert entry is not None and (
        entry.size,
        tree.read(b"f", 3),
        tree.lstat(b"none"),
        tree.lstat(b"f/x"),
    ) == (5, b"123", None, None)


def test_a_link_among_the_folders_of_a_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "bob" / "www" / "inc").mkdir(parents=True)
    (tmp_path / "bob" / "www" / "inc" / "db.php").write_bytes(b"secret")
    (tmp_path / "alice" / "www").mkdir(parents=True)
    (tmp_path / "alice" / "www" / "lib").symlink_to(tmp_path / "bob" / "www")
    tree = LocalTree(str(tmp_path / "alice"))

    assert tree.lstat(b"www/lib/inc") is None
    for look in (tree.list, tree.kinds):
        with pytest.raises(Unreadable):
            look(b"www/lib/inc")
    with pytest.raises(Unreadable):
        tree.read(b"www/lib/inc/db.php", 10)
    assert LocalTree(str(tmp_path / "bob")).read(b"www/inc/db.php", 10) == b"secret"

"""The command line shows what was found, and passwords only when asked."""

from __future__ import annotations

import json

import pytest

from detectors.__main__ import main
from tests.detectors.fixture_sites import ROOT

STOCK = str(ROOT / "wordpress" / "stock" / "files")
KEYS = {
    "tree", "path", "system", "version", "config", "status", "host", "port", "socket", "database", "user", "password",
    "prefix", "evidence", "unclear",
}  # fmt: skip


def test_json_has_one_object_a_line_with_the_password_masked(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([STOCK, str(ROOT / "joomla" / "stock-4" / "files"), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert code == 0 and [line["system"] for line in lines] == ["wordpress", "joomla"]
    assert all(line.keys() == KEYS and line["password"] == "***" for line in lines)
    assert {"field", "file", "line", "how"} == lines[0]["evidence"][0].keys()


def test_a_password_is_shown_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    main([STOCK, "--json", "--reveal"])

    assert json.loads(capsys.readouterr().out)["password"] == "s3cret"


def test_what_is_unknown_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(ROOT / "wordpress" / "environment-needed" / "files"), "--json", "--reveal"])
    line = json.loads(capsys.readouterr().out)

    assert (line["password"], line["database"], line["port"], bool(line["unclear"])) == (
        None,
        "alice_wp",
        None,
        True,
    )


def test_a_map_leads_to_where_the_home_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    tree = ROOT / "wordpress" / "include-outside-docroot" / "files"
    main([str(tree), "--map", f"/home/alice={tree}", "--json"])
    inside = json.loads(capsys.readouterr().out)
    main([str(tree / "public_html"), "--map", f"/home/alice={tree}", "--json"])
    above = json.loads(capsys.readouterr().out)

    assert (inside["status"], above["status"]) == ("exact", "partial")


def test_a_tree_that_is_not_there_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nonexistent", STOCK]) == 1
    assert "not a folder" in capsys.readouterr().err


def test_the_table_neutralises_what_a_tenant_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(ROOT / "wordpress" / "cr-only" / "files"), STOCK])

    assert "\x1b" not in capsys.readouterr().out

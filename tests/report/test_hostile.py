"""A stranger's name, message or file is text on every page, never an act: not in a browser, a terminal, a sheet."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import unicodedata
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.ledger.reading import Reading
from restore.model.text import safe
from restore.report.letter import letter
from restore.report.page import customer_page, incident_page
from restore.report.recovery import Recovery
from restore.report.rows import cell, incident_document, sheet
from restore.report.summary import customer_lines, incident_lines
from tests.report.conftest import Command
from tests.report.night import ANN, BOB, EVIL, FORMULA, PASSWORD, Night

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ACTING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
TAGS = frozenset({
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "footer"),
    *("h1", "h2", "h3", "p", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li", "b", "br"),
    *("code", "a", "span", "svg", "line", "text", "path", "circle"),
})  # fmt: skip


class Page(HTMLParser):
    """The tags and attributes of a page as a browser sees them, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.told = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.told += data


def pages(recovery: Recovery) -> list[str]:
    return [incident_page(recovery, NOW), *(customer_page(recovery, one, NOW) for one in recovery.customers)]


def texts(recovery: Recovery) -> list[str]:
    lines = [*incident_lines(recovery)]
    for one in recovery.customers:
        lines += [*customer_lines(recovery, one), *letter(recovery, one)]
    return [*lines, json.dumps(incident_document(recovery), ensure_ascii=False)]


def test_a_strangers_markup_makes_no_tag_and_no_attribute(recovery: Recovery) -> None:
    for page in pages(recovery):
        seen = Page(page)
        assert seen.tags <= TAGS
        assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("src", "style")]
        assert all(re.fullmatch(r"#c\d+", value) for name, value in seen.attributes if name == "href")
        assert all(re.fullmatch(r"c\d+", value) for name, value in seen.attributes if name == "id")


def test_what_a_stranger_wrote_is_shown_and_not_dropped(recovery: Recovery) -> None:
    told = Page(incident_page(recovery, NOW)).told

    assert safe(EVIL) in told and FORMULA in told


def test_no_character_that_acts_on_a_screen_is_in_any_output(recovery: Recovery) -> None:
    outputs = [*pages(recovery), *texts(recovery), sheet(recovery).replace("\r\n", "\n")]

    acting = {one for text in outputs for one in text if unicodedata.category(one) in ACTING}
    assert acting <= {"\n"}


def test_a_page_loads_nothing_and_runs_nothing(recovery: Recovery) -> None:
    for page in pages(recovery):
        style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policies = [
            value for name, value in Page(page).attributes if name == "content" and "default-src" in value
        ]
        assert policies == [
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        ]
        assert "url(" not in style[1] and "@import" not in style[1] and "://" not in page


def test_no_template_lets_a_text_pass_unescaped() -> None:
    templates = Path("restore/report").glob("*.html")
    unescaped = [
        line
        for path in templates
        for line in path.read_text().splitlines()
        if re.search(r"\bsafe\b|autoescape", line)
    ]

    assert unescaped == ["<style>{{ style | safe }}</style>"]


def test_no_cell_of_the_sheet_is_a_formula(recovery: Recovery) -> None:
    rows = list(csv.reader(io.StringIO(sheet(recovery))))

    assert [one for row in rows for one in row if one.lstrip()[:1] in tuple("=+-@")] == []
    assert f"'{FORMULA}" in [row[1] for row in rows]


@given(st.text())
def test_a_cell_never_begins_like_a_formula(text: str) -> None:
    assert cell(text).lstrip()[:1] not in tuple("=+-@\t\r")


@pytest.mark.parametrize(
    "words",
    [["report"], ["report", "--json"], ["report", "--letter"], ["log"], ["report", "--customer", "anna"]],
)
def test_no_password_and_no_name_of_one_is_shown(words: list[str], night: Night, command: Command) -> None:
    vault_ids = [
        path.name.partition("-")[0] for path in (night.state / "vault").iterdir() if "-" in path.name
    ]

    code, said, complained = command(*words)

    assert code == 0 and len(vault_ids) == 1
    assert not [one for one in (PASSWORD, *vault_ids) if one in said + complained]


def test_no_page_shows_a_password_or_the_name_of_one(night: Night, recovery: Recovery) -> None:
    vault_ids = [
        path.name.partition("-")[0] for path in (night.state / "vault").iterdir() if "-" in path.name
    ]

    assert not [one for page in pages(recovery) for one in (PASSWORD, *vault_ids) if one in page]


def test_a_letter_names_nothing_of_another_customer(recovery: Recovery) -> None:
    anna = next(one for one in recovery.customers if one.name == "anna")

    words = "\n".join(letter(recovery, anna))

    assert [
        one for one in ("bob", "web1", "mail1", "db1", "INSERT", safe(EVIL), FORMULA) if one in words
    ] == []


def test_operators_are_told_apart_by_host_and_shown_as_they_are_named(night: Night) -> None:
    with Reading.open(night.state) as reading:
        assert {(one.operator, one.host) for one in reading.hands()} == {
            (ANN.name, ANN.host),
            (BOB.name, BOB.host),
        }

"""Whatever the ledger and the journals take in comes out as it was, or is refused when it is written."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.finding import Secret
from detectors.rule import Rule
from restore.errors import RecordUnreadable
from restore.ledger import codec, events
from restore.model import facts, mail, mysql, outcome, plan
from restore.model.mail import FolderAccount, FolderCreated, MailboxId
from restore.model.outcome import Done, Failed, Scope

MODULES = (facts, mail, mysql, outcome, plan, events)
NEVER_WRITTEN = (events.Context, mail.NewMessage)
NOUNS = [noun for module in MODULES for noun in codec.nouns(module) if noun not in NEVER_WRITTEN]
TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
SIMPLE: dict[object, st.SearchStrategy[object]] = {
    str: TEXT,
    bytes: st.binary(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    types.NoneType: st.none(),
}


@functools.cache
def values(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Values of a declared type, the odd ones among them."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, inner))
    if origin is tuple and inner[-1] is not Ellipsis:
        return st.tuples(*map(values, inner))
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is frozenset:
        return st.frozensets(values(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint is FolderAccount:
        return st.integers(0).map(lambda n: FolderAccount(("INBOX",), n + 1, n, 0, 0, n, ("cur/1: \udce9",)))
    if hint is Rule:
        whole = Rule("inc", "inc/db.php", ("ola", "web1/ida"), user="$u", password="$p", database="$d")
        return st.just(whole)
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{field.name: values(hints[field.name]) for field in dataclasses.fields(hint)})


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_noun_is_read_back_as_it_was_written(noun: type) -> None:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(values(noun))
    def comes_back(value: object) -> None:
        text = codec.encode(value)
        assert codec.decode(text) == value
        assert text.isascii() and "\n" not in text

    comes_back()


def test_bytes_stay_legible_so_that_a_search_for_a_leak_finds_it() -> None:
    work = plan.LookMailbox(MailboxId("web1", "a@example.org"), "anna", "night", b"home/anna/hunter2")

    assert "home/anna/hunter2" in codec.encode(work)


def test_two_surrogates_in_a_row_are_not_taken_for_one_character() -> None:
    folder = FolderCreated(("\ud83d\ude00", "\U0001f600"))

    assert codec.decode(codec.encode(folder)) == folder


@pytest.mark.parametrize("place", ["key", "because"])
def test_a_secret_is_refused_wherever_it_is_put(place: str) -> None:
    said = {"key": "k", "because": "b", place: Secret(b"hunter2")}

    with pytest.raises(TypeError) as refused:
        codec.encode(outcome.Abandoned(**said))  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)


def test_a_secret_itself_is_no_noun() -> None:
    with pytest.raises(TypeError):
        codec.encode(Secret(b"hunter2"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "does not say what it is"),
        ('{"$":"Teapot"}', "'Teapot', which this version does not know"),
        ('{"$":"Abandoned","key":"k"}', "lacks its because"),
        ('{"$":"Abandoned","key":"k","because":7}', "the because of a Abandoned"),
        ('{"$":"Abandoned","key":"k","because":"b","more":1}', "fields this version does not know: ['more']"),
        ('{"$":"Done","key":"k","fact":{"$":"Abandoned","key":"k","because":"b"}}', "the fact of a Done"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(RecordUnreadable) as refused:
        codec.decode(text)
    assert said in refused.value.message


def test_a_field_that_an_older_version_did_not_write_has_its_default() -> None:
    text = codec.encode(Failed("k", "code", Scope.JOB, "m", "h")).replace(',"kept":""', "")

    assert codec.decode(text) == Failed("k", "code", Scope.JOB, "m", "h")


def test_sums_that_do_not_add_up_are_not_read_as_facts() -> None:
    account = FolderAccount(("INBOX",), 3, 3, 0, 0, 3)
    done = Done("k", facts.MailboxRestored(MailboxId("web1", "a"), (account,), 10))
    text = codec.encode(done).replace('"restored":3', '"restored":2')

    with pytest.raises(RecordUnreadable):
        codec.decode(text)

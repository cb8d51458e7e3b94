"""A plaintext shows itself only through reveal()."""

from __future__ import annotations

import copy
import pickle

import pytest

from detectors.finding import Secret

SECRET = Secret(b"hunter2")


def test_no_text_form_of_a_secret_shows_it() -> None:
    shown = [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET:>10}",
        f"{SECRET} {SECRET!r}",
        repr([SECRET]),
        repr({"a": (SECRET,)}),
    ]

    assert not any("hunter2" in one for one in shown)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_never_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps({"deep": [SECRET]}, protocol)


def test_equal_secrets_are_equal_and_can_be_copied() -> None:
    assert Secret(b"hunter2") == SECRET and Secret(b"hunter3") != SECRET and SECRET != b"hunter2"
    assert copy.deepcopy(SECRET).reveal() == copy.copy(SECRET).reveal() == b"hunter2"

"""What a server keeps of a password, against published values."""

from __future__ import annotations

import pytest

from detectors.finding import Secret
from restore.model.verifier import ED25519, NATIVE, of_plugin, plugin_of
from restore.survey.verifiers import all_verifiers, caching_sha2_verifier, sha256_crypt, verifier

# https://mariadb.com/kb/en/authentication-plugin-ed25519/, https://dev.mysql.com/doc/refman/5.7/en/password-hashing.html
PUBLISHED = [
    (NATIVE, b"mypass", b"*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"),
    (ED25519, b"secret", b"ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"),
]


@pytest.mark.parametrize(("plugin", "password", "expected"), PUBLISHED)
def test_a_published_verifier_is_computed(plugin: str, password: bytes, expected: bytes) -> None:
    computed = verifier(Secret(password), plugin)

    assert computed.reveal() == expected and plugin_of(computed) == plugin
    assert of_plugin(all_verifiers(Secret(password)), plugin) == computed


def test_the_verifier_of_mysql_8_is_that_of_a_published_example() -> None:
    """Mode 7401 of https://hashcat.net/wiki/doku.php?id=example_hashes; its salt ends in no NUL and no $."""
    salt = bytes.fromhex("F9CC98CE08892924F50A213B6BC571A2C11778C5")
    digest = bytes.fromhex(
        "625479393559393965414D45316477456B484F41316E64484742577A2E3162785353526B7554584647562F"
    )

    assert sha256_crypt(b"hashcat", salt, 5000) == digest
    other = salt.replace(b"$", b"%")
    assert caching_sha2_verifier(Secret(b"hashcat"), other).reveal().startswith(b"$A$005$" + other)


def test_an_empty_password_has_no_verifier() -> None:
    assert all_verifiers(Secret(b"")).reveal() == b""

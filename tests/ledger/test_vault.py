"""Secrets are found again by their ids, by nobody without the key, and not at all once erased."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from detectors.finding import Secret
from restore.errors import SecretMissing, VaultDamaged, VaultLocked
from restore.ledger.vault import FOLDER, KEY_FILE, Vault

KEY = Secret(b"correct horse battery staple")
PLANTED = Secret(b"pl4nted-p4ssw0rd")


def files(state: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}


def test_a_secret_comes_back_in_the_next_run_under_the_same_id(state: Path) -> None:
    vault_id = Vault.open(state, KEY).put("verifier", PLANTED)
    vault = Vault.open(state, KEY)

    assert vault.get(vault_id) == PLANTED
    assert vault.put("verifier", PLANTED) == vault_id


def test_purpose_and_value_are_not_run_together(state: Path) -> None:
    vault = Vault.open(state, KEY)

    assert vault.put("ab", Secret(b"c")) != vault.put("a", Secret(b"bc"))


def test_nothing_of_a_secret_is_on_the_disk_neither_plain_nor_as_a_hash_anyone_could_make(
    state: Path,
) -> None:
    vault = Vault.open(state, KEY)
    vault.put("verifier", PLANTED)
    on_disk = b"".join(content + os.fsencode(path) for path, content in files(state).items())

    value, traces = PLANTED.reveal(), [PLANTED.reveal(), KEY.reveal()]
    for name in ("md5", "sha1", "sha256", "sha512"):
        for text in (value, b"verifier" + value):
            digest = hashlib.new(name, text).digest()
            traces += [digest, digest.hex().encode()]
    assert [trace for trace in traces if trace in on_disk] == []


def test_its_files_are_for_the_owner_alone(state: Path) -> None:
    Vault.open(state, None).put("verifier", PLANTED)

    assert {path.stat().st_mode & 0o777 for path in files(state)} == {0o600}
    assert (state / FOLDER).stat().st_mode & 0o777 == 0o700


def test_what_a_kill_left_half_written_or_half_erased_is_cleared_away(state: Path) -> None:
    vault = Vault.open(state, KEY)
    vault_id = vault.put("verifier", PLANTED)
    (whole,) = (path for path in files(state) if path.name.startswith(vault_id))
    whole.rename(whole.with_name(f".{whole.name}"))
    (whole.with_name(".half.part")).write_bytes(b"half")
    vault = Vault.open(state, KEY)

    assert [path.name for path in files(state)] == ["header"]
    with pytest.raises(SecretMissing):
        vault.get(vault_id)


def test_another_key_does_not_open_it(state: Path) -> None:
    Vault.open(state, KEY).put("verifier", PLANTED)

    with pytest.raises(VaultLocked):
        Vault.open(state, Secret(b"wrong"))


def test_without_a_key_in_the_incident_one_lies_beside_it_and_that_is_said(state: Path) -> None:
    vault = Vault.open(state, None)
    vault_id = vault.put("verifier", PLANTED)

    assert KEY_FILE in vault.key_origin
    assert Vault.open(state, None).get(vault_id) == PLANTED


def test_a_lost_key_file_is_said_and_no_new_key_is_made_over_old_secrets(state: Path) -> None:
    Vault.open(state, None).put("verifier", PLANTED)
    (state / KEY_FILE).unlink()

    with pytest.raises(VaultLocked):
        Vault.open(state, None)
    assert not (state / KEY_FILE).exists()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"", lambda content: bytes(99)]
)
def test_a_damaged_secret_is_said_without_showing_any(state: Path, damage: object) -> None:
    vault = Vault.open(state, KEY)
    vault_id = vault.put("verifier", PLANTED)
    (path,) = (path for path in files(state) if path.name.startswith(vault_id))
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]

    with pytest.raises(VaultDamaged) as said:
        vault.get(vault_id)
    assert "pl4nted" not in f"{said.value!r} {vault!r}"


def test_one_secret_put_in_place_of_another_is_not_taken_for_it(state: Path) -> None:
    vault = Vault.open(state, KEY)
    mine, other = vault.put("a", Secret(b"mine")), vault.put("b", Secret(b"other"))
    paths = {path.name.split("-")[0]: path for path in files(state)}
    paths[mine].write_bytes(paths[other].read_bytes())

    with pytest.raises(VaultDamaged):
        vault.get(mine)

"""The vault: verifiers and answered passwords, encrypted, erasable, named elsewhere by random ids only.

One file per secret, "<id>-<tag>": the tag is a keyed hash of purpose and value, so that an equal secret is found
again without being readable from it. AES-256-GCM; the keys are drawn by scrypt (RFC 7914) from the incident's key.
The ledger is chained and can never forget; this can.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from detectors.finding import Secret
from restore.errors import SecretMissing, VaultDamaged, VaultLocked
from restore.ledger import disk

FOLDER = "vault"
HEADER = "header"
KEY_FILE = "vault.key"
_CHECK = b"bulkrestore vault 1"
_NONCE = 12
_SALT = 16


class Vault:
    """Secrets by id. Safe to use from several threads of the one coordinator."""

    def __init__(self, folder: Path, cipher: AESGCM, tag_key: bytes, key_origin: str) -> None:
        self._folder = folder
        self._cipher = cipher
        self._tag_key = tag_key
        self._lock = threading.Lock()
        self._tags: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self.key_origin = key_origin

    @classmethod
    def open(cls, state: Path, key: Secret | None) -> Self:
        """The vault of a state folder, made if there is none. `key` is what the incident's secrets reference
        gave; without one a random key lies in KEY_FILE (0600) beside the vault, and `key_origin` says so.

        Raises VaultLocked where the key is not the one the vault was made with, StateUnsafe, StateUnwritable.
        """
        folder = state / FOLDER
        disk.private_folder(state)
        disk.private_folder(folder)
        origin = "the incident's secrets reference"
        if key is None:
            origin = f"{state / KEY_FILE}, as the incident names no key: whoever reads both reads the secrets"
            key = _key_file(state / KEY_FILE, fresh=not (folder / HEADER).exists())
        cipher, tag_key = _unlock(folder / HEADER, key)
        vault = cls(folder, cipher, tag_key, origin)
        vault._take_stock()
        return vault

    def put(self, purpose: str, secret: Secret) -> str:
        """Keep a secret, on disk when this returns; its id: random, and the same for equal purpose and value."""
        text = purpose.encode("utf-8", "surrogatepass")
        tag = hmac.digest(
            self._tag_key, len(text).to_bytes(8, "big") + text + secret.reveal(), "sha256"
        ).hex()
        with self._lock:
            if tag in self._ids:
                return self._ids[tag]
            vault_id = secrets.token_hex(16)
            nonce = os.urandom(_NONCE)
            sealed = nonce + self._cipher.encrypt(nonce, secret.reveal(), vault_id.encode())
            disk.write_whole(self._folder / f"{vault_id}-{tag}", sealed)
            self._tags[vault_id], self._ids[tag] = tag, vault_id
            return vault_id

    def get(self, vault_id: str) -> Secret:
        """The secret; raises SecretMissing where the id is unknown or was erased, VaultDamaged."""
        with self._lock:
            path = self._path(vault_id)
            try:
                sealed = path.read_bytes()
                return Secret(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], vault_id.encode()))
            except (InvalidTag, ValueError, OSError) as error:
                raise VaultDamaged(f"the vault's file of secret {vault_id} is damaged") from error

    def __len__(self) -> int:
        return len(self._tags)

    def __repr__(self) -> str:
        return f"Vault({str(self._folder)!r}, {len(self)} secrets)"

    def _path(self, vault_id: str) -> Path:
        if vault_id not in self._tags:
            raise SecretMissing(
                f"the vault has no secret {vault_id!r}; it was erased, or is of another incident"
            )
        return self._folder / f"{vault_id}-{self._tags[vault_id]}"

    def _take_stock(self) -> None:
        """Learn what is there, and finish what a kill left half written or half erased."""
        for path in self._folder.iterdir():
            if path.name.startswith("."):
                _shred(path)
            elif path.name != HEADER:
                vault_id, _, tag = path.name.partition("-")
                self._tags[vault_id], self._ids[tag] = tag, vault_id


def erase_all(path: Path) -> None:
    """Overwrite and remove a whole vault's folder, or its key file. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        for one in sorted(path.iterdir()):
            _shred(one)
        path.rmdir()
        disk.sync_folder(path.parent)
    else:
        _shred(path)


def _shred(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    disk.sync_folder(path.parent)


def _key_file(path: Path, fresh: bool) -> Secret:
    if fresh and not path.exists():
        disk.write_whole(path, secrets.token_hex(32).encode())
    try:
        return Secret(path.read_bytes())
    except OSError as error:
        raise VaultLocked(f"the vault's key file {path} cannot be read: {error.strerror}") from error


def _unlock(header: Path, key: Secret) -> tuple[AESGCM, bytes]:
    """The cipher and the tags' key; the header proves that the key is the vault's own."""
    kept = header.read_bytes() if header.exists() else b""
    salt, nonce, sealed = kept[:_SALT], kept[_SALT : _SALT + _NONCE], kept[_SALT + _NONCE :]
    if not kept:
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    drawn = hashlib.scrypt(key.reveal(), salt=salt, n=2**14, r=8, p=1, dklen=64)
    cipher, tag_key = AESGCM(drawn[:32]), drawn[32:]
    if not kept:
        disk.write_whole(header, salt + nonce + cipher.encrypt(nonce, _CHECK, None))
        return cipher, tag_key
    try:
        cipher.decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError) as error:
        raise VaultLocked(f"the key given does not open the vault {header.parent}") from error
    return cipher, tag_key

"""The verifiers of a plaintext, for each authentication plugin that an account may be made with.

ed25519: the public key of the private key SHA512(password), as client_ed25519 derives it (ref10, RFC 8032 5.1.5).
caching_sha2_password: "$A$005$", a salt of 20 bytes and SHA-256 crypt's 43 characters over 5,000 rounds, computed
alone: bulkrestore has not been tried on a real MySQL 8.
https://mariadb.com/kb/en/authentication-plugin-ed25519/, https://www.akkadia.org/drepper/SHA-crypt.txt,
https://dev.mysql.com/doc/refman/8.0/en/caching-sha2-pluggable-authentication.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from nacl.bindings import crypto_core_ed25519_scalar_reduce, crypto_scalarmult_ed25519_base_noclamp

from detectors.finding import Secret
from restore.model.verifier import ED25519, NATIVE, native_verifier

ROUNDS = 5_000
SALT = 20
_LETTERS = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ORDER = (
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14),
    (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29),
)  # fmt: skip


def ed25519_verifier(password: Secret) -> Secret:
    """What MariaDB's ed25519 keeps; b"" for the empty password, which bulkrestore never makes an account with."""
    plain = password.reveal()
    if not plain:
        return Secret(b"")
    scalar = bytearray(hashlib.sha512(plain).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    # The clamped scalar is above the group's order; the point is the same for it reduced.
    point = crypto_scalarmult_ed25519_base_noclamp(
        crypto_core_ed25519_scalar_reduce(bytes(scalar) + bytes(32))
    )
    return Secret(base64.b64encode(point).rstrip(b"="))


_MAKERS: dict[str, Callable[[Secret], Secret]] = {NATIVE: native_verifier, ED25519: ed25519_verifier}


def verifier(password: Secret, plugin: str) -> Secret:
    """The verifier of a plaintext for one of model.verifier.PLUGINS."""
    return _MAKERS[plugin](password)


def all_verifiers(password: Secret) -> Secret:
    """The verifiers of every plugin that an account may be made with, as the vault keeps them: separated by spaces,
    equal for equal passwords; b"" for the empty one."""
    return Secret(b" ".join(make(password).reveal() for make in _MAKERS.values()).strip())


def caching_sha2_verifier(password: Secret, salt: bytes) -> Secret:
    """What MySQL 8's caching_sha2_password keeps (authentication_string), for a salt of 20 bytes without NUL or $.

    Raises ValueError for any other salt."""
    if len(salt) != SALT or b"\0" in salt or b"$" in salt:
        raise ValueError("a salt of caching_sha2_password has 20 bytes, none of them NUL or $")
    return Secret(b"$A$005$" + salt + sha256_crypt(password.reveal(), salt, ROUNDS))


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> bytes:
    """The 43 characters of SHA-256 crypt, by the steps of its specification; a salt of any length is used whole."""
    inner = hashlib.sha256(password + salt + password).digest()
    mixed = hashlib.sha256(password + salt + _repeated(inner, len(password)))
    length = len(password)
    while length:
        mixed.update(inner if length & 1 else password)
        length >>= 1
    digest = mixed.digest()
    key = _repeated(hashlib.sha256(password * len(password)).digest(), len(password))
    seasoning = _repeated(hashlib.sha256(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(rounds):
        step = hashlib.sha256(key if number & 1 else digest)
        step.update((seasoning if number % 3 else b"") + (key if number % 7 else b""))
        step.update(digest if number & 1 else key)
        digest = step.digest()
    return _lettered(digest)


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _lettered(digest: bytes) -> bytes:
    groups = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _ORDER]
    groups.append((digest[31] << 8 | digest[30], 3))
    return bytes(_LETTERS[value >> 6 * place & 63] for value, letters in groups for place in range(letters))

"""What a MySQL server keeps of a password, and how two of those are compared without showing them.

mysql_native_password: "*" and SHA1(SHA1(password)) in upper-case hexadecimal; ed25519: 43 characters of base64.
https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/
https://mariadb.com/kb/en/authentication-plugin-ed25519/
"""

from __future__ import annotations

import hashlib
import re

from detectors.finding import Secret

NATIVE = "mysql_native_password"
ED25519 = "ed25519"
PLUGINS = (NATIVE, ED25519)
_FORMS = {NATIVE: re.compile(rb"\*[0-9A-F]{40}"), ED25519: re.compile(rb"[A-Za-z0-9+/]{43}")}


def native_verifier(password: Secret) -> Secret:
    """The verifier of a plaintext, over its bytes as the config states them; b"" for the empty password,
    which is no password at all on the server."""
    plain = password.reveal()
    if not plain:
        return Secret(b"")
    twice = hashlib.sha1(hashlib.sha1(plain, usedforsecurity=False).digest(), usedforsecurity=False)
    return Secret(b"*" + twice.hexdigest().upper().encode())


def plugin_of(verifier: Secret) -> str:
    """The authentication plugin whose form a verifier has, "" for none of PLUGINS."""
    return next((name for name, form in _FORMS.items() if form.fullmatch(verifier.reveal())), "")


def of_plugin(kept: Secret, plugin: str) -> Secret:
    """Of the verifiers of one password, as the vault keeps them separated by spaces, that of `plugin`; Secret(b"")
    where it is not among them."""
    parts = [Secret(part) for part in kept.reveal().split(b" ")]
    return next((part for part in parts if plugin_of(part) == plugin), Secret(b""))


def verifier_digest(verifier: Secret) -> str:
    """SHA-256 (hex) of a verifier: equal for equal verifiers, in whatever case the server writes hexadecimal."""
    value = verifier.reveal()
    value = value.upper() if value.startswith(b"*") else value
    return hashlib.sha256(b"bulkrestore verifier\0" + value).hexdigest()

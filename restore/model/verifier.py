"""What a MySQL server keeps of a password, and how two of those are compared without showing them.

mysql_native_password: "*" and SHA1(SHA1(password)) in upper-case hexadecimal.
https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/
"""

from __future__ import annotations

import hashlib
import re

from detectors.finding import Secret

_NATIVE = re.compile(rb"\*[0-9A-F]{40}")


def native_verifier(password: Secret) -> Secret:
    """The verifier of a plaintext, over its bytes as the config states them; b"" for the empty password,
    which is no password at all on the server."""
    plain = password.reveal()
    if not plain:
        return Secret(b"")
    twice = hashlib.sha1(hashlib.sha1(plain, usedforsecurity=False).digest(), usedforsecurity=False)
    return Secret(b"*" + twice.hexdigest().upper().encode())


def is_native(verifier: Secret) -> bool:
    """Whether it has the form of a mysql_native_password verifier."""
    return _NATIVE.fullmatch(verifier.reveal()) is not None


def verifier_digest(verifier: Secret) -> str:
    """SHA-256 (hex) of a verifier: equal for equal verifiers, in whatever case the server writes them."""
    return hashlib.sha256(b"bulkrestore verifier\0" + verifier.reveal().upper()).hexdigest()

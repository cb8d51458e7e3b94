"""Secrets by reference: a 0600 file or an environment variable."""

from __future__ import annotations

import os
import stat

from detectors.finding import Secret
from restore.errors import SecretMissing
from restore.model.incident import SecretRef
from restore.model.text import safe


def secret(reference: SecretRef) -> Secret:
    """The secret a reference names: a 0600 file's content without its last line end, or a variable's value.

    Raises SecretMissing, naming the file or variable and never its content.
    """
    if reference.kind == "env":
        value = os.environ.get(reference.value)
        if value is None:
            raise SecretMissing(f"environment variable {safe(reference.value)} is not set")
        return Secret(os.fsencode(value))
    try:
        with open(reference.value, "rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
                raise SecretMissing(
                    f"{safe(reference.value)} has mode {stat.S_IMODE(mode):04o}; a secret's file must be 0600"
                )
            return Secret(handle.read().removesuffix(b"\n").removesuffix(b"\r"))
    except OSError as error:
        raise SecretMissing(f"{safe(reference.value)} cannot be read: {error.strerror}") from error

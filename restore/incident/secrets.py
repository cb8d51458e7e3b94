"""Secrets by reference: a 0600 file or an environment variable."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess

from detectors.finding import Secret
from restore.errors import MailPasswordRefused, SecretMissing
from restore.model.incident import SecretRef
from restore.model.text import safe

TOKEN_SECONDS = 60.0


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


def token(reference: SecretRef, address: str) -> Secret:
    """The token that logs in for an address; a command gets it for each. Raises SecretMissing, which shows nothing of
    what the command wrote."""
    if reference.kind != "command":
        return secret(reference)
    argv = [one.replace("{address}", address) for one in shlex.split(reference.value)]
    if any(one.startswith("-") and one not in reference.value for one in argv) or "\0" in address:
        raise SecretMissing(
            f"{safe(argv[0])} gives no token for {safe(address)}: it would be taken for an option"
        )
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=TOKEN_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "took too long" if isinstance(error, subprocess.TimeoutExpired) else str(error.strerror)
        raise SecretMissing(f"{safe(argv[0])} gives no token for {safe(address)}: {why}") from error
    if done.returncode or not done.stdout.strip():
        raise SecretMissing(
            f"{safe(argv[0])} gives no token for {safe(address)}: it exited with {done.returncode}"
        )
    return Secret(done.stdout.strip())


def password_of(passwords: Secret, address: str) -> Secret:
    """The password that a file of "address:password" lines states for an address. Raises MailPasswordRefused."""
    begin = address.lower().encode("utf-8", "surrogateescape") + b":"
    for line in passwords.reveal().splitlines():
        if line.lower().startswith(begin):
            return Secret(line[len(begin) :])
    raise MailPasswordRefused(f"no password is stated for the mailbox {safe(address)}")

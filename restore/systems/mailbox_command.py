"""A live mail server's users by commands on this machine: arguments without a shell, the hash on standard input."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired

from detectors.finding import Secret
from restore.errors import MailboxNotMade
from restore.model.incident import MakeCommand
from restore.model.making import NewMailbox, filled
from restore.model.text import safe

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
WORDS = 300


class CommandMaker:
    """Satisfies MailboxMaker: commands on this machine, run without a shell."""

    def __init__(self, spec: MakeCommand) -> None:
        self._spec = spec
        self.where = f"command {spec.make[0]}"

    def stands(self, address: str) -> bool:
        """Whether `find` exits with 0; raises MailboxNotMade for a code that means neither."""
        values = NewMailbox(address, "", Secret(b"")).values()
        code, words = self._run(self._spec.find, values, Secret(b""))
        if code and code not in self._spec.missing:
            raise MailboxNotMade(f"{self._spec.find[0]} for {safe(address)} exited with {code}: {words}")
        return not code

    def make(self, mailbox: NewMailbox) -> bool:
        """Run `make`; False where the mailbox stands. Raises MailboxNotMade."""
        if self.stands(mailbox.address):
            return False
        code, words = self._run(self._spec.make, mailbox.values(), mailbox.hash)
        if code:
            raise MailboxNotMade(
                f"{self._spec.make[0]} for {safe(mailbox.address)} exited with {code}: {words}"
            )
        return True

    def _run(self, argv: Sequence[str], values: Mapping[str, bytes], given: Secret) -> tuple[int, str]:
        """Exit code, and what the command wrote, the hash blotted out."""
        arguments = [filled(one, values) for one in argv]
        for stated, one in zip(argv, arguments, strict=True):
            if b"\0" in one or (stated.startswith("{") and one.startswith(b"-")):
                raise MailboxNotMade(f"{argv[0]}: {safe(one)} would not be taken for an address")
        try:
            with Popen(
                arguments, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=ENVIRONMENT, start_new_session=True
            ) as run:
                try:
                    said, _ = run.communicate(given.reveal() + b"\n", self._spec.timeout)
                except BaseException:
                    os.killpg(run.pid, signal.SIGKILL)
                    raise
        except (OSError, TimeoutExpired) as error:
            words = "took too long" if isinstance(error, TimeoutExpired) else str(error.strerror)
            raise MailboxNotMade(f"{argv[0]}: {words}") from error
        for secret in (given.reveal(), given.reveal().partition(b"}")[2]):
            said = said.replace(secret, b"***") if secret else said
        return run.returncode, safe(said[-WORDS:].strip(), WORDS)

"""How mailboxes are made on a live mail server: a line in its passwd-file, a row in its user table, or a command.

The user database that the incident file names is what says which mailboxes there are; what stands there is never
altered.
"""

from __future__ import annotations

from collections.abc import Callable

from detectors.finding import Secret
from restore.model.incident import MakeCommand, Maker, PasswdFile, SecretRef, UserTable
from restore.model.ports import MailboxMaker
from restore.systems.mailbox_command import CommandMaker
from restore.systems.mailbox_passwd_file import PasswdFileMaker
from restore.systems.mailbox_table import UserTableMaker


def open_maker(maker: Maker, secret: Callable[[SecretRef], Secret]) -> MailboxMaker:
    """What makes mailboxes as the incident file states it; `secret` gives what a reference names."""
    match maker:
        case PasswdFile():
            return PasswdFileMaker(maker)
        case UserTable():
            return UserTableMaker(maker, secret(maker.server.admin_password))
        case MakeCommand():
            return CommandMaker(maker)

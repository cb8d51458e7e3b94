"""All systems of a step, from those in memory or real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from restore.model.ports import (
    DatabaseServer,
    Desk,
    Dumps,
    MailboxMaker,
    MailReader,
    MailServer,
    MailUsers,
    Progress,
    Scratch,
    Source,
    Staging,
)
from restore.model.stores import Store
from restore.systems.staged_dumps import StagedDumps
from restore.systems.staging import StagingFolder


def ignore(amount: int) -> None:
    """Hear of no progress."""


@dataclass(slots=True)
class GivenSystems:
    """Satisfies restore.model.ports.Systems with what a test gives it."""

    desk: Desk
    sources: Mapping[str, Source] = field(default_factory=dict)
    mails: Mapping[str, MailServer] = field(default_factory=dict)
    databases: Mapping[str, DatabaseServer] = field(default_factory=dict)
    stage: Staging | None = None
    tell: Progress = ignore
    trial: Scratch | None = None
    users: MailUsers | None = None
    makers: Mapping[str, MailboxMaker] = field(default_factory=dict)
    read: Callable[[str, str, bytes, Store], MailReader] | None = None

    @property
    def staging(self) -> Staging:
        assert self.stage is not None, "this test stages nothing"
        return self.stage

    @property
    def dumps(self) -> Dumps:
        assert isinstance(self.stage, StagingFolder), "this test stages nothing"
        return StagedDumps(self.stage, Path("/dev/null/indexes"))

    @property
    def scratch(self) -> Scratch:
        assert self.trial is not None, "this test tries out no dump"
        return self.trial

    def source(self, name: str) -> Source:
        return self.sources[name]

    def mail(self, name: str) -> MailServer:
        return self.mails[name]

    def mail_reader(self, source: str, address: str, path: bytes, store: Store) -> MailReader:
        assert self.read is not None, "this test reads no mailbox through a mail server"
        return self.read(source, address, path, store)

    def database(self, name: str) -> DatabaseServer:
        return self.databases[name]

    def mail_users(self, server: str) -> MailUsers:
        assert self.users is not None, f"this test has no users of {server}"
        return self.users

    def maker(self, target: str) -> MailboxMaker:
        return self.makers[target]

    def progress(self, step: str) -> Progress:
        return self.tell

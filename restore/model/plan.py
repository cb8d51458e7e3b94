"""All work: jobs of steps; a step is one idempotent act with a stable key that holds no secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from detectors.rule import Rule
from restore.model.facts import Claim, DumpVerified, SurvivorsRead
from restore.model.mail import MailboxId
from restore.model.mysql import (
    AccountName,
    DatabaseId,
    DumpFile,
    SchemaObject,
    TableState,
)
from restore.model.outcome import Failed, ManualItem, Outcome
from restore.model.stores import MAILDIR_STORE, Store
from restore.model.verifier import NATIVE


@dataclass(frozen=True, slots=True)
class LookSite:
    """Look at one customer's home: run the detectors, list refused links. Read-only. `origin` says in words which
    copy of the old server it lies in, "" where the incident has one copy only; what is seen tells it. `rules` are those
    taught for this customer."""

    server: str
    customer: str
    source: str
    home: bytes
    domains: tuple[str, ...]
    origin: str = ""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class LookMailbox:
    """Count a mailbox's folders and messages. Read-only. `origin` as in LookSite."""

    mailbox: MailboxId
    customer: str
    source: str
    path: bytes
    origin: str = ""
    store: Store = MAILDIR_STORE


@dataclass(frozen=True, slots=True)
class LookDump:
    """Read a dump's head and tail; `whole`: all of it, for what it tells of the installs it holds. Read-only.
    `origin` as in LookSite."""

    dump: DumpFile
    customer: str
    origin: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class MailCopy:
    """One more copy of a mailbox: what `store` says at `path` of `source`. `kind` is backup or wreck; `taken` is when
    that copy was made, in epoch seconds, None where the incident file states no date."""

    source: str
    path: bytes
    kind: str = "backup"
    taken: float | None = None
    store: Store = MAILDIR_STORE


@dataclass(frozen=True, slots=True)
class RestoreMailbox:
    """Merge one mailbox of the backups into the live mailbox.

    `source` and `path` are its first copy, `also` the further ones in order of preference. What is restored is
    their union: a folder needs each identity as often as the copy that holds it most often (the maximum, never
    the sum), and each message comes from the first copy that has it whole. A message that is damaged or
    unreadable in one copy is lost only where no later copy has it. A copy that cannot be read is said, and the
    others are merged all the same. The step occupies a slot of every source named here. `origin` says in words
    where the first copy comes from ("backup, of 2026-11-24 02:00 UTC"), "" where the incident has one copy only; it
    goes into the fact's notes, as does how many messages each further copy gave. `full_proof`: every message stored is
    read back whole, not a sample of them. `make`: where the mailbox does not exist on the target it is made first, with
    the password hash and the quota that the old server kept; where no hash is known it is a question, unless a person
    answered it: `password_id` names a new password in the vault, or it is made `locked`, so that nobody can log in.
    """

    mailbox: MailboxId
    customer: str
    source: str
    path: bytes
    target: str
    contact: str = ""
    also: tuple[MailCopy, ...] = ()
    origin: str = ""
    full_proof: bool = False
    store: Store = MAILDIR_STORE
    make: bool = False
    password_id: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True)
class LoadDatabase:
    """Fetch a dump, load it into its staging database on the target, count and compare.

    `name` is the live name it is meant for; `staging` the staging database (STAGING_PREFIX…). `others` are
    older dumps of the same database: where this one is damaged, the question offers each as
    Candidate("…source, date, size…", "dump", plan.databases.path_text), and the live database is untouched. With
    `use_older` the next of them is loaded instead (into the staging database of its own), and the outcome is
    Partial and says so. `origin` says in words where the dump comes from, "" where the incident has one copy only;
    it goes into the fact's notes. `partial`: of a damaged dump what can be read goes live, as the incident file or a
    person says; the outcome is Partial and names each loss. `judged` is what a verification found where it saw, under
    the same fingerprint, that the dump is unusable: it is not fetched for that again.
    """

    dump: DumpFile
    customer: str
    target: str
    name: str
    staging: str
    others: tuple[DumpFile, ...] = ()
    contact: str = ""
    origin: str = ""
    use_older: bool = False
    partial: bool = False
    judged: DumpVerified | None = None


@dataclass(frozen=True, slots=True)
class Definer:
    """The customer's account that a database's objects are made for: made locked, before them, where it does not
    stand yet. `secret_id` names its verifier (or, where `is_password`, its password) in the vault; `databases`
    are all that it may have rights on; `plugin` authenticates it."""

    account: AccountName
    secret_id: str
    is_password: bool
    databases: tuple[str, ...]
    plugin: str = NATIVE


@dataclass(frozen=True, slots=True)
class SwitchDatabase:
    """Move a loaded staging database to its live name.

    `definer` is the account objects are created for, None for a locked stand-in. `replace` is the state_digest
    of the live tables that a person agreed to set aside, None where nothing may stand there; a question about
    live tables offers it as Candidate("…", "replace", state_digest(live)).
    """

    database: DatabaseId
    customer: str
    target: str
    name: str
    staging: str
    loaded: tuple[TableState, ...]
    objects: tuple[SchemaObject, ...]
    charset: str
    collation: str
    contact: str = ""
    definer: Definer | None = None
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class UndoSwitch:
    """Put back what a switch set aside; the restored tables move to an UNDONE_PREFIX database."""

    database: DatabaseId
    customer: str
    target: str
    name: str
    kept: str
    tables: tuple[TableState, ...]


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """Create an account with its verifier, grant it its own databases, prove it by a login.

    `claim` is the config it rests on, None where a person's answer gave it (then `password_id` names
    the password in the vault). `rung` says on what ownership rests. `own` are
    all databases of this customer on that target, for a live account that already has rights on some of them;
    `plugin` authenticates it.
    """

    server: str
    customer: str
    account: AccountName
    target: str
    databases: tuple[str, ...]
    claim: Claim | None
    source: str
    home: bytes
    domains: tuple[str, ...]
    rung: str
    contact: str = ""
    password_id: str = ""
    own: tuple[str, ...] = ()
    plugin: str = NATIVE


@dataclass(frozen=True, slots=True)
class ReadPop3Logs:
    """Count who logged in by POP3 in access logs: files of the tree at `path` of `source` whose paths fit `patterns`.
    Read-only."""

    server: str
    source: str
    path: bytes
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyMailbox:
    """Read and parse every message of one mailbox of the backups and compare them with the live mailbox. Read-only.
    `full` trusts no fingerprint; `also` and `make` as in RestoreMailbox."""

    mailbox: MailboxId
    customer: str
    source: str
    path: bytes
    target: str
    full: bool = False
    also: tuple[MailCopy, ...] = ()
    store: Store = MAILDIR_STORE
    make: bool = False


@dataclass(frozen=True, slots=True)
class VerifyDump:
    """Load a dump into this worker's private scratch server. Touches no target; `target` is where a run would load
    it. `keep`: leave the fetched copy in staging for the run. `partial` as in LoadDatabase."""

    dump: DumpFile
    customer: str
    target: str
    keep: bool = True
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ReadSurvivors:
    """Read accounts and their password hashes out of a backup's dump of the `mysql` database. Read-only."""

    server: str
    dump: DumpFile


@dataclass(frozen=True, slots=True)
class VerifyLogins:
    """Hold the passwords that one customer's configs claim against surviving hashes: those in `read`, else those of
    accounts on the live `targets`, looked for at `hosts`. Read-only. Where his `home` on `source` is stated, candidates
    are read there once more and tried on accounts that stand there, on databases of his `own` alone."""

    server: str
    customer: str
    claims: tuple[Claim, ...]
    read: tuple[SurvivorsRead, ...]
    targets: tuple[str, ...]
    hosts: tuple[str, ...]
    source: str = ""
    home: bytes = b""
    domains: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepStaging:
    """Drop the staging databases on a target whose names carry one of these marks (plan/ours.py) and that are not
    `needed` by a load or a switch-on that has not come to its end."""

    target: str
    marks: tuple[str, ...]
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """A step that does nothing (benchmarks of the way of a step); `seconds` of work may be pretended."""

    seconds: float = 0.0


Work = (
    LookSite
    | LookMailbox
    | LookDump
    | RestoreMailbox
    | LoadDatabase
    | SwitchDatabase
    | UndoSwitch
    | CreateAccount
    | VerifyMailbox
    | VerifyDump
    | ReadSurvivors
    | ReadPop3Logs
    | VerifyLogins
    | SweepStaging
    | Rest
)


@dataclass(frozen=True, slots=True)
class Step:
    """One idempotent act. `needs` names the Resources it occupies, one slot of each, for as long as it runs."""

    key: str
    work: Work
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Steps in order. `after` names jobs that must have ended (however) before the first step may begin.

    A smaller `rank` goes first. `kind` is look, mail, database, account, undo or sweep; `bytes` the expected size.
    `thing` is what it changes on a target, which no second job may change at the same time; "" for none.
    """

    key: str
    kind: str
    customer: str
    steps: tuple[Step, ...]
    after: tuple[str, ...] = ()
    rank: tuple[int, ...] = ()
    bytes: int = 0
    thing: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """What an outcome made decidable: further jobs, questions for a person, and the keys of steps whose work was
    found not to stand any more, so that the next run does it again. Decided `anew`, after what a person settled or
    asked for, the jobs replace those of the same keys, and those `withdrawn` (by their keys) are not begun."""

    jobs: tuple[Job, ...] = ()
    items: tuple[ManualItem, ...] = ()
    gone: tuple[str, ...] = ()
    anew: bool = False
    withdrawn: tuple[str, ...] = ()


class Plan(Protocol):
    """Decided work that may grow while facts come in. Pure: no I/O, no clock."""

    @property
    def jobs(self) -> Sequence[Job]:
        """What can be begun from the global index alone."""

    @property
    def items(self) -> Sequence[ManualItem]:
        """Questions that the global index alone raises."""

    def learn(self, outcome: Outcome) -> Learned:
        """What this outcome made decidable. Called once for every outcome, in any order."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many slots each Resource has, by name; a resource that is not named here has none."""

    slots: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A job that would be done, with what is known of its size and what is in doubt about it."""

    job: Job
    what: str
    where: str
    size: int
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be done, in order; what a person would be asked; which looks failed."""

    jobs: tuple[Foreseen, ...]
    items: tuple[ManualItem, ...]
    failed: tuple[Failed, ...]

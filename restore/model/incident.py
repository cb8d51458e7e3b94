"""What crashed, which backups there are, which targets, which limits: the incident file's contents."""

from __future__ import annotations

from dataclasses import dataclass, replace

from restore.model.making import UserBase
from restore.model.stores import MAILDIR, MailLayout
from restore.model.verifier import NATIVE

HOMES = "home/{customer}"
MAILDIRS = "var/vmail/{domain}/{user}/Maildir"
DUMPS = "var/backups/mysql/{database}.sql"
KINDS = ("backup", "wreck")
ASK, USE = "ask", "use"
PARTIAL = "restore-partial"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is to be had: a 0600 file, an environment variable or (a token alone) a command, whose words are
    quoted as a shell would have them; never the secret itself."""

    kind: str
    value: str


NO_SECRET = SecretRef("", "")
LOGINS = ("master", "users", "xoauth2", "oauthbearer")


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A backup to read from: a folder, an SFTP server, or (imap) a lost mail server that serves again, with a `tls` and
    a master user as a MailTarget has. `copies` is how many steps may read at once, `bytes_per_second` their sum (0: no
    limit), `timeout` the seconds after which a silent server counts as stalled."""

    name: str
    kind: str
    path: str
    host: str = ""
    port: int = 22
    user: str = ""
    key: str = ""
    known_hosts: str = ""
    copies: int = 4
    bytes_per_second: int = 0
    timeout: float = 30.0
    tls: str = ""
    ca: str = ""
    master_user: str = ""
    master_password: SecretRef = SecretRef("", "")


@dataclass(frozen=True, slots=True)
class ServerCopy:
    """One copy of a lost server's tree: at `path` of `source`. `kind` is backup or wreck (what is left of the
    server itself); `taken` is when it was made, in epoch seconds, None where no date is stated. `mail` says how it
    keeps mail, None: as its server states."""

    source: str
    path: str
    kind: str = "backup"
    taken: float | None = None
    mail: MailLayout | None = None


@dataclass(frozen=True, slots=True)
class OldServer:
    """A lost server: where its tree stands in the source, and where its customers' things go.

    `source`, `path`, `kind` and `taken` state its first copy, `further` the next ones in order of preference.
    `databases_to` names database targets in order of preference; two databases of one name are placed apart
    where that list allows. `homes`, `maildirs`, `dumps` are path patterns inside each copy's tree; `more_dumps`
    further ones of dumps, which hold many databases each where no {database} stands in them. `older_dumps`
    says what becomes of a database whose first dump is damaged, or may lie in a copy that cannot be read: ask a
    person, or use the next whole one; `damaged_dumps` whether what can be read of a damaged dump goes live where no
    other takes its place: ask a person, or restore it in part. `mail_users` is where it kept its mail users' password
    hashes and quotas, `pop3_logs` are patterns of access logs in its tree, `mail` how it kept mail where that is not in
    Maildirs.
    """

    name: str
    source: str
    path: str
    customers: str
    mail_to: str
    databases_to: tuple[str, ...]
    homes: str = HOMES
    maildirs: str = MAILDIRS
    dumps: str = DUMPS
    kind: str = "backup"
    taken: float | None = None
    further: tuple[ServerCopy, ...] = ()
    more_dumps: tuple[str, ...] = ()
    tab_charset: str = ""
    older_dumps: str = ASK
    damaged_dumps: str = ASK
    mail_users: UserBase | None = None
    pop3_logs: tuple[str, ...] = ()
    mail: MailLayout | None = None

    @property
    def copies(self) -> tuple[ServerCopy, ...]:
        """Every copy of its tree, in order of preference."""
        return (ServerCopy(self.source, self.path, self.kind, self.taken, self.mail), *self.further)

    @property
    def mail_layout(self) -> MailLayout:
        """How its first copy keeps mail."""
        return self.mail or MailLayout(MAILDIR, self.maildirs)

    def at(self, rank: int) -> OldServer:
        """This server with its copy of that rank as the only one."""
        copy = self.copies[rank]
        return replace(
            self,
            source=copy.source,
            path=copy.path,
            kind=copy.kind,
            taken=copy.taken,
            further=(),
            mail=copy.mail or self.mail,
        )


@dataclass(frozen=True, slots=True)
class PasswdFile:
    """A mail server's users as lines of a Dovecot passwd-file on this machine; `line` is the template of one."""

    path: str
    line: str


@dataclass(frozen=True, slots=True)
class UserTable:
    """A mail server's users as rows of a table: `find` gives a row where an address stands, `make` inserts one; both
    are statements whose names in braces become parameters. `server` is logged in to, `database` chosen."""

    server: DatabaseTarget
    database: str
    find: str
    make: str


@dataclass(frozen=True, slots=True)
class MakeCommand:
    """A mail server's users by commands on this machine, each a template of arguments, run without a shell. `find`
    exits with 0 where an address stands and with one of `missing` where not; `make` gets the hash on its standard
    input. `timeout` in seconds."""

    find: tuple[str, ...]
    make: tuple[str, ...]
    missing: tuple[int, ...] = (1, 67)
    timeout: float = 60.0


Maker = PasswdFile | UserTable | MakeCommand


@dataclass(frozen=True, slots=True)
class MailTarget:
    (
        """A live mail server. `tls` is verify (IMAPS), starttls or none; `connections` how many mailbox syncs at once;
    `proof` whether every message stored is read back whole (full) or a part of them (sample). `create` says how a
    mailbox that does not exist yet is made, None where none is. `login` is one of LOGINS: but for the master user's,
    the `credential` names a file of "address:password" lines, or a token, which a command may give for each address."""
        ""
    )

    name: str
    host: str
    port: int
    tls: str
    ca: str
    master_user: str
    master_password: SecretRef
    connections: int = 8
    timeout: float = 60.0
    proof: str = "sample"
    create: Maker | None = None
    login: str = "master"
    credential: SecretRef = NO_SECRET
    bytes_per_second: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """A live database server, by socket or by TCP. `account_hosts` are the hosts of the accounts made there,
    `account_plugin` what authenticates them, `loads` how many dumps are loaded at once; one load may take `load_hours`
    hours and `load_gigabytes` times 10^9 bytes of the server's disk."""

    name: str
    admin_user: str
    admin_password: SecretRef
    socket: str = ""
    host: str = ""
    port: int = 3306
    tls: str = "verify"
    ca: str = ""
    loads: int = 2
    account_hosts: tuple[str, ...] = ("localhost",)
    account_plugin: str = NATIVE
    timeout: float = 60.0
    load_hours: int = 12
    load_gigabytes: int = 500


@dataclass(frozen=True, slots=True)
class Incident:
    """One crash, read whole. `digest` is the SHA-256 (hex) of the incident file, `state` the state folder,
    `lost` when the old servers were lost (epoch seconds), where the file states it; `recompress` whether seekable
    copies are kept of files of many databases that are packed in one piece."""

    path: str
    digest: str
    name: str
    state: str
    workers: int
    vault_key: SecretRef | None
    sources: tuple[SourceSpec, ...]
    old_servers: tuple[OldServer, ...]
    mail_targets: tuple[MailTarget, ...]
    database_targets: tuple[DatabaseTarget, ...]
    head_copy: str = ""
    syslog: str = ""
    lost: float | None = None
    recompress: bool = False

"""A small company as plain facts: what the planner sees, made by hand."""

from __future__ import annotations

from restore.model.facts import Claim, DatabaseLoaded, DatabaseSwitched, SiteLooked
from restore.model.incident import DatabaseTarget, Incident, MailTarget, OldServer, SecretRef, SourceSpec
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Done
from restore.model.plan import Job
from restore.model.survey import Customer, Index, MailboxPlace

NO_SECRET = SecretRef("env", "NONE")


def incident(web1: tuple[str, ...] = ("db1",), web2: tuple[str, ...] = ("db2",)) -> Incident:
    """Two lost servers, one mail server, two database servers."""
    return Incident(
        path="incident.toml",
        digest="0" * 64,
        name="test",
        state="/nowhere",
        workers=2,
        vault_key=None,
        sources=(SourceSpec("backup", "folder", "/backup"),),
        old_servers=(
            OldServer("web1", "backup", "web1", "customers.csv", "mail1", web1),
            OldServer("web2", "backup", "web2", "customers.csv", "mail1", web2),
        ),
        mail_targets=(MailTarget("mail1", "127.0.0.1", 143, "none", "", "master", NO_SECRET),),
        database_targets=(
            DatabaseTarget("db1", "admin", NO_SECRET, socket="/s"),
            DatabaseTarget("db2", "admin", NO_SECRET, socket="/s", account_hosts=("127.0.0.1",)),
        ),
    )


def customer(name: str, *databases: str, server: str = "web1", mailboxes: tuple[str, ...] = ()) -> Customer:
    """A customer with one domain of his name."""
    return Customer(
        server, name, f"home/{name}", (f"{name}.test",), mailboxes, databases, f"{name}@x.test", ""
    )


def dump(name: str, server: str = "web1", *, mtime: float = 1.0, path: str = "") -> DumpFile:
    """A dump of a database; `path` where it is not the usual one."""
    where = (path or f"{server}/var/backups/mysql/{name}.sql").encode()
    return DumpFile(DatabaseId(server, name), Fingerprint("backup", where, 100, mtime))


def maildir(address: str, server: str = "web1") -> MailboxPlace:
    """A Maildir of an address."""
    user, _, domain = address.partition("@")
    return MailboxPlace(MailboxId(server, address), f"{server}/var/vmail/{domain}/{user}/Maildir".encode())


def claim(
    owner: str,
    database: str,
    user: str,
    *,
    server: str = "web1",
    status: str = "exact",
    verifier: str = "v1",
    config: str = "public_html/wp-config.php",
) -> Claim:
    """What a WordPress config of that customer says."""
    return Claim(
        server,
        owner,
        "wordpress",
        config,
        status,
        "localhost",
        None,
        None,
        database,
        user,
        verifier,
        "wp_",
        (f"{config}:3",),
    )


def index(*things: Customer | MailboxPlace | DumpFile) -> Index:
    """An index of these things."""
    return Index(
        tuple(one for one in things if isinstance(one, Customer)),
        tuple(one for one in things if isinstance(one, MailboxPlace)),
        tuple(one for one in things if isinstance(one, DumpFile)),
    )


def looked(owner: str, *claims: Claim, server: str = "web1", unclear: tuple[str, ...] = ()) -> Done:
    """A home was looked at."""
    key = f"look/{server}/{owner}"
    return Done(key, SiteLooked(server, owner, claims, (unclear,) if unclear else (), (), ()))


def loaded(job: Job, name: str, target: str = "db1", server: str = "web1") -> Done:
    """A dump stands in staging."""
    return Done(
        job.key, DatabaseLoaded(DatabaseId(server, name), target, "br_stage_x", (), (), (), "utf8mb4", "c", 1)
    )


def switched(job: Job, name: str, target: str = "db1", server: str = "web1") -> Done:
    """A database is live."""
    return Done(job.key, DatabaseSwitched(DatabaseId(server, name), target, name, (), (), ""))

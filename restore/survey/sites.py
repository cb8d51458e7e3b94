"""One customer's home, looked at: which logins its configs claim, and what there is that is not restored yet.

A claim is a customer's word, or his intruder's: it is checked against ownership before it becomes a grant. The
plaintext of a password ends here: it becomes the server's verifier, and that goes into the vault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detectors.examine import Examination, Install, examine
from detectors.finding import Found, Secret, Status, Unclear
from detectors.taught import TAUGHT
from detectors.walk import Entry, Unreadable
from restore.model.facts import Claim, SiteLooked
from restore.model.outcome import Done, Outcome
from restore.model.plan import LookSite
from restore.model.ports import Progress, Source, Systems
from restore.model.text import safe
from restore.survey.verifiers import all_verifiers

SEEN = {
    b"public_html": "docroot",
    b"www": "docroot",
    b"htdocs": "docroot",
    b"httpdocs": "docroot",
    b"html": "docroot",
    b"web": "docroot",
    b"private_html": "docroot",
    b"domains": "docroots by domain",
    b".forward": "mail forwarding",
    b".qmail": "mail forwarding",
    b".procmailrc": "mail filter",
    b".dovecot.sieve": "mail filter (sieve)",
    b".sieve": "mail filter (sieve)",
    b"sieve": "mail filters (sieve)",
    b".vacation.msg": "vacation reply",
    b".my.cnf": "database client settings",
    b".crontab": "scheduled jobs",
    b"cron": "scheduled jobs",
    b".ssh": "SSH keys",
    b"ssl": "certificates",
    b".htpasswds": "web logins",
}
NO_SECRET = frozenset({Status.BACKUP_COPY, Status.PLACEHOLDER, Status.NONE})
LINE = 1000


@dataclass(frozen=True, slots=True)
class _Watched:
    """The source as a Tree whose every access tells that the step lives and hears that it must stop."""

    source: Source
    progress: Progress

    def list(self, path: bytes) -> Sequence[Entry]:
        self.progress(0)
        return self.source.list(path)

    def lstat(self, path: bytes) -> Entry | None:
        self.progress(0)
        return self.source.lstat(path)

    def readlink(self, path: bytes) -> bytes:
        self.progress(0)
        return self.source.readlink(path)

    def read(self, path: bytes, limit: int) -> bytes:
        content = self.source.read(path, limit)
        self.progress(len(content))
        return content


def look_site(key: str, work: LookSite, systems: Systems) -> Outcome:
    """Run all detectors on a customer's home, nothing outside of which is read.

    Done with SiteLooked: claims with their verifiers' vault ids; in `unclear` and `refused` what could not be
    read or was not followed, in words that are safe to show. Raises what the source and the desk raise.
    """
    tree = _Watched(systems.source(work.source), systems.progress(key))
    examination = examine(tree, work.home, domains=work.domains, maps=lost_names(work), rules=work.rules)
    claims: list[Claim] = []
    unclear: list[tuple[str, ...]] = []
    for finding in examination.findings:
        match finding:
            case Unclear():
                unclear.append(_unclear_lines(finding))
            case Found(password=Secret() as password) if not password.reveal():
                unclear.append(_empty_password(finding))
            case Found():
                claims.append(_claim(key, work, finding, systems))
    refused = tuple(f"{safe(one.path, LINE)}: {safe(one.reason, LINE)}" for one in examination.refused)
    seen = (*((f"home: {work.origin}",) if work.origin else ()), *_seen(tree, work.home, examination))
    return Done(key, SiteLooked(work.server, work.customer, tuple(claims), tuple(unclear), refused, seen))


def lost_names(work: LookSite) -> dict[bytes, bytes]:
    """What the customer's home may have been called on the lost server: all of them mean this home alone."""
    names = [name for name in work.home.split(b"/") if name]
    maps = {b"/" + b"/".join(names[start:]): work.home for start in range(max(1, len(names) - 1))}
    maps[b"/home/" + work.customer.encode("utf-8", "surrogateescape")] = work.home
    return maps


def _claim(key: str, work: LookSite, found: Found, systems: Systems) -> Claim:
    verifier_id = ""
    if found.password is not None and found.status not in NO_SECRET:
        # The purpose holds the customer, so that equal passwords of two customers do not show as equal ids.
        purpose = f"verifier/{work.server}/{work.customer}/{found.user}"
        verifier_id = systems.desk.put_secret(key, purpose, all_verifiers(found.password))
    return Claim(
        server=work.server,
        customer=work.customer,
        system=found.system,
        config=found.config,
        status=found.status.value,
        host=found.host,
        port=found.port,
        socket=found.socket,
        database=found.database,
        user=found.user,
        verifier_id=verifier_id,
        prefix=found.prefix,
        evidence=tuple(safe(str(one), LINE) for one in (*found.evidence, *found.unclear)),
        rule=next((one for one in work.rules if found.system == TAUGHT + one.name), None),
    )


def _unclear_lines(finding: Unclear) -> tuple[str, ...]:
    place = f"{finding.system} in {safe(finding.path)}"
    return (
        f"{place}: {safe(finding.reason, LINE)}",
        *(safe(str(one), LINE) for one in finding.evidence),
    )


def _empty_password(found: Found) -> tuple[str, ...]:
    place = f"{found.system} in {safe(found.path)}"
    who = f"{safe(found.user)} on {safe(found.database)}"
    return (
        f"{place}: {safe(found.config)} states an empty password for {who}; no account is made without one",
        *(safe(str(one), LINE) for one in found.evidence),
    )


def _seen(tree: _Watched, home: bytes, examination: Examination) -> Iterator[str]:
    try:
        entries = sorted(tree.list(home), key=lambda entry: entry.name)
    except Unreadable:
        return  # the examination could not list it either, and has said so in `refused`
    for entry in entries:
        if entry.name in SEEN:
            yield f"{SEEN[entry.name]}: {safe(entry.name)}{'' if entry.kind != 'link' else ' (a link)'}"
    for install in examination.installs:
        yield _site(install)


def _site(install: Install) -> str:
    version = f" {safe(install.version, 40)}" if install.version else ""
    return f"site: {install.system}{version} in {safe(install.path)}"

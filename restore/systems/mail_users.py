"""The mail users of an old server, read from its backups: password hashes and quotas that new mailboxes are made with.

passwd-file: https://doc.dovecot.org/2.3/configuration_manual/authentication/passwd_file/ ; shadow: shadow(5), also
cPanel's etc/DOMAIN/shadow of one domain; dump: a row a mailbox, as postfixadmin's table `mailbox` has it.
A hash never leaves the process that read it but for the server it is made for. What is read is a claim of the backup:
a hash of odd bytes is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO

from detectors.finding import Secret
from detectors.walk import join
from restore.errors import DumpDamaged, DumpTooLarge, MailUsersUnreadable, SourceUnreadable
from restore.model.incident import OldServer
from restore.model.making import MailUser, UserBase
from restore.model.ports import Source
from restore.model.text import safe
from restore.systems.dump_hashes import read_table
from restore.systems.unpack import UnpackLimits, unpack

LIMIT = 64 << 20
PLAIN = 1 << 30
HASH = re.compile(rb"(?:\{[A-Za-z0-9.-]{2,40}\})?[\x21-\x39\x3b-\x7e]{1,1000}")
_RULE = re.compile(rb"(?:^|\s)(?:userdb_)?quota_rule=\*:(storage|bytes)=(\d+)([bkmgt]?)", re.IGNORECASE)
_UNITS = {b"b": 1, b"k": 1 << 10, b"m": 1 << 20, b"g": 1 << 30, b"t": 1 << 40}

Users = Mapping[str, MailUser]


class OldMailUsers:
    """Satisfies restore.model.ports.MailUsers. Each user database is read once, from the first copy that has it."""

    def __init__(self, server: OldServer, source: Callable[[str], Source]) -> None:
        self._server = server
        self._source = source
        self._read: dict[str, Users] = {}

    def find(self, address: str, customer: str) -> MailUser | None:
        """The user of that address; None where the database has none, or the incident file states none."""
        base = self._server.mail_users
        if base is None:
            return None
        user, _, domain = address.rpartition("@")
        if "/" in customer or customer in ("", ".", "..") or "/" in domain or domain in (".", ".."):
            return None
        path = base.path.replace("{domain}", domain).replace("{customer}", customer)
        if path not in self._read:
            self._read[path] = self._users(base, path)
        users = self._read[path]
        whole = users.get(address.lower())
        # A bare user name says whose mailbox it is only where no other domain can have the same one.
        alone = "{domain}" in base.path or (base.kind == "shadow" and "{domain}" not in self._server.maildirs)
        return whole or (users.get(user.lower()) if alone else None)

    def _users(self, base: UserBase, path: str) -> Users:
        missing = ""
        for copy in self._server.copies:
            source = self._source(copy.source)
            place = join(copy.path.strip("/").encode(), path.strip("/").encode("utf-8", "surrogateescape"))
            entry = source.lstat(place)
            if entry is None:
                missing = missing or f"source {source.name}: {safe(place)} is not there"
                continue
            try:
                if entry.size > LIMIT:
                    raise SourceUnreadable(
                        f"source {source.name}: {safe(place)} has more than {LIMIT:,} bytes"
                    )
                return dict(_parsed(source.read(place, LIMIT), base, safe(place)))
            except (SourceUnreadable, DumpDamaged, DumpTooLarge) as error:
                raise self._unreadable(error.message) from error
        if "{" in base.path:
            return {}
        raise self._unreadable(missing)

    def _unreadable(self, words: str) -> MailUsersUnreadable:
        return MailUsersUnreadable(f"the mail users of {self._server.name} cannot be read: {words}")


def _parsed(data: bytes, base: UserBase, name: str) -> Iterator[tuple[str, MailUser]]:
    if base.kind != "dump":
        return _from_lines(data.split(b"\n"), base.scheme)
    plain = unpack(BytesIO(data), len(data), name, UnpackLimits(plain=PLAIN))
    return _from_rows(read_table(plain, base.table), base)


def _from_lines(lines: Iterable[bytes], scheme: str) -> Iterator[tuple[str, MailUser]]:
    """user:password:uid:gid:gecos:home:shell:extra fields; shadow has user:password and others. The first line of a
    user counts."""
    seen = set()
    for line in lines:
        if not line.strip() or line.startswith(b"#"):
            continue
        fields = line.rstrip(b"\r").split(b":", 7)
        name = fields[0].decode("utf-8", "surrogateescape").lower()
        if len(fields) > 1 and name not in seen:
            seen.add(name)
            extra = fields[7] if len(fields) == 8 else b""
            yield name, _user(fields[1], scheme, _rule_bytes(extra))


def _rule_bytes(extra: bytes) -> int | None:
    """storage= counts in kilobytes unless it names a unit, bytes= in bytes."""
    found = _RULE.search(extra)
    if found is None:
        return None
    unit = found[3].lower() or (b"k" if found[1].lower() == b"storage" else b"b")
    return int(found[2]) * _UNITS[unit]


def _from_rows(rows: Iterable[Mapping[str, bytes]], base: UserBase) -> Iterator[tuple[str, MailUser]]:
    for row in rows:
        address = row.get(base.address.lower(), b"").decode("utf-8", "surrogateescape").lower()
        stated = row.get(base.quota.lower(), b"")
        quota = int(stated) * base.quota_unit if re.fullmatch(rb"\d{1,18}", stated) else None
        if address:
            yield address, _user(row.get(base.hash.lower(), b""), base.scheme, quota)


def _user(raw: bytes, scheme: str, quota: int | None) -> MailUser:
    if not raw or raw[:1] in b"!*" or raw == b"NULL":
        return MailUser(Secret(b""), quota, "it has no password there, or is locked")
    if not HASH.fullmatch(raw):
        return MailUser(Secret(b""), quota, "its password hash holds bytes that no hash has")
    return MailUser(Secret(raw if raw.startswith(b"{") else b"{%s}%s" % (scheme.encode(), raw)), quota)

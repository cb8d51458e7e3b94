"""What a database server's facts mean for a restore. Pure: facts in, findings out.

https://mariadb.com/kb/en/server-system-variables/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from restore.model.incident import DatabaseTarget
from restore.model.mysql import ServerFacts
from restore.model.survey import Finding
from restore.model.text import safe

OLDEST = (10, 5)
SMALL_PACKET = 16 << 20
CLOCK_ASK, CLOCK_NOTE = 60.0, 5.0
GROWTH = 2
"""Tables, indexes and the kept copy of what stood there: a guess, and said to be one."""
HERE = frozenset({"127.0.0.1", "::1", "localhost"})
ON = frozenset({"1", "ON", "on", "YES"})
ODD_MODES = (
    "ANSI_QUOTES",
    "NO_BACKSLASH_ESCAPES",
    "PAD_CHAR_TO_FULL_LENGTH",
    "EMPTY_STRING_IS_NULL",
    "ORACLE",
)


# The releases with MDEV-34703, which LOAD DATA met, and those that repaired it.
BULK_SINCE = (10, 11, 0)
BULK_REPAIRED = ((10, 11, 11), (11, 4, 5), (11, 7, 2))


@dataclass(frozen=True, slots=True)
class Need:
    """What the work is expected to take: bytes, in so many files or databases."""

    bytes: int
    count: int


def judge(target: DatabaseTarget, facts: ServerFacts, need: Need, now: float) -> Iterator[Finding]:
    """Findings about one server; `now` is this machine's clock in epoch seconds."""
    where = f"database server {target.name}"
    for weight, what, why, todo in (
        *_version(facts),
        *_roles(facts),
        *_accounts(target, facts),
        *_settings(facts),
        *_line(target, facts),
        *_clock(facts, now),
        *_room(facts, need),
    ):
        yield Finding(weight, where, what, why, todo)


Line = tuple[str, str, str, str]


def _version(facts: ServerFacts) -> Iterator[Line]:
    version = safe(facts.version)
    release = re.match(r"(\d+)\.(\d+)", facts.version)
    if "MariaDB" not in facts.version or release is None:
        why = "Only MariaDB is supported as a target: this was not tried on a real MySQL 8."
        yield "refuse", f"it is {version}", why, "Use a MariaDB server."
    elif (int(release[1]), int(release[2])) < OLDEST:
        why = "Before 10.5 views and triggers cannot be given to their customer without SUPER."
        yield "refuse", f"it is MariaDB {version}", why, "Use MariaDB 10.5 or newer."
    elif _corrupts(facts.version):
        why = (
            "Filling an empty table with all checks off can break it there (MDEV-34703). Loads here keep the checks on"
            " and take longer; the site's own imports may not."
        )
        yield "note", f"it is MariaDB {version}", why, "Upgrade to 10.11.11, 11.4.5, 11.7.2 or newer."


def _corrupts(version: str) -> bool:
    release = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if release is None or (number := tuple(map(int, release.groups()))) < BULK_SINCE:
        return False
    repaired = next((one for one in BULK_REPAIRED if one[:2] == number[:2]), BULK_REPAIRED[-1])
    return number < repaired


def _roles(facts: ServerFacts) -> Iterator[Line]:
    values = dict(facts.variables)
    if facts.replica:
        why = "What is written to a replica is not on its primary, and breaks their replication."
        yield "refuse", "it is a replica", why, "Name its primary as the target."
    if values.get("read_only", "OFF") in ON:
        why = "Somebody keeps writers away from it; an administrator's writes would get through."
        yield "refuse", "read_only is on", why, "Find out why, and switch it off or name another target."
    if values.get("log_bin", "OFF") in ON:
        why = "Everything restored is written to its binary log too and goes to its replicas."
        yield "note", "its binary log is on", why, "Allow for twice the disk."


def _accounts(target: DatabaseTarget, facts: ServerFacts) -> Iterator[Line]:
    if facts.anonymous_accounts:
        names = ", ".join(safe(name) for name in facts.anonymous_accounts)
        why = "They take customers' logins from the same host, and let anybody in."
        yield "ask", f"it has anonymous accounts: {names}", why, "Drop them, then run again."
    if not target.socket and set(target.account_hosts) == {"localhost"}:
        why = "An account at 'localhost' is reached by the socket alone, and this target is reached by TCP."
        todo = "Name the web servers' addresses in `account_hosts`."
        yield "ask", "the logins made there cannot be proven", why, todo


def _settings(facts: ServerFacts) -> Iterator[Line]:
    values = dict(facts.variables)
    if values.get("lower_case_table_names", "0") != "0":
        why = "Tables whose names differ in case alone fall together; such a dump is not switched on."
        yield (
            "ask",
            "lower_case_table_names is not 0",
            why,
            "Use a server with 0, as hosting on Linux has it.",
        )
    packet = int(values.get("max_allowed_packet", "0") or 0)
    if 0 < packet < SMALL_PACKET:
        why = "Dumps with larger rows or statements are refused by the server."
        yield "ask", f"max_allowed_packet is {packet:,} bytes", why, "Set it to 64M or more."
    modes = [mode for mode in ODD_MODES if mode in values.get("sql_mode", "").split(",")]
    if modes:
        why = "Loads state their own sql_mode; the customers' sites will not."
        yield "ask", f"sql_mode has {', '.join(modes)}", why, "Is that what the old servers had?"
    if values.get("character_set_server", "utf8mb4") != "utf8mb4":
        what = f"character_set_server is {safe(values['character_set_server'])}"
        what += f", collation_server {safe(values.get('collation_server', '?'))}"
        yield "note", what, "A dump's own character sets are kept; only new databases get these.", ""
    if values.get("local_infile", "OFF") in ON:
        why = "Rows are given as LOAD DATA from memory, which is quicker; a dump's own LOAD DATA is refused."
        yield "note", "local_infile is on", why, "Switch it off afterwards if nothing needs it."
    if values.get("event_scheduler", "OFF") in ON:
        yield "note", "the event scheduler is on", "Restored events run as soon as they stand.", ""
    zone = values.get("time_zone", "SYSTEM")
    if zone not in ("SYSTEM", "+00:00", "UTC"):
        yield (
            "note",
            f"time_zone is {safe(zone)}",
            "Loads state the dump's own; the customers' sites get this.",
            "",
        )
    for note in facts.notes:
        yield "note", safe(note), "", ""


def _line(target: DatabaseTarget, facts: ServerFacts) -> Iterator[Line]:
    if not target.socket and target.host not in HERE and not facts.tls:
        why = "Customers' rows and password hashes would cross the network in clear."
        yield "refuse", "the connection is not encrypted", why, "Set `tls` and `ca` of this target."


def _clock(facts: ServerFacts, now: float) -> Iterator[Line]:
    skew = facts.clock - now
    if abs(skew) > CLOCK_NOTE:
        weight = "ask" if abs(skew) > CLOCK_ASK else "note"
        what = f"its clock is {abs(skew):,.0f} seconds {'ahead' if skew > 0 else 'behind'} of this machine's"
        why = "The newest rows of live and restored tables are compared by their times."
        yield weight, what, why, "Set the clocks."


def _room(facts: ServerFacts, need: Need) -> Iterator[Line]:
    wanted = need.bytes * GROWTH
    if facts.disk_free is None:
        what = f"its free disk could not be checked; about {wanted:,} bytes are expected to be needed"
        yield "note", what, "A full disk stops live sites too.", "Look at it there (df)."
    elif facts.disk_free < wanted:
        what = f"{facts.disk_free:,} bytes are free, about {wanted:,} are expected to be needed"
        what += f" for {need.count} databases"
        yield "ask", what, "A full disk stops live sites too.", "Make room before the run."

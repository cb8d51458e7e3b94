"""The session a dump asks for by its SET statements: read into a model, never run as written.

Whoever loads renders the model's few variables himself. A setting that would change how the dump's own bytes are to
be read (ANSI_QUOTES, NO_BACKSLASH_ESCAPES, gbk, sjis, …) stops the dump: what was read so far would be in doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from restore.errors import DumpRefused
from restore.systems.dump_text import CODECS

VALUE = rb"(?:'[^'\\]*+'|\"[^\"\\]*+\"|@@?[\w.$]+|[\w.+\-]+)"
TARGET = rb"(?P<scope>@@(?:(?:session|local)\s*\.\s*)?|(?:session|local)\s+|@)?(?P<name>`?[\w$]+`?)"
ASSIGNMENT = re.compile(rb"\s*" + TARGET + rb"\s*:?=\s*(?P<value>" + VALUE + rb")\s*(?:,|$)", re.IGNORECASE)
NAMES = re.compile(
    rb"SET\s+(?:NAMES|CHARACTER\s+SET|CHARSET)\s+(?P<charset>"
    + VALUE
    + rb")(?:\s+COLLATE\s+"
    + VALUE
    + rb")?\s*$",
    re.IGNORECASE,
)
SET = re.compile(rb"SET\s+", re.IGNORECASE)
TIME_ZONE = re.compile(r"[+-]\d{1,2}:\d\d|SYSTEM|[A-Za-z0-9_+\-/]{1,64}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# https://mariadb.com/kb/en/sql-mode/: those that change neither quoting nor the meaning of names.
MODES = _words(
    "ALLOW_INVALID_DATES EMPTY_STRING_IS_NULL ERROR_FOR_DIVISION_BY_ZERO HIGH_NOT_PRECEDENCE IGNORE_SPACE"
    " IGNORE_BAD_TABLE_OPTIONS NO_AUTO_CREATE_USER NO_AUTO_VALUE_ON_ZERO NO_DIR_IN_CREATE NO_ENGINE_SUBSTITUTION"
    " NO_FIELD_OPTIONS NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_UNSIGNED_SUBTRACTION NO_ZERO_DATE NO_ZERO_IN_DATE"
    " ONLY_FULL_GROUP_BY PAD_CHAR_TO_FULL_LENGTH PIPES_AS_CONCAT REAL_AS_FLOAT SIMULTANEOUS_ASSIGNMENT"
    " STRICT_ALL_TABLES STRICT_TRANS_TABLES TIME_ROUND_FRACTIONAL TRADITIONAL"
)
REQUOTING = _words("ANSI ANSI_QUOTES NO_BACKSLASH_ESCAPES ORACLE MSSQL DB2 MAXDB POSTGRESQL")
# Kept in the model so that @OLD_… = @@… and its way back work; only some of them are rendered.
MODELLED = _words(
    "character_set_client character_set_results character_set_connection collation_connection time_zone sql_mode"
    " unique_checks foreign_key_checks sql_notes autocommit sql_quote_show_create net_write_timeout"
    " net_read_timeout lc_time_names"
)


@dataclass(slots=True)
class DumpSession:
    """What the dump has set so far. `variables` by their lower-case names, `saved` its user variables;
    `time_zone_stated` tells whether the dump ever named its time zone."""

    variables: dict[str, str] = field(
        default_factory=lambda: {
            "character_set_client": "utf8mb4",
            "character_set_connection": "utf8mb4",
            "collation_connection": "",
            "time_zone": "SYSTEM",
            "sql_mode": "NO_AUTO_VALUE_ON_ZERO",
        }
    )
    saved: dict[str, str] = field(default_factory=dict)
    time_zone_stated: bool = False

    @property
    def charset(self) -> str:
        """In which character set the dump's statements are written."""
        return self.variables["character_set_client"]

    @property
    def time_zone(self) -> str:
        return self.variables["time_zone"]

    @property
    def sql_mode(self) -> str:
        return self.variables["sql_mode"]

    def copy(self) -> DumpSession:
        """The same settings, to be kept while this one goes on."""
        return replace(self, variables=dict(self.variables), saved=dict(self.saved))

    def apply(self, text: bytes, offset: int) -> str:
        """Take a SET statement (comments gone) into the model; "" or why it was not obeyed.

        Raises DumpRefused where it would change how the dump itself is to be read.
        """
        if names := NAMES.match(text):
            charset = _plain(names["charset"]).lower()
            for name in ("character_set_client", "character_set_connection", "character_set_results"):
                self._assign(name, charset, offset)
            self.variables["collation_connection"] = ""
            return ""
        rest, reasons = SET.sub(b"", text, count=1), []
        while rest.strip():
            found = ASSIGNMENT.match(rest)
            if found is None:
                return "a SET that no dump writer makes"
            reasons.append(self._one(found, offset))
            rest = rest[found.end() :]
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))

    def _one(self, found: re.Match[bytes], offset: int) -> str:
        name = _plain(found["name"]).lower()
        value = found["value"]
        if found["scope"] == b"@":
            self.saved[name] = self._value(value)
            return ""
        if name not in MODELLED:
            return f"the variable {name} is not the dump's to set"
        self._assign(name, self._value(value), offset)
        return ""

    def _value(self, raw: bytes) -> str:
        text = _plain(raw)
        if text.startswith("@@"):
            return self.variables.get(text.rpartition(".")[2].lstrip("@").lower(), "")
        return self.saved.get(text[1:].lower(), "") if text.startswith("@") else text

    def _assign(self, name: str, value: str, offset: int) -> None:
        if name.startswith("character_set_") and value.lower() not in {*CODECS, "", "null"}:
            raise DumpRefused(
                f"byte {offset:,}: the dump is written in {value[:30]!r}, in which a quote can be half a character"
            )
        if name == "sql_mode":
            value = _checked_mode(value, offset)
        if name == "time_zone":
            self.time_zone_stated = True
            if not TIME_ZONE.fullmatch(value):
                raise DumpRefused(f"byte {offset:,}: {value[:30]!r} is no time zone")
        if name == "character_set_client" and value.lower() in {"", "null"}:
            value = "utf8mb4"
        self.variables[name] = value.lower() if name.startswith("character_set_") else value


def _checked_mode(value: str, offset: int) -> str:
    modes = [mode.strip().upper() for mode in value.split(",") if mode.strip()]
    if requoting := REQUOTING.intersection(modes):
        raise DumpRefused(
            f"byte {offset:,}: sql_mode {', '.join(sorted(requoting))} changes what quotes and backslashes mean"
        )
    return ",".join(mode for mode in modes if mode in MODES)


def _plain(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text[1:-1] if text[:1] in "'\"`" else text

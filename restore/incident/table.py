"""One table of the incident file, read key by key; every mistake is noted with its key and what was expected."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from restore.errors import SecretMissing
from restore.incident.secrets import secret
from restore.model.incident import SecretRef
from restore.model.text import safe

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def a_name(value: str) -> str:
    """What is expected of a name of ours, "" where it is one."""
    return "" if NAME.fullmatch(value) else "letters, digits, . _ - (at most 40)"


def a_file(value: str) -> str:
    """What is expected of a file on this machine, "" where it is one."""
    if not value.startswith("/"):
        return "an absolute path"
    return "" if Path(value).is_file() else "a file that exists"


@dataclass
class Table:
    """One table of the file, read key by key; whatever is wrong is noted, and a harmless value handed on."""

    where: str
    values: Mapping[str, object]
    mistakes: list[str]
    known: set[str] = field(default_factory=set)

    def wrong(self, key: str, expected: str) -> None:
        got = self.values.get(key)
        shown = "it is missing" if got is None else f"found {safe(repr(got), 60)}"
        self.mistakes.append(f"{self.where}.{key}: expected {expected}; {shown}")

    def text(
        self,
        key: str,
        default: str | None = None,
        *,
        check: Callable[[str], str] | None = None,
    ) -> str:
        self.known.add(key)
        value = self.values.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            self.wrong(key, "a text in quotes")
            return default or ""
        complaint = check(value) if check and value != default else ""
        if complaint:
            self.wrong(key, complaint)
        return value

    def number(self, key: str, default: int | None, low: int, high: int) -> int:
        self.known.add(key)
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(key, f"a whole number from {low} to {high}")
            return low
        return value

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        self.known.add(key)
        value = self.values.get(key, default)
        if not isinstance(value, str) or value not in options:
            self.wrong(key, "one of " + ", ".join(f'"{option}"' for option in options))
            return ""
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        self.known.add(key)
        value = self.values.get(key, list(default) if default is not None else None)
        if (
            not isinstance(value, list)
            or not (value or default == ())
            or not all(isinstance(one, str) and one for one in value)
        ):
            self.wrong(key, 'a list of texts, like ["db1"]')
            return default or ()
        return tuple(value)

    def token(self, key: str) -> SecretRef:
        """A secret, or a command that writes it to its standard output."""
        value = self.values.get(key)
        argv = value.get("command") if isinstance(value, dict) and len(value) == 1 else None
        if argv is None:
            return self.secret(key)
        self.known.add(key)
        words = isinstance(argv, list) and all(isinstance(one, str) and one for one in argv)
        if words and argv and argv[0].startswith("/"):
            return SecretRef("command", shlex.join(argv))
        self.wrong(key, '{ command = ["/path/of/a/program", "{address}"] }')
        return SecretRef("command", "/bin/false")

    def secret(self, key: str, *, optional: bool = False) -> SecretRef:
        self.known.add(key)
        value = self.values.get(key)
        if value is None and optional:
            return SecretRef("", "")
        if isinstance(value, dict) and len(value) == 1:
            kind, target = next(iter(value.items()))
            if kind in ("file", "env") and isinstance(target, str) and target:
                reference = SecretRef(kind, target)
                try:
                    secret(reference)
                except SecretMissing as error:
                    self.mistakes.append(f"{self.where}.{key}: {error.message}")
                return reference
        shown = "it is missing" if value is None else "what stands there is not shown, it may be a secret"
        self.mistakes.append(
            f'{self.where}.{key}: expected {{ file = "/path" }} or {{ env = "NAME" }}; {shown}'
        )
        return SecretRef("env", "")

    def end(self) -> None:
        for key in self.values:
            if key not in self.known:
                near = difflib.get_close_matches(key, self.known, 1)
                hint = (
                    f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(self.known))}"
                )
                self.mistakes.append(f"{self.where}.{safe(key, 60)}: there is no such key{hint}")

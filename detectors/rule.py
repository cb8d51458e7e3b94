"""A taught rule: where a framework of some customer's own making keeps its login. Data, never code.

A rule names a file and, for each field, the place in it that holds the value. It is written as one [[rule]] table of
TOML, which a person can read, keep and carry to another incident.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

FIELDS = ("host", "port", "socket", "database", "user", "password", "prefix", "dsn", "url")
LITERAL_FIELDS = frozenset({"host", "port", "socket", "database", "prefix"})
PHP = (".php", ".inc", ".phtml", ".php3", ".php4", ".php5", ".php7", ".php8")
INI = (".ini", ".cnf", ".conf", ".cfg", ".ini.php")
YAML = (".yml", ".yaml")
MOST = 200
TABLES = 1000

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
STEP = re.compile(r"\[(?:'([^'\]]+)'|\"([^\"\]]+)\"|([^'\"\[\]]+))\]|->([A-Za-z_]\w*)", re.ASCII)
CALL = re.compile(r"(new |->|[A-Za-z_]\w*::)?([A-Za-z_]\w*)\(([1-9]\d?)\)", re.ASCII)
MEMBER = re.compile(r"[A-Za-z_]\w*::\$?[A-Za-z_]\w*", re.ASCII)
RULE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

Language = Literal["php", "ini", "env", "yaml", "json"]


class BadRule(ValueError):
    """A rule that cannot be used; the message says which part of it and what was expected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: `kind` is text (it is `name` itself), variable, returned, constant, argument (`path` is
    its number, from 0), member (`name` as PHP writes it, A::B or A::$b) or key (of a file that is not PHP)."""

    kind: str
    name: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`file` is relative to the site's folder, wherever that is; each field is "" or a place as a person writes it:
    $h, $cfg[db][user], $cfg->user, [db][user] (what the file returns), DB_USER, Config::USER, Config::$user,
    connect(2) (an argument, from 1), new Db(2), ->open(2), =localhost (the value itself); of ini, env, yaml and json
    files the key: section.key. `customers` are NAME or SERVER/NAME; () means all."""

    name: str
    file: str
    customers: tuple[str, ...] = ()
    host: str = ""
    port: str = ""
    socket: str = ""
    database: str = ""
    user: str = ""
    password: str = ""
    prefix: str = ""
    dsn: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def language(self) -> Language:
        """How the file is read, told by its name."""
        found = language_of(self.file)
        if found is None:
            raise BadRule(f"file: no rule reads {self.file}: PHP, ini, .env, YAML or JSON is expected")
        return found

    def places(self) -> Mapping[str, Place]:
        """Each field that is stated, with its place."""
        told = {name: str(getattr(self, name)) for name in FIELDS}
        return {name: place(value, self.language) for name, value in told.items() if value}

    def is_for(self, server: str, customer: str) -> bool:
        """Whether it is used for that customer."""
        return not self.customers or customer in self.customers or f"{server}/{customer}" in self.customers


def language_of(file: str) -> Language | None:
    """How a file of that name is read, None where no rule can."""
    name = file.rpartition("/")[2].lower()
    if name.endswith(INI):
        return "ini"
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        return "env"
    if name.endswith(YAML):
        return "yaml"
    if name.endswith(".json"):
        return "json"
    return "php" if name.endswith(PHP) else None


def place(value: str, language: Language) -> Place:
    """A place as a person writes it. Raises BadRule."""
    if len(value) > MOST:
        raise BadRule(f"a place of more than {MOST} characters")
    if value.startswith("="):
        return Place("text", value[1:])
    if language != "php":
        return Place("key", value, tuple(value.split(".")))
    if (name := NAME.match(value, 1)) and value.startswith("$"):
        return Place("variable", name.group(), _steps(value, name.end()))
    if value.startswith("["):
        return Place("returned", "", _steps(value, 0))
    if call := CALL.fullmatch(value):
        kind, name_, number = call.groups()
        begins = {"": "", "new ": "new "}.get(kind or "", "->")
        return Place("argument", f"{begins}{name_.lower()}", (str(int(number) - 1),))
    if MEMBER.fullmatch(value):
        return Place("member", value)
    if NAME.fullmatch(value):
        return Place("constant", value)
    raise BadRule(
        f"{value} is no place: expected $name, $name[key][key], [key], CONSTANT, Class::NAME, function(2),"
        " new Class(2), ->method(2) or =text"
    )


def _steps(value: str, start: int) -> tuple[str, ...]:
    found: list[str] = []
    while start < len(value):
        step = STEP.match(value, start)
        if step is None:
            raise BadRule(f"{value} is no place: after {value[:start]} [key] or ->name is expected")
        found.append(next(part for part in step.groups() if part is not None))
        start = step.end()
    return tuple(found)


def _check(rule: Rule) -> None:
    parts = rule.file.split("/")
    if not rule.file or any(part in ("", ".", "..") for part in parts) or "\0" in rule.file:
        raise BadRule(f"file: expected a path inside the site, like inc/db.php; found {rule.file!r}")
    if not RULE_NAME.fullmatch(rule.name):
        raise BadRule(f"name: expected a-z, 0-9 and - (at most 40 characters); found {rule.name!r}")
    places = rule.places()
    literal = sorted(
        name for name, one in places.items() if one.kind == "text" and name not in LITERAL_FIELDS
    )
    if literal:
        raise BadRule(f"{literal[0]}: expected a place in {rule.file}, never the value itself")
    if "url" not in places and not {"user", "password"} <= places.keys():
        raise BadRule("a rule says at least where user and password stand, or where a database URL does")
    if not {"database", "dsn", "url"} & places.keys():
        raise BadRule("a rule says where the database's name stands, or a DSN or URL that holds it")


def rules_text(rules: Iterable[Rule]) -> str:
    """Rules as TOML, to be read by rules_of() and by people."""
    return "\n".join(_table(one) for one in rules)


def _table(rule: Rule) -> str:
    lines = ["[[rule]]"]
    for name in (field.name for field in fields(rule)):
        value = getattr(rule, name)
        if value:
            told = json.dumps(list(value) if name == "customers" else value, ensure_ascii=True)
            lines.append(f"{name} = {told}")
    return "\n".join(lines) + "\n"


def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules that rules_text(), or a person, wrote. Raises BadRule with what is wrong."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadRule(f"is not TOML: {error}") from error
    tables = document.pop("rule", [])
    if document or not isinstance(tables, list) or not 0 < len(tables) <= TABLES:
        raise BadRule("expected [[rule]] tables and nothing else")
    return tuple(map(_rule, tables))


def _rule(table: object) -> Rule:
    if not isinstance(table, dict):
        raise BadRule("expected [[rule]] tables and nothing else")
    known = {field.name for field in fields(Rule)}
    if unknown := sorted(table.keys() - known):
        raise BadRule(f"{unknown[0]}: a rule has no such key; known are {', '.join(sorted(known))}")
    customers = table.pop("customers", [])
    if not isinstance(customers, list) or not all(isinstance(one, str) for one in customers):
        raise BadRule('customers: expected a list of texts, like ["alice"]')
    if odd := [name for name, value in table.items() if not isinstance(value, str)]:
        raise BadRule(f"{odd[0]}: expected a text in quotes")
    told = {key: str(value) for key, value in table.items()}
    return Rule(told.pop("name", ""), told.pop("file", ""), tuple(customers), **told)

"""Detectors for systems whose login is a handful of constants, variables or array entries of one PHP file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from detectors.claim import claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Finding, Status, text
from detectors.parsing import php
from detectors.parsing.dsn import from_pdo, from_url
from detectors.parsing.stated import Stated
from detectors.walk import join

SECRETS = ("database", "user", "password")


@dataclass(frozen=True, slots=True)
class PhpConfig:
    """Where a system keeps its login.

    `paths` are tried in order; `needs` must stand in the file for it to be this system's, `never` must not.
    `fields` says for each field where it is: "const NAME", "var name/entry/entry", "return entry/entry" or
    "class name/property/entry", several alternatives separated by " | ". The fields "url" and "pdo" hold all of
    a database URL, or a PDO DSN. `version` is (file, pattern with one group). With `backticks` the database's name
    may stand in SQL's quotes. `roots` are variables in which the application tells its config its own folder.
    `overrides` are files that the application reads after it, with `carried` as the config has left it: names, "*"
    for any, "./" for beside it; they are read in the order of their names. `returned`: what is carried is what it
    returns. `group` is a variable that chooses between entries: where
    "{}" stands in a field. `rivals` are files that the application may read in its place, by how it was started.
    """

    system: str
    paths: tuple[str, ...]
    needs: bytes
    fields: Mapping[str, str]
    never: bytes = b""
    version: tuple[tuple[str, bytes], ...] = ()
    backticks: bool = False
    roots: tuple[bytes, ...] = ()
    overrides: tuple[str, ...] = ()
    carried: bytes = b""
    returned: bool = False
    group: bytes = b""
    rivals: tuple[str, ...] = ()

    def detector(self, *core: str) -> Detector:
        """The detector for it; `core` are names of the application's own code."""
        return Detector(self.system, self.paths, self.detect, core=core)

    def detect(self, site: Site) -> Iterator[Finding]:
        """One finding if one of the paths is there and is this system's."""
        configs = (site.read(path) for path in self.paths)
        config = next((one for one in configs if one is not None and self._mine(one)), None)
        if config is None:
            return
        values = php.evaluate(
            site, config, dict.fromkeys(self.roots, php.root_of(site)) if self.roots else None
        )
        stated = self._overridden(site, values, read(values, self._chosen(values)))
        if rival := next((one for one in map(site.read, self.rivals) if one is not None), None):
            stated |= dict.fromkeys(SECRETS, doubtful(rival, "it may be read in place of the config"))
        database = stated.get("database")
        if self.backticks and database is not None and database.value is not None:
            stated["database"] = replace(database, value=database.value.strip(b"`"))
        known = any(one is not None for one in stated.values())
        if known or values.damage or values.exhausted:
            yield claim(site, (self.system, self._version(site)), config.name, stated, condition_of(values))

    def _chosen(self, values: php.Evaluated) -> Mapping[str, str]:
        if not self.group:
            return self.fields
        chosen = values.variable(self.group)
        name = "default" if chosen is None else text(chosen.value or b"?")
        return {field: where.replace("{}", name) for field, where in self.fields.items()}

    def _overridden(
        self, site: Site, values: php.Evaluated, stated: dict[str, Stated | None]
    ) -> dict[str, Stated | None]:
        """The fields as the files leave them that the application reads after its config."""
        fields = self.fields
        if self.returned:
            name = f"var {text(self.carried)}/"
            fields = {field: where.replace("return ", name) for field, where in fields.items()}
        before = values.left(b"" if self.returned else self.carried)
        for config in self._later(site, values.path):
            values = php.evaluate(site, config, {self.carried: before} if before is not None else {})
            before = values.left(self.carried)
            if values.damage or values.exhausted or values.opaque is not None or len(values.machines) > 1:
                why = Stated(
                    None, Status.AMBIGUOUS, config.name, None, "", "it may change what the config states"
                )
                return {**stated, "database": why, "user": why, "password": why}
            stated = {**stated, **{name: one for name, one in read(values, fields).items() if one}}
        return stated

    def _later(self, site: Site, first: str) -> Iterator[Config]:
        for path in self.overrides:
            folder, _, name = path.rpartition("/")
            if folder == ".":
                beside = join(first.encode("utf-8", "surrogateescape").rpartition(b"/")[0], name.encode())
                found = [site.read_real(beside)]
            elif "*" in name:
                names = [one for one in site.names(folder.encode()) if one.endswith(name[1:].encode())]
                found = [site.read(join(folder.encode(), one)) for one in names]
            else:
                found = [site.read(path)]
            yield from (one for one in found if one is not None)

    def _mine(self, config: Config) -> bool:
        if self.never and re.search(self.never, config.content):
            return False
        return re.search(self.needs, config.content) is not None

    def _version(self, site: Site) -> str:
        for path, pattern in self.version:
            config = site.read(path)
            found = None if config is None else re.search(pattern, config.content)
            if found:
                return text(found.group(1))
        return ""


def doubtful(config: Config, reason: str) -> Stated:
    """What a config says while another file may say otherwise."""
    return Stated(None, Status.AMBIGUOUS, config.name, None, "", reason)


def read(values: php.Evaluated, fields: Mapping[str, str]) -> dict[str, Stated | None]:
    """The stated fields that `fields` of a PhpConfig asks for."""
    stated = {name: _first(values, where) for name, where in fields.items()}
    url, pdo = stated.pop("url", None), stated.pop("pdo", None)
    if url is not None:
        stated = {**from_url(url), **{name: one for name, one in stated.items() if one is not None}}
    if pdo is not None:
        stated = {**from_pdo(pdo), **{name: one for name, one in stated.items() if one is not None}}
    return stated


def _first(values: php.Evaluated, places: str) -> Stated | None:
    for place in places.split(" | "):
        kind, _, path = place.partition(" ")
        names = [name.encode() for name in path.split("/")] if path else []
        keys: list[bytes | int] = [int(name) if name.isdigit() else name for name in names]
        found: Stated | None = None
        if kind == "const":
            found = values.constant(names[0])
        elif kind == "var":
            found = values.variable(names[0], *keys[1:])
        elif kind == "return":
            found = values.returned(*keys)
        elif kind == "class":
            found = values.member(names[0], names[1], *keys[2:])
        if found is not None:
            return found
    return None

"""python -m detectors TREE…: every install below the trees, and the database login its config claims.

Exit codes: 0 done, 1 a tree is no folder that can be read, or a dump is not, 2 bad use. Links not followed are told on
stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from detectors.dumps import fingerprint
from detectors.examine import Examination, examine
from detectors.finding import Finding, Found, Status
from detectors.linking import Claim, Dump, link
from detectors.local import LocalTree, chunks, dumps
from detectors.walk import Unreadable, join

COLUMNS = ("system", "path", "status", "host", "database", "user", "password", "config")


def _pair(value: str) -> tuple[str, str]:
    name, equals, rest = value.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {value!r}")
    return name, rest


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m detectors", description="Find web applications and their database logins."
    )
    parser.add_argument("trees", nargs="+", metavar="TREE", help="a customer's home or a docroot")
    parser.add_argument(
        "--domain", action="append", default=[], help="a domain the sites are served under, main one first"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=_pair,
        metavar="/home/ACCT=PATH",
        help="where an absolute folder of the lost server is now",
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="an environment variable the web server was known to pass",
    )
    parser.add_argument(
        "--dumps",
        metavar="DIR",
        help="a folder of dumps: which installs they hold, and which config is theirs",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--reveal", action="store_true", help="show passwords")
    return parser.parse_args(argv)


def _maps(tree: str, pairs: Sequence[tuple[str, str]]) -> Mapping[bytes, bytes]:
    """Maps relative to the tree; a PATH that is neither above nor below it says nothing about it."""
    here, found = os.path.realpath(tree), {}
    for lost, now in pairs:
        there = os.path.realpath(now)
        common = os.path.commonpath([here, there])
        if common == here:
            found[os.fsencode(lost)] = os.fsencode(os.path.relpath(there, here))
        elif common == there:
            found[os.fsencode(os.path.join(lost, os.path.relpath(here, there)))] = b""
    return found


def as_json(tree: str, finding: Finding, reveal: bool) -> dict[str, object]:
    """The object of one line; what could not be read is null."""
    evidence = [
        {"field": one.field, "file": one.path, "line": one.line, "how": one.how} for one in finding.evidence
    ]
    line: dict[str, object] = {
        "tree": tree,
        "path": finding.path,
        "system": finding.system,
        "version": finding.version,
        "config": None,
        "status": finding.status.value,
        "host": None,
        "port": None,
        "socket": None,
        "database": None,
        "user": None,
        "password": None,
        "prefix": None,
        "evidence": evidence,
        "unclear": [],
    }
    if not isinstance(finding, Found):
        return line | {
            "config": finding.evidence[0].path if finding.evidence else None,
            "unclear": [finding.reason],
        }
    unknown = {one.partition(":")[0] for one in finding.unclear}
    for name in ("host", "database", "user", "prefix"):
        line[name] = None if name in unknown else getattr(finding, name)
    if finding.password is not None:
        plain = finding.password.reveal().decode("utf-8", "surrogateescape")
        line["password"] = plain if reveal else str(finding.password)
    return line | {
        "config": finding.config,
        "port": finding.port,
        "socket": finding.socket,
        "unclear": list(finding.unclear),
    }


def _printable(value: object) -> str:
    """A tenant's text, harmless on a terminal."""
    told = "" if value is None else str(value)
    return "".join(char if char.isprintable() else f"\\x{ord(char) & 0xFF:02x}" for char in told)


def _table(lines: Sequence[Mapping[str, object]]) -> Iterator[str]:
    rows = [COLUMNS, *([_printable(line[name]) for name in COLUMNS] for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _reasons(line: Mapping[str, object]) -> Sequence[object]:
    unclear = line["unclear"]
    return unclear if isinstance(unclear, list) else ()


def _claim(tree: str, found: Found, domains: Sequence[str]) -> Claim:
    base = os.fsencode(found.path) if found.path != "." else b""
    extensions: list[str] = []
    for folder in (b"wp-content/plugins", b"wp-content/themes"):
        try:
            _, named = LocalTree(os.path.realpath(tree)).kinds(join(base, folder))
        except Unreadable:
            continue
        extensions.extend(os.fsdecode(name) for name, kind in named if kind == "folder")
    return Claim(
        tree, found.system, found.database, found.prefix, tuple(domains), found.version, tuple(extensions)
    )


def _read_dumps(folder: str, trees: Sequence[str]) -> Iterator[Dump | str]:
    """Each dump with what it told, or why it could not be read."""
    for path in dumps(folder):
        name = os.path.relpath(path, folder)
        inside = (
            tree for tree in trees if os.path.realpath(path).startswith(os.path.realpath(tree) + os.sep)
        )
        try:
            yield Dump(name, fingerprint(chunks(path)), next(inside, ""))
        except Unreadable as error:
            yield f"{name}: {error}"


def _dump_lines(dump: Dump) -> Iterator[dict[str, object]]:
    whole = {"tables": dump.facts.tables, "complete": dump.facts.complete, "limited": dump.facts.limited}
    if not dump.facts.installs:
        yield {"dump": dump.name, "databases": list(dump.facts.databases), "system": None, **whole}
    for install in dump.facts.installs:
        yield {
            "dump": dump.name,
            "database": install.database,
            "system": install.system,
            "version": install.version,
            "schema": install.schema,
            "prefix": install.prefix,
            "site": install.site,
            "multisite": install.multisite,
            "sites": list(install.sites),
            "evidence": list(install.marks),
            **whole,
        }


def _tell_dumps(options: argparse.Namespace, found: Sequence[tuple[str, Found]]) -> int:
    """Print the dumps and their links; returns how many could not be read."""
    troubles, known = 0, list[Dump]()
    for one in _read_dumps(options.dumps, options.trees):
        if isinstance(one, str):
            troubles += 1
            print(_printable(one), file=sys.stderr)
            continue
        known.append(one)
        for line in _dump_lines(one):
            told = [str(line[key] or "") for key in ("dump", "system", "prefix", "site") if key in line]
            print(json.dumps(line) if options.json else _printable("  ".join(told)))
    for tree, finding in found:
        for each in link(_claim(tree, finding, options.domain), known):
            if options.json:
                print(
                    json.dumps(
                        {
                            "tree": tree,
                            "path": finding.path,
                            "config": finding.config,
                            "dump": each.dump,
                            "database": each.database,
                            "prefix": each.prefix,
                            "strength": each.strength.name.lower(),
                            "decides": each.decides,
                            "rules": list(each.rules),
                        }
                    )
                )
            else:
                told = [f"{finding.config} <- {each.dump}", each.strength.name.lower(), *each.rules]
                print(_printable("; ".join(told)))
    return troubles


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was found; returns the exit code."""
    options = _arguments(argv)
    environment = {name: os.fsencode(value) for name, value in options.env}
    lines: list[dict[str, object]] = []
    claims: list[tuple[str, Found]] = []
    troubles = 0
    for tree in options.trees:
        if not os.path.isdir(tree):
            print(f"{_printable(tree)}: not a folder", file=sys.stderr)
            troubles += 1
            continue
        found: Examination = examine(
            LocalTree(os.path.realpath(tree)),
            domains=options.domain,
            maps=_maps(tree, options.map),
            environment=environment,
        )
        claims.extend(
            (tree, one)
            for one in found.findings
            if isinstance(one, Found) and one.status is not Status.BACKUP_COPY
        )
        for finding in found.findings:
            line = as_json(tree, finding, options.reveal)
            lines.append(line)
            if options.json:
                print(json.dumps(line))
        for refused in found.refused:
            troubles += refused.path == "."
            print(
                f"{_printable(tree)}/{_printable(refused.path)}: refused, {_printable(refused.reason)}",
                file=sys.stderr,
            )
    if not options.json:
        for row in _table(lines):
            print(row)
        for line in lines:
            for reason in _reasons(line):
                print(f"{_printable(line['path'])}: {_printable(reason)}")
    if options.dumps is not None:
        troubles += _tell_dumps(options, claims)
    return 1 if troubles else 0


def run() -> int:
    """main(), for a command whose output may be closed before its end."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(run())

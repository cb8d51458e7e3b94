"""Python settings modules: assignments of literals at the top level, read from the syntax tree, never run.

https://docs.python.org/3/library/ast.html
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact

MAX_BYTES = 64 << 10
ENVIRONMENT = (
    "os.environ.get",
    "os.getenv",
    "environ.get",
    "getenv",
    "config",
    "env",
    "env.str",
    "decouple.config",
)


CHANGES_ALL = frozenset({"exec", "eval", "globals", "locals", "vars", "include", "execfile", "setattr"})


class Settings:
    """What a settings module assigns. `later` is the last line of what may change all before it: a star import, exec().

    A name is read as it stood where it was used. One that anything but a plain assignment of the top level touches is
    doubtful, and so is what it may be another name of."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reason = ""
        self.names: dict[str, list[ast.expr]] = {}
        self.doubtful: dict[str, int] = {}
        self.later = 0
        self._mentions: dict[str, set[str]] = {}
        for node in self._body():
            self._note(node)
        self._spread()

    def _body(self) -> Sequence[ast.stmt]:
        if len(self.config.content) > MAX_BYTES or not self.config.whole:
            self.reason = "a settings module that is too large"
            return ()
        try:
            return ast.parse(self.config.content).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.reason = f"Python that cannot be read: {type(error).__name__}"
            return ()

    def _note(self, node: ast.stmt) -> None:
        inner = list(ast.walk(node))
        used = {one.id: one.lineno for one in inner if isinstance(one, ast.Name)}
        calls = {one.func.id for one in inner if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
        stars = [
            one for one in inner if isinstance(one, ast.ImportFrom) and any(a.name == "*" for a in one.names)
        ]
        if stars or calls & CHANGES_ALL:
            self.later = max([node.lineno, *(one.lineno for one in stars)])
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            plain = {target.id for target in targets if isinstance(target, ast.Name)}
            touched = {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
            touched |= {one.target.id for one in inner if isinstance(one, ast.NamedExpr)}
            for name in plain:
                self.names.setdefault(name, []).append(node.value)
                self._mentions.setdefault(name, set()).update(used.keys() - plain)
            self.doubtful |= dict.fromkeys(touched - plain, node.lineno)
            self.doubtful |= dict.fromkeys(_receivers(node.value), node.lineno)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.doubtful |= {alias.asname or alias.name.split(".")[0]: node.lineno for alias in node.names}
        else:
            self.doubtful |= used

    def _spread(self) -> None:
        """What a doubtful name was made of may have been changed through it."""
        waiting = list(self.doubtful)
        while waiting:
            name = waiting.pop()
            for other in self._mentions.get(name, ()):
                if other not in self.doubtful and other in self.names:
                    self.doubtful[other] = self.doubtful[name]
                    waiting.append(other)

    def node(self, name: str, *path: str) -> ast.expr | None:
        """The expression at a path of keys below a name; None where there is none."""
        found = self.names[name][-1] if name in self.names else None
        for key in path:
            found = None if found is None else self._entry(found, key)
        return found

    def at(self, name: str, *path: str) -> Stated | None:
        """The text at a path of keys below a name; None where there is none."""
        if self.reason:
            return Stated(None, Status.PARTIAL, self.config.name, None, "", self.reason)
        node = self.node(name, *path)
        return None if node is None else self.text(name, node)

    def text(self, name: str, node: ast.expr) -> Stated:
        """What an expression found below a name says."""
        if name in self.doubtful or self.later > node.lineno:
            line = self.doubtful.get(name) or self.later
            reason = f"line {line} may change it"
            return Stated(None, Status.AMBIGUOUS, self.config.name, node.lineno, "", reason)
        return self._text(node, 0)

    def _resolved(self, node: ast.expr) -> ast.expr:
        """What a name stood for where it is used; any other expression is itself."""
        if isinstance(node, ast.Name) and node.id not in self.doubtful:
            before = [one for one in self.names.get(node.id, ()) if one.lineno < node.lineno]
            return before[-1] if before else node
        return node

    def _entry(self, node: ast.expr, key: str, depth: int = 0) -> ast.expr | None:
        """The entry of a dict; an expression that cannot be read stands for itself."""
        node = self._resolved(node)
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            pairs += [(None, one) for one in node.args]
            pairs += [(ast.Constant(one.arg) if one.arg else None, one.value) for one in node.keywords]
        elif isinstance(node, ast.Dict):
            pairs += zip(node.keys, node.values, strict=True)
        else:
            return (
                node if depth < 20 and isinstance(node, (ast.Call, ast.BinOp, ast.Name, ast.IfExp)) else None
            )
        found: ast.expr | None = None
        for name, value in pairs:
            if name is None:
                found = self._entry(value, key, depth + 1) or found
            elif not isinstance(name, ast.Constant):
                found = name
            elif name.value == key:
                found = value
        return found

    def _text(self, node: ast.expr, depth: int) -> Stated:
        place, line = self.config.name, node.lineno
        if depth > 20:
            return Stated(None, Status.PARTIAL, place, line, "", "an expression that is nested too deeply")
        if isinstance(node, ast.Constant):
            return _constant(place, node)
        if isinstance(node, ast.Name) and (known := self._resolved(node)) is not node:
            return self._text(known, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._text(node.left, depth + 1), self._text(node.right, depth + 1)
            if left.value is None or right.value is None:
                return left if left.value is None else right
            return exact(left.value + right.value, place, line, "concatenation")
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ENVIRONMENT:
            default = next((one.value for one in node.keywords if one.arg == "default"), None)
            default = default or (node.args[1] if len(node.args) > 1 else None)
            stated = None if default is None else self._text(default, depth + 1)
            if stated is not None and stated.value is not None:
                return Stated(
                    stated.value, Status.FALLBACK, place, line, "default of an environment variable"
                )
            return Stated(None, Status.NEEDS_ENVIRONMENT, place, line, "", "an environment variable")
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
            return Stated(None, Status.NEEDS_ENVIRONMENT, place, line, "", "an environment variable")
        return Stated(None, Status.PARTIAL, place, line, "", "an expression that is not evaluated")


def _receivers(value: ast.expr) -> set[str]:
    """The names whose methods a value calls, or that it hands to something: they may be changed by that."""
    found: set[str] = set()
    for call in (one for one in ast.walk(value) if isinstance(one, ast.Call)):
        parts = [call.func.value, *call.args] if isinstance(call.func, ast.Attribute) else call.args
        found |= {name for part in parts if (name := _root(part))}
    return found


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _constant(path: str, node: ast.Constant) -> Stated:
    value = node.value
    if isinstance(value, str):
        return exact(value.encode("utf-8", "surrogatepass"), path, node.lineno)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return exact(b"%d" % value, path, node.lineno)
    if value is None:
        return exact(b"", path, node.lineno, "None")
    return Stated(None, Status.PARTIAL, path, node.lineno, "", "not a text")

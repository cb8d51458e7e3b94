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


class Settings:
    """What a settings module assigns. `later` is the line of a star import, which may change all before it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reason = ""
        self.names: dict[str, ast.expr] = {}
        self.doubtful: dict[str, int] = {}
        self.later = 0
        for node in self._body():
            self._note(node, False)

    def _body(self) -> Sequence[ast.stmt]:
        if len(self.config.content) > MAX_BYTES or not self.config.whole:
            self.reason = "a settings module that is too large"
            return ()
        try:
            return ast.parse(self.config.content).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.reason = f"Python that cannot be read: {type(error).__name__}"
            return ()

    def _note(self, node: ast.stmt, inner: bool) -> None:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            self.later = node.lineno
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                name = _root(target)
                if not inner and isinstance(target, ast.Name):
                    self.doubtful.pop(name, None)
                    self.names[name] = node.value
                elif name:
                    self.doubtful[name] = node.lineno
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            for child in ast.walk(node):
                if child is not node and isinstance(child, (ast.ImportFrom, ast.Assign, ast.AnnAssign)):
                    self._note(child, True)

    def at(self, name: str, *path: str) -> Stated | None:
        """The text at a path of keys below a name; None where there is none."""
        if self.reason:
            return Stated(None, Status.PARTIAL, self.config.name, None, "", self.reason)
        node = self.names.get(name)
        for key in path:
            node = self._resolved(node)
            node = _entry(node, key)
        if node is None:
            return None
        if name in self.doubtful or self.later > node.lineno:
            line = self.doubtful.get(name) or self.later
            reason = f"line {line} may change it"
            return Stated(None, Status.AMBIGUOUS, self.config.name, node.lineno, "", reason)
        return self._text(node, 0)

    def _resolved(self, node: ast.expr | None) -> ast.expr | None:
        if isinstance(node, ast.Name) and node.id not in self.doubtful:
            return self.names.get(node.id)
        return node

    def _text(self, node: ast.expr, depth: int) -> Stated:
        place, line = self.config.name, node.lineno
        if depth > 20:
            return Stated(None, Status.PARTIAL, place, line, "", "an expression that is nested too deeply")
        if isinstance(node, ast.Constant):
            return _constant(place, node)
        if isinstance(node, ast.Name) and node.id in self.names and node.id not in self.doubtful:
            return self._text(self.names[node.id], depth + 1)
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


def _root(target: ast.expr) -> str:
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _entry(node: ast.expr | None, key: str) -> ast.expr | None:
    found: ast.expr | None = None
    if isinstance(node, ast.Dict):
        for name, value in zip(node.keys, node.values, strict=True):
            if isinstance(name, ast.Constant) and name.value == key:
                found = value
    return found


def _constant(path: str, node: ast.Constant) -> Stated:
    value = node.value
    if isinstance(value, str):
        return exact(value.encode("utf-8", "surrogatepass"), path, node.lineno)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return exact(b"%d" % value, path, node.lineno)
    if value is None:
        return exact(b"", path, node.lineno, "None")
    return Stated(None, Status.PARTIAL, path, node.lineno, "", "not a text")

"""$_SERVER, $_ENV, $GLOBALS and getenv(): what the web server and the visitor pass to PHP."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import Machine
from detectors.parsing.php.text_functions import UNDECIDED
from detectors.parsing.php.values import Note, TreePath, Value, string

HOST_KEYS = frozenset((b"HTTP_HOST", b"SERVER_NAME"))
VISITOR = frozenset((b"_GET", b"_POST", b"_REQUEST", b"_COOKIE", b"_FILES", b"_SESSION", b"HTTP_GET_VARS"))
REQUEST_KEYS = (
    b"REQUEST_",
    b"HTTP_",
    b"HTTPS",
    b"REMOTE_",
    b"SERVER_",
    b"QUERY_",
    b"PHP_SELF",
    b"SCRIPT_",
    b"PATH_",
    b"argv",
    b"argc",
    b"GATEWAY_",
    b"CONTENT_",
    b"REDIRECT_",
    b"PHP_AUTH_",
    b"AUTH_",
    b"CONTEXT_",
    b"ORIG_",
)


def superglobal(machine: Machine, node: Node, name: bytes, key: Node | None) -> object:
    """The value of a superglobal, or of its entry; UNDECIDED where the name is no superglobal."""
    if name == b"GLOBALS":
        if key is None:
            return machine.unknown(node, "all global variables at once")
        wanted = string(machine.eval(key))
        if wanted is None:
            return machine.unknown(node, "a variable whose name is computed")
        slot = machine.state.scopes[0].get(wanted)
        if slot is None:
            return machine.state.opaque or machine.unknown(node, "a global variable that is not set", "unset")
        machine.notes |= slot.notes
        return slot.value
    if name in VISITOR:
        return machine.unknown(node, "what a visitor sends", "request")
    if name not in (b"_SERVER", b"_ENV", b"HTTP_SERVER_VARS"):
        return UNDECIDED
    if key is None:
        return machine.unknown(node, "the whole environment", "environment")
    wanted = string(machine.eval(key))
    if wanted is None:
        return machine.unknown(node, "an environment variable whose name is computed", "environment")
    return environment(machine, node, wanted, server=name != b"_ENV")


def environment(machine: Machine, node: Node, name: bytes, server: bool) -> Value:
    """One variable of the environment; `server`: asked through $_SERVER, which also holds the request."""
    known = machine.world.environment.get(name)
    if known is not None:
        machine.notes.add(Note("environment", f"environment variable {name.decode('latin-1')}"))
        return known
    if server and name in HOST_KEYS:
        machine.host_used = True
        if machine.world.host is None:
            return machine.unknown(node, "depends on the domain that is asked for", "host")
        machine.notes.add(Note("host", machine.world.host.decode("latin-1")))
        return machine.world.host
    if server and name == b"DOCUMENT_ROOT":
        return _document_root(machine, node)
    if server and name.startswith(REQUEST_KEYS):
        return machine.unknown(node, f"depends on the request ({name.decode('latin-1')})", "request")
    return machine.unknown(
        node, f"environment variable {name.decode('latin-1', 'replace')} is not known", "environment"
    )


def _document_root(machine: Machine, node: Node) -> Value:
    names = machine.world.cwd.split(b"/")
    for depth in range(len(names), 0, -1):
        if names[depth - 1] in (b"public_html", b"httpdocs", b"htdocs", b"html", b"www", b"web", b"docroot"):
            return _absolute(machine, b"/".join(names[:depth]))
    return machine.unknown(node, "the document root is not known", "request")


def _absolute(machine: Machine, path: bytes) -> Value:
    lost = machine.world.rooted.lost_name(path)
    return TreePath(b"/" + path) if lost is None else lost

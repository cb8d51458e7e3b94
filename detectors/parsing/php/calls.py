"""Calls by name: the site's own functions, PHP's computing ones, and what cannot be read."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.arguments import arguments_of, evaluate_all, odd_arguments
from detectors.parsing.php.functions import BY_REFERENCE, FUNCTIONS, OPAQUE
from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.routines import invoke
from detectors.parsing.php.specials import SPECIAL
from detectors.parsing.php.targets import forget_root
from detectors.parsing.php.text_functions import UNDECIDED
from detectors.parsing.php.values import Unknown, Value


def call(machine: Machine, node: Node) -> Value:
    """A call by name."""
    if (odd := odd_arguments(machine, node)) is not None:
        return odd
    function = node.child_by_field_name("function")
    if function is None or function.type not in ("name", "qualified_name"):
        why = machine.unknown(node, "a function whose name is computed is called")
        evaluate_all(machine, arguments_of(node))
        machine.becomes_opaque(why)
        return why
    name = machine.source.text(function).rpartition(b"\\")[2].lower()
    arguments = arguments_of(node)
    special = SPECIAL.get(name)
    if special is not None:
        return special(machine, node, arguments)
    routine = machine.functions.get(name)
    if routine is not None:
        given = [machine.noted(one) for one in arguments]
        if name in machine.world.watched:
            machine.record(name, arguments, given)
        return invoke(machine, node, routine, given, None, arguments)
    return _builtin(machine, node, name, arguments)


def _builtin(machine: Machine, node: Node, name: bytes, arguments: list[Node]) -> Value:
    outer, machine.notes = machine.notes, set()
    values = evaluate_all(machine, arguments)
    if name in RECORDED or name in machine.world.watched:
        machine.record(name, arguments, [(value, frozenset(machine.notes)) for value in values])
    if name in CONNECTS:
        machine.connect(name, node, arguments, [(value, frozenset(machine.notes)) for value in values])
    noted = machine.notes
    machine.notes = outer | noted
    values = [None if isinstance(one, Unknown) and one.kind == "unset" else one for one in values]
    function = FUNCTIONS.get(name)
    if function is not None:
        for value in values:
            if isinstance(value, Unknown):
                return value
        machine.step(sum(len(one) for one in values if isinstance(one, bytes)) // 256)
        result = function(values)
        if result is not UNDECIDED:
            if result is not False and result != 0 and any(note.kind == "host" for note in noted):
                machine.host_hits += 1
            return result  # type: ignore[return-value]
    readable = name.decode("latin-1")
    why = machine.unknown(node, f"{readable}() is not evaluated")
    if name in OPAQUE or (
        machine.state.opaque is not None and name not in FUNCTIONS and name not in HARMLESS
    ):
        machine.becomes_opaque(machine.unknown(node, f"{readable}() runs code that is not read"))
    elif name in BY_REFERENCE:
        for argument in arguments:
            forget_root(machine, argument, why)
    return next((one for one in values if isinstance(one, Unknown)), why)


RECORDED = frozenset((b"spip_connect_db",))


CONNECTS = frozenset(
    b"mysqli_connect mysqli_real_connect mysql_connect mysql_pconnect mysql_select_db mysqli_select_db "
    b"newadoconnection adonewconnection".split()
)


HARMLESS = frozenset(
    b"ini_set error_reporting header session_start session_name session_set_cookie_params "
    b"set_time_limit setlocale php_sapi_name date_default_timezone_set mb_internal_encoding umask "
    b"ignore_user_abort ob_start function_exists class_exists extension_loaded mysqli_connect "
    b"mysql_connect mysql_pconnect mysql_select_db mysqli_select_db mysqli_query mysql_query "
    b"mysqli_set_charset time date microtime phpversion version_compare get_magic_quotes_gpc "
    b"set_magic_quotes_runtime ini_get error_log trigger_error array_push die printf print_r var_dump "
    b"spl_autoload_register wfloadskin wfloadskins wfloadextension wfloadextensions".split()
)

EXPRESSIONS.update(
    {
        "function_call_expression": call,
    }
)

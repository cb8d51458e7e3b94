"""Where a site's own code opens its database connection, and with which arguments.

The file is evaluated as any config is; its functions and methods that hold such a call and were not called are then
entered with parameters that are not known. Nothing is executed.
https://www.php.net/manual/en/mysqli.construct.php, pdo.construct.php, function.mysql-connect.php,
https://adodb.org/, PEAR's MDB2, Zend_Db, Doctrine's DriverManager::getConnection(), Eloquent's Capsule::addConnection()
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from detectors.detector import Config, Site
from detectors.finding import text
from detectors.parsing.dsn import from_pdo, from_url
from detectors.parsing.php import Evaluated, evaluate, objects, stated
from detectors.parsing.php.machine import Connect, Exhausted, ExitReached, Machine
from detectors.parsing.php.routines import invoke
from detectors.parsing.php.state import Routine
from detectors.parsing.php.values import NO_NOTES, Array, Object, Unknown
from detectors.parsing.stated import Stated

OPENS = re.compile(
    rb"\b(?:mysqli_(?:real_)?connect|mysql_p?connect|NewADOConnection|ADONewConnection|addConnection|getConnection|"
    rb"new\s+\\?(?:mysqli|PDO|Medoo|MysqliDb|MeekroDB|ezSQL_\w{1,20}|Zend_Db_Adapter_\w{1,20}|DB\\SQL)|"
    rb"new\s+\\?(?:Medoo\\Medoo|Nette\\Database\\Connection|(?:Zend|Laminas)\\Db\\Adapter\\Adapter)|"
    rb"(?:EntityManager\s*::\s*create|Zend_Db\s*::\s*factory|MDB2\s*::\s*(?:factory|connect|singleton))|"
    rb"(?:->|::)\s*(?:real_connect|[PN]?Connect|setup|__construct))\s*\(",
    re.IGNORECASE,
)
URL = re.compile(rb"(?:mysqli?|mariadb|pdo_mysql)://", re.IGNORECASE)
ENTERED = 20
POSITIONS = ("host", "user", "password", "database", "port", "socket")
PLAIN = frozenset(
    b"mysqli_connect mysqli_real_connect new_mysqli ->real_connect ->connect ->pconnect ->nconnect new_mysqlidb "
    b"new_meekrodb".split()
)
KEYS: Mapping[str, tuple[bytes, ...]] = {
    "host": (b"host", b"hostname", b"server", b"hostspec", b"dbhost", b"db_host"),
    "database": (b"database", b"dbname", b"database_name", b"db", b"name", b"db_name"),
    "user": (b"username", b"user", b"dbuser", b"db_user", b"login"),
    "password": (b"password", b"pass", b"passwd", b"dbpass", b"db_pass"),
    "port": (b"port",),
    "socket": (b"unix_socket", b"socket"),
    "prefix": (b"prefix", b"table_prefix"),
    "driver": (b"driver", b"database_type", b"phptype", b"type"),
}
Fields = dict[str, Stated | None]


@dataclass(frozen=True, slots=True)
class Opening:
    """A call that opens a connection: its name, its place, and what its arguments state."""

    call: str
    path: str
    line: int
    fields: Fields


def openings(site: Site, config: Config) -> tuple[Opening, ...]:
    """The connections that a file, or what it includes, opens; the best known first where one call was met twice."""
    values = evaluate(site, config)
    found: dict[tuple[str, int], Opening] = {}
    for machine in values.machines[:1]:
        _enter_all(machine)
        chosen = _chosen(machine)
        for connect in machine.connects:
            fields = _fields(machine, connect)
            if fields is None:
                continue
            if fields.get("database") is None and chosen is not None:
                fields["database"] = chosen
            one = Opening(text(connect.name), connect.where.path, connect.where.line, fields)
            place = (one.path, one.line)
            if place not in found or _known(one) > _known(found[place]):
                found[place] = one
    return tuple(found.values())


def watched(site: Site, config: Config, names: frozenset[bytes]) -> Evaluated:
    """A file evaluated with the arguments of these calls kept; functions and methods that hold one and that nothing
    has called are entered."""
    values = evaluate(site, config, watched=names)
    words = b"|".join(re.escape(name.removeprefix(b"new ").removeprefix(b"->")) for name in sorted(names))
    for machine in values.machines:
        if not names <= machine.recorded.keys():
            _enter_all(machine, re.compile(rb"\b(?:" + words + rb")\s*\(", re.IGNORECASE))
    return values


def _known(one: Opening) -> int:
    return sum(
        (field := one.fields.get(name)) is not None and field.value is not None
        for name in ("database", "user", "password")
    )


def _enter_all(machine: Machine, holding_one: re.Pattern[bytes] = OPENS) -> None:
    """Enter the functions and methods with such a call that nothing has called."""
    machine.steps = max(machine.steps, 20_000)
    for routine in [*machine.functions.values()][:ENTERED]:
        if _holds(routine, holding_one):
            _enter(machine, routine, None)
    for kind, info in [*machine.classes.items()][:ENTERED]:
        holding = [one for one in info.methods.values() if _holds(one, holding_one)]
        if holding:
            thing = _made(machine, kind, holding[0].node)
            for routine in holding[:ENTERED]:
                _enter(machine, routine, thing)


def _holds(routine: Routine, call: re.Pattern[bytes]) -> bool:
    return call.search(routine.source.text(routine.node)) is not None


def _made(machine: Machine, kind: bytes, node: Node) -> Object | None:
    try:
        made = objects.instance(machine, node, kind, [], [])
    except (Exhausted, ExitReached):
        return None
    return made if isinstance(made, Object) else None


def _enter(machine: Machine, routine: Routine, thing: Object | None) -> None:
    parameters = routine.node.child_by_field_name("parameters")
    why = Unknown("a parameter", machine.where(routine.node))
    given = []
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type == "comment" or parameter.child_by_field_name("default_value") is not None:
            break
        given.append((why, NO_NOTES))
    try:
        invoke(machine, routine.node, routine, list(given), thing, [])
    except (Exhausted, ExitReached):
        return


def _chosen(machine: Machine) -> Stated | None:
    """The database that a separate call selects, where all such calls agree."""
    slots = []
    for connect in machine.connects:
        position = {b"mysql_select_db": 0, b"mysqli_select_db": 1, b"->select_db": 0}.get(connect.name)
        if position is not None and len(connect.arguments) > position:
            slots.append(connect.arguments[position])
    told = [stated(slot, machine) for slot in slots]
    return told[0] if told and len({one.value for one in told}) == 1 else None


def _fields(machine: Machine, connect: Connect) -> Fields | None:
    """What the arguments state, None where the call is of another kind after all."""
    name, slots = connect.name.replace(b" ", b"_"), list(connect.arguments)
    if name.endswith(b"select_db") or not slots:
        return None
    first = slots[0]
    if isinstance(first.value, Array):
        return _of_array(machine, first.value)
    if name == b"->factory" and len(slots) > 1 and isinstance(slots[1].value, Array):
        return _of_array(machine, slots[1].value)
    if name == b"mysqli_real_connect":
        slots = slots[1:]
    told = [stated(slot, machine) for slot in slots]
    if not told:
        return None
    if URL.match(told[0].value or b""):
        return from_url(told[0])
    if (told[0].value or b"").lower().startswith(b"mysql:") or name in (b"new_pdo", b"->setup"):
        return {**from_pdo(told[0]), **dict(zip(("user", "password"), told[1:3], strict=False))}
    if name.startswith(b"new_ezsql"):
        return dict(zip(("user", "password", "database", "host"), told, strict=False))
    if name in (b"mysql_connect", b"mysql_pconnect"):
        return dict(zip(POSITIONS, told[:3], strict=False))
    if name in PLAIN and (len(told) >= 3 or name.startswith(b"mysqli")):
        return dict(zip(POSITIONS, told, strict=False))
    if name == b"->__construct" and len(told) >= 4:
        return dict(zip(POSITIONS, told, strict=False))
    return None


def _of_array(machine: Machine, array: Array) -> Fields | None:
    lowered = {key.lower(): slot for key, slot in array.items.items() if isinstance(key, bytes)}
    fields: Fields = {}
    for field, keys in KEYS.items():
        slot = next((lowered[key] for key in keys if key in lowered), None)
        if slot is not None:
            fields[field] = stated(slot, machine)
    url = lowered.get(b"url")
    if url is not None:
        return from_url(stated(url, machine))
    return fields if {"user", "password"} <= fields.keys() else None

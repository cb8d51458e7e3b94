"""YAML configs as nodes, never as objects: PyYAML composes them, and a scalar keeps its text and line.

https://yaml.org/spec/1.1/ and https://pyyaml.org/wiki/PyYAMLDocumentation
"""

from __future__ import annotations

import re

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact

MAX_BYTES = 64 << 10
ENVIRONMENT = re.compile(r"<%|%env\(|\$\{|%[\w.]+%")


def compose(config: Config) -> Node | str | None:
    """The root node; a str says why there is none that can be read."""
    if len(config.content) > MAX_BYTES or not config.whole:
        return "a YAML file that is too large"
    try:
        return yaml.compose(config.content, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        return f"YAML that cannot be read: {str(error).splitlines()[0]}"[:200]
    except RecursionError:
        return "YAML that is nested too deeply"


def _child(node: Node, key: str) -> Node | None:
    merged: Node | None = None
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if isinstance(name, ScalarNode) and name.value == key:
                return value  # type: ignore[no-any-return]
            if isinstance(name, ScalarNode) and name.value == "<<" and value is not node:
                merged = merged or next(
                    (
                        inner
                        for field, inner in _pairs(value)
                        if isinstance(field, ScalarNode) and field.value == key
                    ),
                    None,
                )
    return merged


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(node.value) if isinstance(node, MappingNode) else []


def at(config: Config, *path: str) -> Stated | None:
    """The scalar at a path of keys, `<<` merges included; None where there is none."""
    node = compose(config)
    if isinstance(node, str):
        return Stated(None, Status.PARTIAL, config.name, None, "", node)
    for key in path:
        node = None if node is None else _child(node, key)
    return None if node is None else _scalar(config, node)


def _scalar(config: Config, node: Node) -> Stated:
    line = node.start_mark.line + 1
    if not isinstance(node, ScalarNode):
        return Stated(None, Status.PARTIAL, config.name, line, "", "not a text")
    value = str(node.value)
    if ENVIRONMENT.search(value):
        return Stated(
            None, Status.NEEDS_ENVIRONMENT, config.name, line, "", "a value put in from the environment"
        )
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return exact(b"", config.name, line, "null")
    if kind != "str" and not re.fullmatch(r"[1-9]\d{0,17}|0", value):
        return Stated(None, Status.PARTIAL, config.name, line, "", f"a {kind} where a text was expected")
    return exact(value.encode("utf-8", "surrogatepass"), config.name, line)

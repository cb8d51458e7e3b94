"""A PHP file parsed by tree-sitter, with its bytes kept as they are.

The parser sees a copy of equal length in which every byte above 127 is a letter (PHP takes them for letters
too), so that Latin-1 cannot upset it, and lone CRs are line ends, as for PHP. Texts are cut from the original.
"""

from __future__ import annotations

import re

import tree_sitter
import tree_sitter_php
from tree_sitter import Node

LANGUAGE = tree_sitter.Language(tree_sitter_php.language_php())
PARSER = tree_sitter.Parser(LANGUAGE)
LETTERS = bytes(ord("z") if byte > 127 or byte == 0 else byte for byte in range(256))
LONE_CR = re.compile(rb"\r(?!\n)")


class Source:
    """One parsed file. `path` as text relative to the examined root, `folder` its folder as bytes.

    `damage` is the line of the first thing PHP would not accept, 0 if there is none; `cut` says that the end of
    the file is missing (a tail of NULs, as a crash leaves it, or more bytes than the limit)."""

    __slots__ = ("code", "cut", "damage", "folder", "path", "root")

    def __init__(self, path: str, folder: bytes, code: bytes, cut: bool = False) -> None:
        stripped = code.rstrip(b"\0")
        self.path = path
        self.folder = folder
        self.code = stripped
        self.cut = cut or len(stripped) < len(code)
        copy = stripped.translate(LETTERS)
        if b"\r" in copy:
            copy = LONE_CR.sub(b"\n", copy)
        self.root = PARSER.parse(copy).root_node
        self.damage = self._damage()

    def _damage(self) -> int:
        if b"\0" in self.code:
            return self.code[: self.code.index(b"\0")].count(b"\n") + 1
        return first_error(self.root) if self.root.has_error else 0

    def text(self, node: Node) -> bytes:
        """The bytes a node stands for, as found."""
        return self.code[node.start_byte : node.end_byte]


def first_error(node: Node) -> int:
    """The line of the first error in a tree that has one."""
    while True:
        if node.is_error or node.is_missing:
            return node.start_point[0] + 1
        for child in node.children:
            if child.has_error or child.is_missing or child.is_error:
                node = child
                break
        else:
            return node.start_point[0] + 1


def named(node: Node) -> list[Node]:
    """A node's named children without comments."""
    return [child for child in node.named_children if child.type != "comment"]

"""A seeded generator of PHP programs, and PHP itself to say what they leave behind."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

VARIABLES = ("a", "b", "c", "d", "e")
HOST = b"www.example.com"
DRIVER = r"""<?php
error_reporting(0); ini_set('display_errors', '0');
$_SERVER['HTTP_HOST'] = 'www.example.com'; $_SERVER['SERVER_NAME'] = 'www.example.com';
function told($v) {
  if (is_string($v)) return ['s', base64_encode($v)];
  if (is_int($v)) return ['i', (string) $v];
  if (is_bool($v)) return ['b', $v];
  if (is_null($v)) return ['n'];
  if (is_float($v)) return ['f'];
  if (is_array($v)) { $r = []; foreach ($v as $k => $w) $r[] = [told($k), told($w)]; return ['a', $r]; }
  if (is_object($v)) { $r = []; foreach ($v as $k => $w) $r[] = [told($k), told($w)]; return ['o', $r]; }
  return ['?'];
}
$__dir = $argv[1];
for ($__i = (int) $argv[2]; file_exists("$__dir/$__i.php"); $__i++) {
  unset($a, $b, $c, $d, $e);
  ob_start(); $__bad = false;
  try { include "$__dir/$__i.php"; } catch (\Throwable $__t) { $__bad = true; }
  ob_end_clean();
  $__r = ['bad' => $__bad, 'vars' => [], 'consts' => []];
  foreach (['a', 'b', 'c', 'd', 'e'] as $__n) if (isset($$__n)) $__r['vars'][$__n] = told($$__n);
  for ($__j = 0; $__j < 4; $__j++) if (defined("K{$__i}_$__j")) $__r['consts'][$__j] = told(constant("K{$__i}_$__j"));
  echo json_encode($__r), "\n";
}
"""


def run_php(programs: Sequence[bytes], folder: Path) -> Iterator[Mapping[str, object]]:
    """What each program leaves behind, according to php-cli, isolated: no ini file, an empty folder, no network use."""
    for number, program in enumerate(programs):
        (folder / f"{number}.php").write_bytes(program)
    driver = folder / "driver.php"
    driver.write_text(DRIVER)
    start = 0
    while start < len(programs):
        command = [
            "php",
            "-n",
            "-d",
            "memory_limit=256M",
            "-d",
            "allow_url_fopen=0",
            str(driver),
            str(folder),
            str(start),
        ]
        done = subprocess.run(
            command, capture_output=True, check=False, cwd=folder, env={"PATH": "/usr/bin:/bin"}
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(b'{"bad"')]
        yield from (json.loads(line) for line in lines)
        start += len(lines)
        if start < len(programs):  # PHP refuses some programs as a whole, and its process with them
            yield {"bad": True}
            start += 1


def decoded(told: Sequence[object]) -> object:
    """A value as php told it: str -> bytes, arrays as tuples of pairs."""
    kind = told[0]
    if kind == "s":
        return base64.b64decode(str(told[1]))
    if kind == "i":
        return int(str(told[1]))
    if kind == "b":
        return bool(told[1])
    if kind in ("a", "o"):
        pairs = told[1]
        assert isinstance(pairs, list)
        return (kind, tuple((decoded(key), decoded(value)) for key, value in pairs))
    return None if kind == "n" else (kind,)


class Programs:
    """Random programs of the constructs that configs are made of."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def pick(self, *choices: object) -> bytes:
        chosen = self.random.choice(choices)
        made = chosen() if callable(chosen) else chosen
        assert isinstance(made, bytes)
        return made

    def bytes_of(self, alphabet: bytes, most: int) -> bytes:
        return bytes(self.random.choice(alphabet) for _ in range(self.random.randint(0, most)))

    def single(self) -> bytes:
        nasty = b"ab0 '\\\"${}[]->\n\r\t;?#/*<>=)(\xc3\xa9\xff\x80%@"
        raw = self.bytes_of(nasty, 12)
        return b"'" + raw.replace(b"\\", self.pick(b"\\\\", b"\\\\", b"\\\\")).replace(b"'", b"\\'") + b"'"

    def raw_single(self) -> bytes:
        pieces = [
            self.pick(b"a", b"\\n", b"\\\\", b"\\'", b"$x", b"\\x41", b"{$a}", b"\xe9", b"\r\n", b"?>")
            for _ in range(self.random.randint(0, 6))
        ]
        return b"'" + b"".join(pieces) + b"'"

    def piece(self) -> bytes:
        return self.pick(
            b"a",
            b"z9",
            b" ",
            b"\\n",
            b"\\t",
            b"\\\\",
            b"\\$",
            b'\\"',
            b"\\x41",
            b"\\x4",
            b"\\x",
            b"\\8",
            b"\\101",
            b"\\7",
            b"\\777",
            b"\\u{e9}",
            b"\\u{1F600}",
            b"\\e",
            b"\\q",
            b"'",
            b"#",
            b"//",
            b"/*",
            b"$",
            b"$ ",
            b"$1",
            b"{",
            b"}",
            b"{ $",
            b"\xe9",
            b"\xc3\xa9",
            b"$a",
            b"$b",
            b"{$a}",
            b"${a}",
            b"$c[0]",
            b"$c[x]",
            b"$c[-1]",
            b"$c[$b]",
            b"{$c['x']}",
            b'{$c["x"]}',
            b"$a->p",
            b"$d->p",
            b"{$d->p}",
            b"$a[",
            b"\n",
            b"\r\n",
            b"\r",
            b"?>",
            b"<?php",
            b";",
            b"->",
            b"[0]",
            b"%s",
            b"${c['x']}",
            b"$zz",
            b"\\{$a}",
            b"$c[0][1]",
            b"$d->p->q",
        )

    def double(self) -> bytes:
        return b'"' + b"".join(self.piece() for _ in range(self.random.randint(0, 6))) + b'"'

    def heredoc(self) -> bytes:
        body = b"".join(self.piece() for _ in range(self.random.randint(0, 6)))
        indent = self.pick(b"", b"", b"  ", b"\t")
        end = self.pick(b"\n", b"\n", b"\r\n")
        lines = end.join(indent + line for line in body.split(b"\n"))
        label = self.pick(b"EOT", b"'EOT'", b'"EOT"', b"'EOT'")
        return b"<<<" + label + end + (lines + end if self.random.random() < 0.9 else b"") + indent + b"EOT"

    def number_(self) -> bytes:
        return self.pick(
            b"0",
            b"1",
            b"7",
            b"-3",
            b"0x1F",
            b"0b101",
            b"017",
            b"1_000",
            b"3306",
            b"0o17",
            b"9223372036854775807",
        )

    def atom(self) -> bytes:
        return self.pick(
            self.single,
            self.single,
            self.raw_single,
            self.double,
            self.double,
            self.heredoc,
            self.number_,
            b"true",
            b"FALSE",
            b"null",
            b"$a",
            b"$b",
            b"$c",
            b"$d",
            b"$e",
            self.constant,
            b"$_SERVER['HTTP_HOST']",
            b"PHP_EOL",
            b"DIRECTORY_SEPARATOR",
            b"__LINE__",
        )

    def constant(self) -> bytes:
        return b"K%d_%d" % (self.number, self.random.randint(0, 3))

    def array(self, depth: int) -> bytes:
        items = []
        for _ in range(self.random.randint(0, 4)):
            value = self.expression(depth - 1)
            key = self.pick(b"'x'", b"0", b"'5'", b"'05'", b"-4", b"true", b"null", b"'y'", b'"$b"', b"1")
            items.append(value if self.random.random() < 0.5 else key + b" => " + value)
        body = b", ".join(items)
        return self.pick(
            b"[" + body + b"]", b"array(" + body + b")", b"array( /* c */ " + body + b" // x ?\n)"
        )

    def call(self, depth: int) -> bytes:
        one = self.expression(depth - 1)
        two = self.expression(depth - 1)
        return self.pick(
            b"trim(%b)" % one,
            b"base64_decode(%b)" % self.pick(b"'c2VjcmV0'", b"'YWI='", b"'a-b'", one),
            b"strrev(%b)" % one,
            b"str_rot13(%b)" % one,
            b"strtolower(%b)" % one,
            b"strtoupper(%b)" % one,
            b"substr(%b, %b)" % (one, self.pick(b"0", b"1", b"-2", b"3")),
            b"substr(%b, %b, %b)"
            % (one, self.pick(b"0", b"1", b"-2"), self.pick(b"1", b"-1", b"2", b"null")),
            b"strlen(%b)" % one,
            b"md5(%b)" % one,
            b"str_replace('a', 'bb', %b)" % one,
            b"str_replace(['a', 'z'], ['z', 'q'], %b)" % one,
            b"implode('-', %b)" % self.array(1),
            b"explode('a', %b)" % one,
            b"in_array(%b, %b)" % (one, self.array(1)),
            b"in_array(%b, %b, true)" % (one, self.array(1)),
            b"strpos(%b, %b)" % (one, two),
            b"stripos(%b, 'A')" % one,
            b"sprintf('%%s-%%s', %b, %b)" % (one, two),
            b"chr(65 + 1)",
            b"ord(%b)" % one,
            b"hex2bin('6162')",
            b"bin2hex(%b)" % one,
            b"urldecode('a%20b+c%zz')",
            b"rawurldecode('a%2fb+c')",
            b"isset($c['x'])",
            b"isset($zz)",
            b"empty(%b)" % self.pick(b"$a", b"$zz", b"$c['x']"),
            b"count(%b)" % self.array(1),
            b"defined('%b')" % self.constant(),
            b"dirname(%b)" % self.pick(b"'/a/b/c'", b"'a'", b"'/'", b"'/a/'", b"'a/b/'", one),
            b"basename(%b)" % self.pick(b"'/a/b.php'", one),
            b"intval(%b)" % self.pick(b"'12'", b"' 12x'", one),
            b"is_string(%b)" % one,
            b"strstr(%b, 'a')" % one,
            b"addslashes(%b)" % one,
            b"str_repeat('ab', 3)",
            b"preg_match('/^a[bc]+$/', %b)" % one,
            b"preg_match('~www\\.~i', %b)" % one,
            b"array_merge(%b, %b)" % (self.array(1), self.array(1)),
            b"strtr(%b, 'abz', 'xyq')" % one,
            b"parse_url('mysql://u:p%40w@h.example:3307/db?x=1')",
            b"parse_url('mysql://u:p@localhost/db', PHP_URL_PASS)",
            b"array_key_exists('x', %b)" % self.array(1),
            b"str_contains(%b, 'a')" % one,
            b"strcmp(%b, %b)" % (one, one),
            b"ltrim(%b, 'a0')" % one,
            b"rtrim(%b, '/')" % one,
            b"strrchr(%b, 'a')" % one,
            b"htmlspecialchars(%b)" % one,
        )

    def expression(self, depth: int = 2) -> bytes:
        if depth <= 0 or self.random.random() < 0.25:
            return self.atom()
        one, two = self.expression(depth - 1), self.expression(depth - 1)
        operator = self.pick(
            b".",
            b".",
            b".",
            b".",
            b"==",
            b"===",
            b"!=",
            b"!==",
            b"&&",
            b"||",
            b"??",
            b"+",
            b"-",
            b"*",
            b"%",
            b"<",
            b">=",
            b"?:",
            b"<=>",
            b"and",
            b"xor",
            b"|",
        )
        return self.pick(
            b"(" + one + b" " + operator + b" " + two + b")",
            b"(" + one + b" " + operator + b" " + two + b")",
            lambda: self.array(depth),
            lambda: self.call(depth),
            lambda: self.call(depth),
            b"(" + one + b" ? " + two + b" : " + self.atom() + b")",
            b"!" + one,
            b"$c[" + one + b"]",
            b"$c['x']['y']",
            b"(string) " + one,
            b"(int) " + one,
            b"(bool) " + one,
            b"@" + one,
            one + b"\n . /* x */ " + two,
            b"-7 + 3 * 2",
            b"$d->p",
            b"match(" + one + b") { 'a', 1 => 'm', default => " + two + b" }",
        )

    def target(self) -> bytes:
        return self.pick(
            b"$a",
            b"$b",
            b"$c",
            b"$e",
            b"$a",
            b"$b",
            b"$c['x']",
            b"$c[]",
            b"$c['x']['y']",
            b"$c[$b]",
            b"$GLOBALS['a']",
            b"$d->p",
            b"$d->q['x']",
            b"${'b'}",
            b"$e['k'][]",
        )

    def statement(self, depth: int = 2) -> bytes:
        simple: list[object] = [
            lambda: self.target() + b" = " + self.expression() + b";",
            lambda: self.target() + b" = " + self.expression() + b";",
            lambda: b"define('" + self.constant() + b"', " + self.expression() + b");",
            lambda: (
                b"defined('"
                + self.constant()
                + b"') or define('"
                + self.constant()
                + b"', "
                + self.expression()
                + b");"
            ),
            lambda: (
                b"if (!defined('"
                + self.constant()
                + b"')) define('"
                + self.constant()
                + b"', "
                + self.expression()
                + b");"
            ),
            lambda: self.pick(b"$a", b"$b", b"$c['x']") + b" .= " + self.expression() + b";",
            lambda: self.pick(b"$a", b"$e", b"$c['x']") + b" ??= " + self.expression() + b";",
            lambda: b"const " + self.constant() + b" = " + self.pick(self.single, self.number_) + b";",
            lambda: b"list($a, $b) = " + self.array(1) + b";",
            lambda: b"['x' => $a, 'y' => $e] = " + self.array(1) + b";",
            lambda: b"[, $b] = " + self.array(1) + b";",
            b"unset($a);",
            b"unset($c['x']);",
            b"$d = new stdClass;",
            b"$a = &$b;",
            b"// x ?\n",
            b"/* $a = 1; */",
            b"# a = 'b';\r\n",
            b"?>\n<b>text</b>\n<?php ",
            b"$b++;",
            b"#[Attr]\n",
            b"extract(['a' => 'ex', 'b' => 2]);",
            lambda: b"$a = (object) ['p' => " + self.expression(1) + b"];",
        ]
        if depth <= 0:
            return self.pick(*simple)
        inner = b" ".join(self.statement(depth - 1) for _ in range(self.random.randint(0, 2)))
        other = b" ".join(self.statement(depth - 1) for _ in range(self.random.randint(0, 2)))
        condition = self.expression(1)
        number = self.random.randint(0, 10**9)
        compound = [
            b"if (" + condition + b") { " + inner + b" } else { " + other + b" }",
            b"if ("
            + condition
            + b"): "
            + inner
            + b" elseif ("
            + self.expression(1)
            + b"): "
            + other
            + b" else: $a = 1; endif;",
            b"if ("
            + condition
            + b") { "
            + inner
            + b" } elseif ($_SERVER['HTTP_HOST'] == 'www.example.com') { "
            + other
            + b" }",
            b"if ("
            + condition
            + b") { "
            + inner
            + b" } else if ("
            + self.expression(1)
            + b") { "
            + other
            + b" } else { $b = 2; }",
            b"switch ("
            + condition
            + b") { case 'a': case "
            + self.atom()
            + b": "
            + inner
            + b" break; default: "
            + other
            + b" }",
            b"foreach (" + self.array(1) + b" as $k => $v) { " + inner + b" $c[$k] = $v; }",
            b"function f%d($x, $y = 'dy') { %b return $x . $y; } $a = f%d(%b);"
            % (
                number,
                self.pick(
                    b"global $b; $b = $x;", b"$GLOBALS['e'] = 1;", b"$a = 5;", b"if ($x) { return 'early'; }"
                ),
                number,
                self.atom(),
            ),
            b"class C%d { const Q = 'cq'; public $p = %b; static $s = 'st'; "
            b"function __construct($z = 1) { $this->q = $z; } } $d = new C%d(%b); $e = C%d::Q . C%d::$s;"
            % (number, self.pick(self.single, self.number_), number, self.atom(), number, number),
            b"for ($i = 0; $i < 3; $i++) { $c[] = $i; }",
            b"while (false) { " + inner + b" }",
            b"try { " + inner + b" } finally { $e = 1; }",
            b"{ " + inner + b" }",
            b"foreach (['x', 'y'] as $w) { if ($w == 'y') break; " + inner + b" }",
        ]
        return self.pick(*simple, *compound, *compound)

    def program(self, number: int) -> bytes:
        self.number = number
        start = self.pick(
            b"<?php\n",
            b"<?php ",
            b"\xef\xbb\xbf<?php\n",
            b"<html>\n<?php\r\n",
            b"<?\n" if False else b"<?php\n",
        )
        end = self.pick(b"\n", b"", b"\r", b"\r\n", b" ")
        first = [
            b"$a = 'A';",
            b"$b = 'x';",
            b"$c = ['x' => ['y' => 'deep'], 0 => 'zero', -1 => 'neg'];",
            b"$d = new stdClass; $d->p = 'prop';",
        ]
        return (
            start
            + (end or b" ").join(first + [self.statement() for _ in range(self.random.randint(1, 6))])
            + self.pick(b"", b"\n?>", b"\n?>\n\n")
        )

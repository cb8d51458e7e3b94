"""Corners of PHP that a config may turn on: whatever is taken for known is what php-cli computes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from detectors.detector import Config, Site
from detectors.parsing import php
from detectors.walk import Rooted
from tests.detectors.memory import MemoryTree

SNIPPETS = (Path(__file__).parent / "php_snippets.txt").read_text().split("\n%%\n")
SHOWN = (
    "<?php register_shutdown_function(function () { echo \"\\x01R=\", (string) ($GLOBALS['r'] ?? ''); });\n"
)


def ours(code: bytes) -> bytes | None:
    site = Site(Rooted(MemoryTree({b"c.php": code}), b""), b"")
    found = php.evaluate(site, Config(b"c.php", code)).variable(b"r")
    return None if found is None else found.value


@pytest.mark.long
@pytest.mark.skipif(shutil.which("php") is None, reason="needs php-cli")
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_has_no_value_that_php_does_not_compute(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "c.php").write_text("<?php\n" + snippet + "\n")
    (tmp_path / "before.php").write_text(SHOWN)

    command = ["php", "-n", "-d", "display_errors=0", "-d", f"auto_prepend_file={tmp_path}/before.php"]
    told = subprocess.run([*command, str(tmp_path / "c.php")], check=False, capture_output=True).stdout
    real = told.rpartition(b"\x01R=")[2]

    found = ours(("<?php\n" + snippet + "\n").encode())
    assert found is None or found == real


@pytest.mark.parametrize(
    ("snippet", "value"),
    [
        ("class A{public static $p='d'; static function i(){self::$p='s';}} A::i(); $r=A::$p;", b"s"),
        (
            "class A{public $p='a'; function __construct(){$this->p='A';}}"
            "class B extends A{function __construct(){parent::__construct(); $this->p.='B';}} $r=(new B)->p;",
            b"AB",
        ),
        ("class A{public function __construct(public string $p='1'){}} $r=(new A)->p;", b"1"),
        (
            "$r='x'; try{throw new Exception('e');$r='y';}catch(Exception $e){$r='z';}finally{$r.='f';}",
            b"zf",
        ),
        ("class A{const X='a'; function g(){return self::X;}} $r=(new A)->g();", b"a"),
        ('$r=json_decode(\'{"a":{"1":"c"}}\',true)["a"][1];', b"c"),
    ],
)
def test_classes_exceptions_and_json_are_followed(snippet: str, value: bytes) -> None:
    assert ours(("<?php " + snippet).encode()) == value


@pytest.mark.parametrize(
    "snippet",
    [
        "trait T{public $pw='t';} class A{use T; function g(){return $this->pw ?? 'd';}} $r=(new A)->g();",
        "class A{public function __get($n){return 'm';}} $a=new A; $r=$a->pw ?? 'd';",
        "class A{public $d=[]; public function __set($n,$v){$this->d[$n]='s'.$v;}} $a=new A; $a->pw='x'; $r=$a->pw;",
        "function g($a,$b='d'){return $a.$b;} $r=g(b:'2',a:'1');",
        "function g($a,$b='d'){return $a.$b;} $r=g(...['1','2']);",
        "class A{private $p='a'; function g(){return $this->p;}} class B extends A{private $p='b';} $r=(new B)->g();",
        "class A{static $p='d'; static function i(){static::$p='s';}} class B extends A{} B::i(); $r=A::$p;",
    ],
)
def test_what_is_not_followed_is_not_known(snippet: str) -> None:
    assert ours(("<?php " + snippet).encode()) is None

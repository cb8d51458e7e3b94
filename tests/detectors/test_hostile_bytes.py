"""No bytes whatever make a detector raise or run away."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.examine import examine
from detectors.finding import Found, Status
from detectors.registry import DETECTORS
from tests.detectors.fixture_sites import Case, cases
from tests.detectors.memory import MemoryTree

PATHS = [path.replace("../", "").replace("*", "x").encode() for one in DETECTORS for path in one.paths]
PIECES = [
    b"<?php ",
    b"define('DB_NAME', ",
    b"class JConfig { public $host = ",
    b"$databases['default']['default'] = ",
    b"$db_url = 'mysql://",
    b"'",
    b'"',
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b";",
    b"<<<A\n",
    b"A;",
    b"\\",
    b"$",
    b"$$x",
    b"include 'a.php';",
    b"include __FILE__;",
    b"if (",
    b"else",
    b"?>",
    b"while(1){",
    b"for(;;){}",
    b"foreach ($a as &$b) {",
    b"function f() { return f(); } f();",
    b"eval('eval(1);');",
    b"goto a;",
    b"\0",
    b"\xff",
    b"=>",
    b"extract($_GET);",
    b"$GLOBALS['x'][] = &$y;",
    b"new JConfig(",
    b"::$x",
    b"->y",
    b"`id`",
    b"__halt_compiler();",
    b"die;",
    b"/*",
    b"#",
    b"?: ",
    b"??= ",
    b"..",
]
hostile = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))


@settings(max_examples=250, deadline=None)
@given(st.lists(hostile, min_size=3, max_size=3))
def test_no_bytes_make_a_detector_raise(contents: list[bytes]) -> None:
    files: dict[bytes, bytes | str] = {path: contents[index % 3] for index, path in enumerate(PATHS)}
    files |= {
        b"wp-settings.php": b"",
        b"defines.php": contents[0],
        b"a.php": contents[1],
        b".htaccess": contents[2],
    }
    examine(MemoryTree(files), domains=("example.com",))


@pytest.mark.parametrize(
    "code",
    [
        b"(" * 20_000,
        b"[" * 50_000,
        b"$x=" + b"'a'." * 20_000 + b"'b';",
        b"if($a){" * 5_000,
        b"$x=" + b"!" * 20_000 + b"1;",
        b"'\"$a{" * 20_000,
        b"$x=" + b"1?2:(" * 10_000,
        b"$a" + b"[0]" * 20_000 + b"=1;",
        b"$a=$b" + b"->c" * 20_000 + b";",
        b"if(1){}" + b"else if($z){$q=1;}" * 2_000,
        b"$a='x';" + b"$a.=$a;" * 60,
        b"while(true){$i++;}",
        b"function f($n){return f($n).f($n);}f(1);",
        b"include __FILE__;" * 50,
        b"$a=[];" + b"$a[]=1;" * 8_000,
        b"if($u){$a=1;}" * 4_000,
        b"switch($u){" + b"case 1:$a=2;" * 1_000 + b"}",
        b"eval('eval(\"$x\");');" * 500,
    ],
    ids=range(18),
)
def test_code_made_to_exhaust_ends_without_a_claim(code: bytes) -> None:
    config = b"<?php " + code + b"\ndefine('DB_NAME',$a); define('DB_USER','u'); define('DB_PASSWORD','p');"
    found = examine(
        MemoryTree({b"wp-config.php": config, b"wp-settings.php": b""}), domains=("example.com",)
    ).findings

    assert all(not isinstance(one, Found) or one.status is not Status.EXACT for one in found)


# A .env or INI line that is cut looks like a shorter one; languages with brackets show that they were cut.
BRACKETED = [
    case
    for case in cases()
    if not list((case.folder / "files").rglob("*.env*")) and "matomo" not in case.name
]


@pytest.mark.parametrize("case", BRACKETED[::4], ids=lambda case: case.name)
def test_a_damaged_config_never_yields_another_login(case: Case) -> None:
    """Cut anywhere, what is still exact is what was there; a login that a later line replaces counts as there."""
    chance = random.Random(case.name)
    files = {
        str(path.relative_to(case.folder / "files")).encode(): path.read_bytes()
        for path in sorted((case.folder / "files").rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    right = {str(one.get("password", "")) for one in case.findings}
    for _ in range(12):
        damaged: dict[bytes, bytes | str] = {
            name: content[: chance.randint(0, len(content))] for name, content in files.items()
        }
        for one in examine(MemoryTree(damaged), domains=("example.com",)).findings:
            if isinstance(one, Found) and one.status is Status.EXACT and one.password is not None and right:
                assert one.password.reveal().decode("utf-8", "replace") in right | {
                    "first",
                    "dev",
                    "old",
                    "s3cret",
                    "",
                }

"""What MySQL 8 writes is said in MariaDB's words and told, or left out and listed: nothing changes unseen."""

from __future__ import annotations

import pytest

from restore.systems.dump_mysql8 import for_mariadb

VERSION = 101119
TABLE = b"""CREATE TABLE `t` (
  `id` int NOT NULL AUTO_INCREMENT,
%s
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4%s"""


def put(part: bytes, options: bytes = b"", version: int = VERSION) -> tuple[bytes, list[str], list[str]]:
    """What becomes of a part and of options: the text, the notes, what was left out."""
    told = for_mariadb(TABLE % (part + b",", options), version)
    return told.text, told.notes, [f"{head}: {why}" for _, head, why in told.left_out]


@pytest.mark.parametrize(
    ("part", "wanted", "note"),
    [
        (b"  KEY `k` (`a`) /*!80000 INVISIBLE */", b"  KEY `k` (`a`) IGNORED", "ignored"),
        (b"  KEY `k` (`a`) VISIBLE", b"  KEY `k` (`a`)", ""),
        (
            b"  `c` int DEFAULT '1' /*!80023 INVISIBLE */",
            b"  `c` int DEFAULT '1' INVISIBLE",
            "invisible here too",
        ),
        (
            b"  `c` int DEFAULT NULL /*!80023 INVISIBLE */ COMMENT 'a VISIBLE, it''s'",
            b"  `c` int DEFAULT NULL INVISIBLE COMMENT 'a VISIBLE, it''s'",
            "invisible here too",
        ),
        (b"  `c` int NOT NULL /*!80023 INVISIBLE */", b"  `c` int NOT NULL", "visible: it has no default"),
        (b"  `g` geomcollection DEFAULT NULL", b"  `g` geometrycollection DEFAULT NULL", ""),
        (
            b"  `g` point NOT NULL /*!80003 SRID 4326 */",
            b"  `g` point NOT NULL /*!80003 SRID 4326 */",
            "SRID 4326",
        ),
        (b"  `j` json DEFAULT NULL", b"  `j` json DEFAULT NULL", "JSON column j"),
    ],
)
def test_a_part_that_mariadb_can_say_is_said_and_told(part: bytes, wanted: bytes, note: str) -> None:
    text, notes, left_out = put(part)

    assert wanted + b",\n" in text
    assert left_out == []
    assert not note or any(note in one for one in notes)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (b"  KEY `f` ((lower(`a`)))", "table t: KEY f: a key over an expression"),
        (b"  KEY `f` (`b`,(cast(`j` as char(9) array)))", "table t: KEY f: a key over an expression"),
        (b"  UNIQUE KEY `f` ((`a` + 1))", "doubles are not refused any more"),
        (
            b"  CONSTRAINT `c` CHECK ((`a` > 0)) /*!80016 NOT ENFORCED */",
            "table t: CHECK c: a check that was not",
        ),
        (b"  CONSTRAINT `c` CHECK (regexp_like(`a`,_utf8mb4'x'))", "a function that MariaDB does not know"),
    ],
)
def test_a_part_that_mariadb_cannot_say_is_left_out_and_listed_with_its_place(part: bytes, why: str) -> None:
    made = TABLE % (part + b",", b"")
    told = for_mariadb(made, VERSION)

    assert part not in told.text
    ((place, head, reason),) = told.left_out
    assert why in f"{head}: {reason}"
    assert made[place:].startswith(part)
    assert told.text.count(b",\n") == 1


def test_a_default_by_a_function_of_mysqls_is_left_out_and_the_column_stays() -> None:
    text, _, left_out = put(b"  `u` binary(16) NOT NULL DEFAULT (uuid_to_bin(uuid(),1))")

    assert b"  `u` binary(16) NOT NULL,\n" in text
    assert left_out == [
        "table t: DEFAULT of u: a default by a function that MariaDB does not know: new rows must"
        " state a value"
    ]
    assert b"DEFAULT (uuid())" in put(b"  `u` char(36) NOT NULL DEFAULT (uuid())")[0]


def test_options_that_only_mysql_knows_go_with_a_note() -> None:
    text, notes, _ = put(b"  `a` int", b" ENCRYPTION='Y' SECONDARY_ENGINE=RAPID COMMENT=' ENCRYPTION=''N'''")

    assert text.endswith(b"CHARSET=utf8mb4 COMMENT=' ENCRYPTION=''N'''")
    assert [note.partition(": ")[2][:20] for note in notes] == [
        "it was encrypted; he",
        "MySQL's SECONDARY_EN",
    ]


def test_an_old_mariadb_gets_old_words() -> None:
    key, mb3 = (
        b"  KEY `k` (`a`) /*!80000 INVISIBLE */",
        b"  `a` varchar(9) COLLATE utf8mb3_bin COMMENT 'utf8mb3'",
    )

    assert b"IGNORED" not in put(key, version=100500)[0]
    assert b"COLLATE utf8_bin COMMENT 'utf8mb3'" in put(mb3, version=100500)[0]
    assert mb3 in put(mb3)[0]


def test_what_is_no_table_of_mysqls_stays_byte_for_byte() -> None:
    for text in (
        b"INSERT INTO `t` VALUES ('((VISIBLE')",
        b"CREATE TABLE t (a int)",
        TABLE % (b"  `a` int,", b""),
    ):
        assert for_mariadb(text, VERSION).text is text

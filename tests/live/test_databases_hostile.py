"""Dumps by attackers, loaded on a real MariaDB with every door open: afterwards nothing else is what it was not.

The server has local_infile, event_scheduler and file privileges on, so that only our own fences hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import DatabaseRefused, DumpDamaged, DumpRefused, LoadDiffers
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import AccountName, Loaded, Move
from restore.systems.dump_salvage import SalvagedDump
from restore.systems.mysql import MysqlServer
from restore.systems.mysql_connection import Connection
from tests.systems.dumps import POSTS, Again, dump

STAGING = "br_stage_hostile"

# MYSQL.md of the design: what a dump may try. One statement each; {v} is another customer's database.
STATEMENTS = [
    "SET PASSWORD = PASSWORD('owned')",
    "SET PASSWORD FOR CURRENT_USER() = PASSWORD('owned')",
    "SET @a = 1, PASSWORD = PASSWORD('owned')",
    "SET STATEMENT max_statement_time=0 FOR SET PASSWORD = PASSWORD('owned')",
    "ALTER USER CURRENT_USER() IDENTIFIED BY 'owned'",
    "CREATE USER 'intruder'@'%' IDENTIFIED BY 'owned'",
    "CREATE ROLE intruders",
    "GRANT ALL ON *.* TO CURRENT_USER()",
    "GRANT ALL ON `{v}`.* TO 'intruder'@'%' IDENTIFIED BY 'x'",
    "DROP USER 'bystander'@'localhost'",
    "RENAME USER 'bystander'@'localhost' TO 'intruder'@'%'",
    "SET GLOBAL general_log = 1",
    "SET @@GLOBAL.max_connections = 1",
    "SET sql_log_bin = 0",
    "SET SESSION sql_log_off = 1",
    "SET @@GLOBAL.GTID_PURGED = '+3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5'",
    "INSTALL SONAME 'ha_connect'",
    "INSTALL PLUGIN x SONAME 'x.so'",
    "CREATE FUNCTION sys_exec RETURNS INTEGER SONAME 'lib_mysqludf_sys.so'",
    "CREATE AGGREGATE FUNCTION f RETURNS STRING SONAME 'x.so'",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE posts",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE posts",
    "SELECT * FROM posts INTO OUTFILE '/tmp/br_stolen'",
    "SELECT LOAD_FILE('/etc/passwd')",
    "INSERT INTO posts VALUES (9, LOAD_FILE('/etc/passwd'), '2026-01-01')",
    "INSERT INTO posts SELECT 9, note, '2026-01-01' FROM `{v}`.secret",
    "INSERT INTO posts VALUES (9, (SELECT note FROM `{v}`.secret LIMIT 1), '2026-01-01')",
    "INSERT INTO posts VALUES (9, SLEEP(600), '2026-01-01')",
    "INSERT INTO posts VALUES (9, 'x', '2026-01-01') ON DUPLICATE KEY UPDATE title = SLEEP(600)",
    "INSERT INTO `{v}`.secret VALUES (9, 'owned')",
    "INSERT INTO {v}.secret VALUES (9, 'owned')",
    "REPLACE INTO `{v}`.secret VALUES (1, 'owned')",
    "UPDATE `{v}`.secret SET note = 'owned'",
    "DELETE FROM `{v}`.secret",
    "TRUNCATE TABLE `{v}`.secret",
    "DROP TABLE IF EXISTS `{v}`.secret",
    "DROP TABLE `{v}`.secret",
    "DROP DATABASE `{v}`",
    "DROP DATABASE br_stage_hostile",
    "DROP SCHEMA IF EXISTS `{v}`",
    "ALTER TABLE `{v}`.secret ADD owned INT",
    "ALTER TABLE posts RENAME TO `{v}`.posts",
    "RENAME TABLE posts TO `{v}`.posts",
    "USE `{v}`",
    "USE {v}",
    "CREATE TABLE a LIKE `{v}`.secret",
    "CREATE TABLE a (LIKE `{v}`.secret)",
    "CREATE TABLE a AS SELECT * FROM `{v}`.secret",
    "CREATE TABLE a (i INT) SELECT * FROM `{v}`.secret",
    "CREATE TABLE `{v}`.owned (i INT)",
    "CREATE TABLE a (i INT, FOREIGN KEY (i) REFERENCES `{v}`.secret (id)) ENGINE=InnoDB",
    "CREATE TABLE a (i INT) ENGINE=InnoDB DATA DIRECTORY='/tmp/br_stolen'",
    "CREATE TABLE a (i INT) ENGINE=MyISAM INDEX DIRECTORY='/tmp/br_stolen'",
    "CREATE TABLE a (i INT) PARTITION BY HASH (i) (PARTITION p DATA DIRECTORY = '/tmp/br_stolen')",
    "CREATE TABLE a (i INT) ENGINE=FEDERATED CONNECTION='mysql://root@127.0.0.1/{v}/secret'",
    "CREATE TABLE a (i INT) ENGINE = 'FEDERATED' CONNECTION 'mysql://root@127.0.0.1/{v}/secret'",
    "CREATE TABLE a (i INT) ENGINE=CONNECT TABLE_TYPE=CSV FILE_NAME='/etc/passwd'",
    "CREATE TABLE a (i INT) ENGINE=MERGE UNION=(`{v}`.`secret`)",
    "CREATE TABLE a (i INT) ENGINE=SPIDER",
    "CREATE TABLE a (i INT) TABLESPACE t",
    "CREATE TABLE a (i INT DEFAULT (SLEEP(600)))",
    "CREATE TABLE a (v TEXT AS (LOAD_FILE('/etc/passwd')) VIRTUAL)",
    "CREATE TEMPORARY TABLE a (i INT)",
    "CREATE OR REPLACE TABLE posts (i INT)",
    "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
    "CREATE SEQUENCE s",
    "CREATE INDEX i ON `{v}`.secret (note)",
    "SELECT GET_LOCK('x', 600)",
    "DO SLEEP(600)",
    "DO GET_LOCK('x', 600)",
    "XA START 'x'",
    "FLUSH TABLES WITH READ LOCK",
    "FLUSH PRIVILEGES",
    "LOCK TABLES `{v}`.secret WRITE",
    "HANDLER `{v}`.secret OPEN",
    "PREPARE s FROM 'DROP DATABASE {v}'",
    "EXECUTE IMMEDIATE 'DROP DATABASE {v}'",
    "CALL mysql.AddGeometryColumn('', '{v}', 'secret', 'g', 1)",
    "BEGIN NOT ATOMIC DROP DATABASE {v}; END",
    "ANALYZE UPDATE `{v}`.secret SET note = 'owned'",
    "EXPLAIN UPDATE `{v}`.secret SET note = 'owned'",
    "BINLOG 'x'",
    "SHUTDOWN",
    "KILL 1",
    "CHANGE MASTER TO MASTER_HOST = '127.0.0.1'",
    "RESET MASTER",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
    "SET sql_mode = 'ORACLE'",
    "SET NAMES gbk",
    "SET NAMES sjis",
    "SET character_set_client = big5",
    "SET time_zone = 'x\\', GLOBAL general_log = 1'",
    "SET ROLE intruders",
    "SET DEFAULT ROLE intruders",
    "GRANT intruders TO CURRENT_USER()",
    "ALTER TABLE posts DISCARD TABLESPACE",
    "ALTER TABLE posts ADD owned INT DEFAULT (SLEEP(600))",
    "CREATE TABLE a (i INT) ENGINE=InnoDB ENCRYPTION='N' DATA DIRECTORY='/tmp/br_stolen'",
    "CREATE TABLE a (i INT) TYPE=FEDERATED CONNECTION='mysql://root@127.0.0.1/{v}/secret'",
    "CREATE TABLE a (i INT) TYPE=MERGE UNION=(`{v}`.`secret`)",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DROP DATABASE {v}",
    "CREATE DEFINER=`root`@`localhost` EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM `{v}`.secret",
    "CREATE DEFINER=`root`@`localhost` TRIGGER t BEFORE INSERT ON posts FOR EACH ROW DELETE FROM `{v}`.secret",
    "CREATE DEFINER=`root`@`localhost` VIEW w AS SELECT * FROM `{v}`.secret",
    "CREATE DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW w AS SELECT * FROM mysql.global_priv",
    "CREATE DEFINER=`root`@`localhost` PROCEDURE p() DROP DATABASE {v}",
    "CREATE DEFINER=`root`@`localhost` PROCEDURE `{v}`.p() SELECT 1",
    "ALTER EVENT e ENABLE",
]
WRAPPINGS = {
    "plain": "{};",
    "version": "/*!50003 {} */;",
    "maria": "/*M! {} */;",
    "bare-version": "/*! {} */;",
    "delimiter": "DELIMITER ;;\n{} ;;\nDELIMITER ;",
    "comments": "/* x */ -- y\n{};",
    "case": "{lower};",
}
# Whole texts that play with the reader itself.
TEXTS = [
    "\\! touch /tmp/br_stolen\n",
    "system touch /tmp/br_stolen\n",
    "source /etc/passwd\n",
    "\\. /etc/passwd\n",
    "tee /tmp/br_stolen\n",
    "DELIMITER ;\nDELIMITER '\nSELECT 1'\n",
    "CREATE PROCEDURE p() SELECT '\n-- Current Database: `victim`\nUSE `victim`;\nDROP DATABASE victim;\n';\n",
    "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN\nDELIMITER ;\nUSE victim;\nDROP DATABASE victim; END;;\nDELIMITER ;\n",
    "INSERT INTO posts VALUES (9,'\\\\'),(10,'; DROP DATABASE victim; --','2026-01-01');\n",
    "/*!50003 SELECT 1 */; /*!50003 SET @x = 1; DROP DATABASE victim */;\n",
    "/*!99999 ' */; DROP DATABASE victim; -- ' */\n",
    "/*M!999999 ' */ DROP DATABASE victim; -- ';\n",
    "SELECT 1 /*! INTO OUTFILE '/tmp/br_stolen' */;\n",
    "INSERT INTO posts VALUES (9,'a','2026-01-01') /*! ON DUPLICATE KEY UPDATE title=SLEEP(600) */;\n",
    "CREATE TABLE a (i INT) /*! DATA DIRECTORY='/tmp/br_stolen' */;\n",
    "CREATE TABLE a (i INT) ENGINE=/* */FEDERATED CONNECTION=/* */'mysql://root@127.0.0.1/victim/secret';\n",
    "CREATE/**/TABLE/**/victim/**/./**/owned/**/(i INT);\n",
    "SET/**/GLOBAL/**/general_log=1;\n",
    "SET @x = 0x44524f50, @@SESSION.sql_mode = CONCAT('ANSI', '_QUOTES');\n",
    "CREATE DATABASE `other`; USE `other`; CREATE TABLE a (i INT);\n",
    "SET NAMES 'gbk' COLLATE 'gbk_bin';\n",
    "SET @a = 'gbk'; SET character_set_client = @a;\n",
]


class Doors:
    """A server with two bystanders: the database `victim` and the account 'bystander'@'localhost'."""

    def __init__(self, private: PrivateMariadb) -> None:
        self.private = private
        target = DatabaseTarget(
            "db1", private.admin_user, SecretRef("env", "unused"), socket=str(private.socket)
        )
        self.server = MysqlServer(target, Secret(private.admin_password.encode()))
        private.sql(
            "CREATE DATABASE victim; CREATE TABLE victim.secret (id INT PRIMARY KEY, note TEXT) ENGINE=MyISAM;"
            "INSERT INTO victim.secret VALUES (1, 'the victim''s'); CREATE USER bystander@localhost IDENTIFIED BY 'x';"
            "GRANT ALL ON victim.* TO bystander@localhost"
        )

    def state(self) -> dict[str, object]:
        """Everything that no dump may change."""
        ask = self.private.sql
        hidden = "'innodb_buffer_pool_dump_now','timestamp','rand_seed1','gtid_binlog_state'"
        return {
            "variables": ask(
                "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES"
                f" WHERE VARIABLE_NAME NOT IN ({hidden}) ORDER BY 1"
            ),
            "accounts": ask("SELECT Host, User, Priv FROM mysql.global_priv ORDER BY 1, 2"),
            "grants": ask("SELECT * FROM mysql.db ORDER BY 1, 2, 3"),
            "databases": ask("SHOW DATABASES"),
            "victim": ask(
                "CHECKSUM TABLE victim.secret; SHOW CREATE TABLE victim.secret; SHOW TABLES FROM victim"
            ),
            "objects": ask(
                "SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA"
                " NOT IN ('sys', 'mysql'); SELECT EVENT_NAME FROM information_schema.EVENTS"
            ),
            "servers": ask(
                "SELECT * FROM mysql.servers; SELECT * FROM mysql.func; SELECT * FROM mysql.plugin"
            ),
            "files": sorted(str(path) for path in (self.private.folder / "data").glob("*") if path.is_dir()),
            "stolen": Path("/tmp/br_stolen").exists(),
        }

    def load(self, text: str) -> Loaded | Exception:
        """What became of a dump with that text in its middle."""
        data = dump(b"USE `mine`;\n", POSTS, text.encode(), b"\n")
        try:
            return self.server.load(STAGING, Again(data))
        except (DumpRefused, DumpDamaged, DatabaseRefused, LoadDiffers) as error:
            return error


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    settings = {"local-infile": "1", "event-scheduler": "ON"}
    with PrivateMariadb(settings=settings) as private:
        made = Doors(private)
        yield made
        made.server.close()


def wrapped(statement: str, wrapping: str) -> str:
    text = statement.replace("{v}", "victim")
    return WRAPPINGS[wrapping].replace("{lower}", text.lower()).replace("{}", text)


def attack(doors: Doors, texts: list[tuple[str, str]]) -> None:
    """Load each (statement, dump text): refused or cut out, or the load stopped, and all else as it was."""
    before = doors.state()
    for statement, text in texts:
        outcome = doors.load(text)
        kept = isinstance(outcome, Loaded) and (outcome.refused or outcome.objects)
        assert isinstance(outcome, Exception) or kept or statement.startswith("LOCK TABLES"), text
        if isinstance(outcome, Loaded):
            assert [(one.name, one.rows) for one in outcome.tables] == [("posts", 3)], text
    doors.server.drop_staging(STAGING)
    assert doors.state() == before


def test_hostile_statements_change_nothing_but_their_staging(doors: Doors) -> None:
    attack(doors, [(one, wrapped(one, "plain")) for one in STATEMENTS])


def test_hostile_statements_in_disguise_change_nothing_but_their_staging(doors: Doors) -> None:
    disguises = [name for name in WRAPPINGS if name != "plain"]
    attack(
        doors,
        [(one, wrapped(one, disguises[number % len(disguises)])) for number, one in enumerate(STATEMENTS)],
    )


def test_what_can_be_read_of_a_hostile_dump_that_is_cut_changes_nothing(doors: Doors) -> None:
    before = doors.state()
    for number, statement in enumerate(STATEMENTS[::9]):
        text = wrapped(statement, list(WRAPPINGS)[number % len(WRAPPINGS)])
        data = dump(POSTS, text.encode(), b"\n")
        mended = SalvagedDump(lambda data=data: iter((data[:-70],)))  # type: ignore[misc]
        try:
            loaded = doors.server.load(STAGING, mended)
        except (DumpRefused, DumpDamaged, DatabaseRefused, LoadDiffers):
            continue
        assert [(one.name, one.rows) for one in loaded.tables] == [("posts", 3)], text
        assert mended.found.rows == 3, text
    doors.server.drop_staging(STAGING)

    assert doors.state() == before


@pytest.mark.long
@pytest.mark.parametrize("wrapping", [name for name in WRAPPINGS if name != "plain"])
def test_every_hostile_statement_in_every_disguise_changes_nothing(doors: Doors, wrapping: str) -> None:
    attack(doors, [(one, wrapped(one, wrapping)) for one in STATEMENTS])


def test_texts_that_play_with_the_reader_change_nothing(doors: Doors) -> None:
    before = doors.state()
    for text in TEXTS:
        outcome = doors.load(text)
        if isinstance(outcome, Loaded):
            assert [(one.name, one.rows) for one in outcome.tables] == [("posts", 3)], text
    doors.server.drop_staging(STAGING)

    assert doors.state() == before


def test_refused_statements_are_listed_with_their_place_and_without_their_secrets(doors: Doors) -> None:
    attack = "SET PASSWORD = PASSWORD('s3cret');\nGRANT ALL ON *.* TO a@b IDENTIFIED BY 's3cret';\n"
    outcome = doors.load(attack)

    assert isinstance(outcome, Loaded)
    data = dump(b"USE `mine`;\n", POSTS, attack.encode(), b"\n")
    assert [one.offset for one in outcome.refused] == [data.index(b"SET PASSWORD"), data.index(b"GRANT")]
    assert all("s3cret" not in one.head for one in outcome.refused)
    doors.server.drop_staging(STAGING)


def test_hostile_objects_get_no_more_than_their_owners_rights(doors: Doors) -> None:
    owner = AccountName("mine", "localhost")
    doors.private.sql("CREATE USER mine@localhost IDENTIFIED BY 'x'; GRANT ALL ON mine.* TO mine@localhost")
    before = doors.state()
    refused = []
    for statement in STATEMENTS[-10:]:
        outcome = doors.load(statement.replace("{v}", "victim") + ";")
        if isinstance(outcome, Exception) or not outcome.objects:
            continue
        move = Move(STAGING, "mine", "br_kept_x", outcome.tables, outcome.charset, outcome.collation)
        doors.server.switch(move)
        try:
            doors.server.create_objects("mine", outcome.objects, owner)
        except DatabaseRefused as error:
            refused.append(error)
        definers = doors.private.sql(
            "SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'mine'"
            " UNION SELECT DEFINER FROM information_schema.EVENTS UNION SELECT DEFINER FROM"
            " information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'mine'"
        ).split()
        assert set(definers) <= {"mine@localhost"}
        with pytest.raises(Exception, match=r"denied|does not exist"):
            doors.private.sql("CALL mine.p()")
        doors.private.sql("DROP DATABASE mine")

    doors.server.drop_staging(STAGING)
    assert len(refused) == 2
    assert doors.state() == before


def test_a_connection_never_runs_two_statements_nor_gives_a_file(doors: Doors) -> None:
    connection = Connection(doors.server._target, doors.server._login)
    with pytest.raises(DatabaseRefused):
        connection.run(b"SELECT 1; SELECT 2")
    connection.run(b"CREATE DATABASE br_stage_files")
    connection.run(b"CREATE TABLE br_stage_files.t (a TEXT)")
    with pytest.raises(Exception, match=r"LOCAL|local|not|refused"):
        connection.run(b"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE br_stage_files.t")
    connection.close()
    doors.server.drop_staging("br_stage_files")

"""Accounts made, asked about and wrong, for a generated company with a customers file and without one."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detectors.finding import Secret
from restore.model.facts import DatabaseLoaded, DatabaseSwitched
from restore.model.incident import DatabaseTarget, Incident, OldServer, SecretRef, SourceSpec
from restore.model.mysql import DatabaseId
from restore.model.outcome import Done, Outcome
from restore.model.plan import CreateAccount, Job, LoadDatabase, Step, SwitchDatabase
from restore.model.survey import Survey
from restore.plan.bulk import BulkPlan
from restore.run.apply import apply
from restore.survey.index import read_index
from restore.survey.survivors import find_survivors
from restore.survey.verifiers import verifier
from restore.systems.scratch import ScratchServer
from restore.systems.staging import StagingFolder
from tests.bench.report import Report
from tests.memory.database import MemoryDatabaseServer
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import MemorySource
from tests.memory.systems import GivenSystems

CUSTOMERS = 300
Login = tuple[str, str, str]
CONFIG = """<?php
define('DB_NAME', {database});
define('DB_USER', '{user}');
define('DB_PASSWORD', '{password}');
define('DB_HOST', 'localhost');
$table_prefix = 'wp_';
"""
DUMP = """-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: {database}
-- ------------------------------------------------------
CREATE TABLE `wp_options` (`option_id` bigint, `option_name` varchar(191), `option_value` longtext);
INSERT INTO `wp_options` VALUES (1,'siteurl','{site}'),(2,'home','{site}');
CREATE TABLE `wp_posts` (`ID` bigint);
CREATE TABLE `wp_postmeta` (`meta_id` bigint);
CREATE TABLE `wp_usermeta` (`umeta_id` bigint);
CREATE TABLE `wp_users` (`ID` bigint);
CREATE TABLE `wp_term_taxonomy` (`term_taxonomy_id` bigint);
-- Dump completed on 2026-11-24  2:00:00
"""


@dataclass(frozen=True)
class Case:
    """One customer as he truly was: his database, its login, and what makes him odd."""

    name: str
    database: str
    kind: str

    @property
    def login(self) -> Login:
        return (self.name, f"u_{self.name}", self.database)


def company(customers: int, seed: int = 6) -> tuple[Case, ...]:
    """By chance: databases named by a panel or freely, addresses of another host, an environment that decides,
    a second claimant, a thief."""
    chooser = random.Random(seed)
    kinds = (
        ["panel"] * 60 + ["free"] * 20 + ["moved"] * 5 + ["environment"] * 5 + ["shared"] * 5 + ["thief"] * 5
    )
    cases = []
    for number in range(customers):
        name, kind = f"c{number:04}", chooser.choice(kinds)
        named = kind in ("panel", "environment")
        cases.append(Case(name, f"{name}_wp" if named else f"site{number:04}", kind))
    return tuple(cases)


def files(cases: Sequence[Case], *, listed: bool, privileges: bool) -> dict[bytes, bytes]:
    """The company's backup."""
    made: dict[str, str] = {}
    rows, accounts, vhosts = [], [], []
    for number, case in enumerate(cases):
        domain, docroot = f"{case.name}.example", f"web1/home/{case.name}/public_html"
        site = "http://old-host.example" if case.kind == "moved" else f"https://www.{domain}"
        database = (
            f"getenv('DB') ?: '{case.database}'" if case.kind == "environment" else f"'{case.database}'"
        )
        password = f"secret-{number}"
        fields = {"user": f"u_{case.name}", "password": password}
        made[f"{docroot}/wp-config.php"] = CONFIG.format(database=database, **fields)
        made[f"{docroot}/wp-settings.php"] = made[f"{docroot}/wp-load.php"] = "<?php"
        other = cases[number - 1].database
        if case.kind in ("shared", "thief"):
            claimed = (
                {"user": f"u_{cases[number - 1].name}", "password": "guessed"}
                if case.kind == "thief"
                else fields
            )
            made[f"{docroot}/blog/wp-config.php"] = CONFIG.format(database=f"'{other}'", **claimed)
            made[f"{docroot}/blog/wp-settings.php"] = made[f"{docroot}/blog/wp-load.php"] = "<?php"
        made[f"web1/var/backups/mysql/{case.database}.sql"] = DUMP.format(database=case.database, site=site)
        vhosts.append(
            f"<VirtualHost *:80>\nServerName {domain}\nServerAlias www.{domain}\n"
            f"DocumentRoot /home/{case.name}/public_html\n</VirtualHost>\n"
        )
        rows.append(f"{case.name},home/{case.name},{domain} www.{domain},,{case.database},,")
        accounts.append((f"u_{case.name}", password, case.database))
    made["web1/etc/apache2/sites-available/all.conf"] = "".join(vhosts)
    if listed:
        header = "customer,home,domains,mailboxes,databases,contact,phone"
        made["web1/customers.csv"] = "\n".join([header, *rows]) + "\n"
    if privileges:
        made["web1/var/backups/mysql/mysql.sql"] = _privileges(accounts)
    return {path.encode(): text.encode() for path, text in made.items()}


def _privileges(accounts: Sequence[tuple[str, str, str]]) -> str:
    hashes = [
        (user, verifier(Secret(password.encode()), "mysql_native_password").reveal().decode(), database)
        for user, password, database in accounts
    ]
    granted = ",".join(f"('localhost','{database}','{user}','Y')" for user, _, database in hashes)
    users = ",".join(f"('localhost','{user}','{kept}')" for user, kept, _ in hashes)
    return (
        "-- MariaDB dump 10.19\nCREATE TABLE `db` (\n  `Host` char(60),\n  `Db` char(64),\n  `User` char(80),\n"
        f"  `Select_priv` enum('N','Y')\n);\nINSERT INTO `db` VALUES {granted};\n"
        "CREATE TABLE `user` (\n  `Host` char(60),\n  `User` char(80),\n  `Password` char(41)\n);\n"
        f"INSERT INTO `user` VALUES {users};\n-- Dump completed on 2026-11-24\n"
    )


@dataclass(frozen=True)
class Rates:
    """Of all true logins: made rightly, asked about; and accounts that nobody should have been given."""

    right: int
    asked: int
    wrong: int


def measure(cases: Sequence[Case], *, listed: bool, privileges: bool = False) -> Rates:
    """Look at the whole company as a run does and let the plan unfold; every load and switch is taken as done."""
    source = MemorySource("backup", files(cases, listed=listed, privileges=privileges))
    customers = "customers.csv" if listed else ""
    server = OldServer("web1", "backup", "web1", customers, "", ("db1",))
    target = DatabaseTarget("db1", "admin", SecretRef("env", "NONE"), socket="/s")
    incident = Incident(
        "i",
        "0" * 64,
        "bench",
        "/nowhere",
        1,
        None,
        (SourceSpec("backup", "folder", "/"),),
        (server,),
        (),
        (target,),
    )
    index = read_index(incident, lambda name: source)
    plan = BulkPlan(incident, Survey(index, survivors=find_survivors(incident, index, lambda name: source)))
    with tempfile.TemporaryDirectory(prefix="ownership-") as folder:
        systems = GivenSystems(
            MemoryDesk(Office()), {"backup": source}, databases={"db1": MemoryDatabaseServer("db1")},
            stage=StagingFolder(Path(folder) / "staging"), trial=ScratchServer(Path(folder) / "scratch"),
        )  # fmt: skip
        made = {login for step in _unfolded(plan, systems) for login in _logins(step)}
    true = {case.login for case in cases}
    return Rates(len(made & true), len(true - made), len(made - true))


def _unfolded(plan: BulkPlan, systems: GivenSystems) -> Iterator[Step]:
    waiting: list[Job] = list(plan.jobs)
    while waiting:
        for step in waiting.pop(0).steps:
            yield step
            waiting += plan.learn(_outcome(step, systems)).jobs


def _outcome(step: Step, systems: GivenSystems) -> Outcome:
    match step.work:
        case LoadDatabase(dump=dump, target=target, staging=staging):
            return Done(step.key, DatabaseLoaded(dump.database, target, staging, (), (), (), "", "", 1))
        case SwitchDatabase(database=database, target=target, name=name):
            return Done(step.key, DatabaseSwitched(database, target, name, (), (), ""))
        case CreateAccount():
            return Done(step.key, DatabaseSwitched(DatabaseId("web1", ""), "", "", (), (), ""))
        case _:
            return apply(step, systems)


def _logins(step: Step) -> Iterator[Login]:
    if isinstance(step.work, CreateAccount):
        for database in step.work.databases:
            yield (step.work.customer, step.work.account.user, database)


def main(report: Report) -> None:
    """Wrong is an account whose customer never had that login; there is no room for one."""
    cases = company(CUSTOMERS)
    for name, listed, privileges in (
        ("with a customers file", True, False),
        ("without one", False, False),
        ("without one, with a dump of mysql", False, True),
    ):
        rates = measure(cases, listed=listed, privileges=privileges)
        report.figure(f"{name}: automatic", 100 * rates.right / len(cases), "%")
        report.figure(f"{name}: asked", 100 * rates.asked / len(cases), "%", better="lower")
        report.figure(f"{name}: wrong", rates.wrong, "accounts", better="lower", goal=0)

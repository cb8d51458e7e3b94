"""The command line: verbs, their options, and what their exit codes mean.

Longer than other modules because every verb's options stand here, a few lines each, so that they are named alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from detectors.rule import FIELDS
from restore.incident.moments import as_of, instant, since, until

EXIT_CODES = "exit codes: 0 done, 1 failures, 2 bad use, 3 questions left (1 wins over 3)"
KINDS = ("mail", "databases", "accounts")
T = TypeVar("T")


def parser() -> argparse.ArgumentParser:
    """The parser of the command `bulkrestore`."""
    top = argparse.ArgumentParser(
        prog="bulkrestore",
        description="Restores mailboxes, databases and MySQL accounts of a crashed hosting company.",
        epilog=EXIT_CODES,
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    init = _verb(verbs, "init", "write a commented incident file", incident=False)
    init.add_argument(
        "path", nargs="?", default="incident.toml", help="where to write it (default: incident.toml)"
    )
    survey = _dated(_verb(verbs, "survey", "look at what the backups hold; changes nothing"))
    plan = _narrowed(_verb(verbs, "plan", "the dry run: what would be done, in what order, what is in doubt"))
    verify = _narrowed(
        _verb(verbs, "verify", "try out on the backups what a run would restore; changes nothing")
    )
    verify.add_argument("--sample", type=_sample, metavar="N|N%",
                        help="so many (or such a share) of the mailboxes and of the dumps, by chance")  # fmt: skip
    verify.add_argument(
        "--full", action="store_true", help="trust no fingerprint: read what was read before again"
    )
    run = _narrowed(_verb(verbs, "run", "restore; run again to finish what was cut or failed"))
    run.add_argument(
        "--again", action="store_true", help="look again at what stands done, and at what was undone"
    )
    run.add_argument(
        "--yes", action="store_true", help="go on without asking in spite of what preflight found"
    )
    run.add_argument("--reason", default="", help="why, for the record of a run that takes it up")
    _steering(verbs)
    _verb(verbs, "status", "where the restore stands")
    log = _verb(verbs, "log", "who did what when")
    log.add_argument("--customer", help="only this customer's events")
    log.add_argument("--operator", dest="by", help="only this operator's events")
    log.add_argument("--limit", type=_positive, help="only the newest so many")
    _log_more(log)
    _report(_verb(verbs, "report", "what came back and what did not, from the ledger alone"))
    _queue(verbs)
    undo = _verb(verbs, "undo", "put back what stood where a restored database is now")
    undo.add_argument(
        "database", nargs="+", metavar="SERVER/DATABASE", help="as `log` names it, like web1/shop"
    )
    undo.add_argument("--reason", default="", help="why, for the record of a run that takes it up")
    for one in (survey, plan, verify, run, undo):
        _on_a_cluster(one)
    _slice(verbs)
    _cluster(verbs)
    _end(verbs)
    return top


def _on_a_cluster(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--scheduler", metavar="tls://HOST:PORT", help="use the workers of this cluster, not this host's own"
    )
    one.add_argument("--certificates", metavar="DIR", help="with --scheduler: the coordinator's certificates")
    one.add_argument("--desk", type=_place, metavar="HOST:PORT",
                     help="with --scheduler: where workers reach this host (default: any port)")  # fmt: skip


def _cluster(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cluster = verbs.add_parser(
        "cluster", help="workers on other hosts", description="Workers on other hosts.", epilog=EXIT_CODES
    )
    acts = cluster.add_subparsers(dest="act", required=True, metavar="ACT")
    made = _verb(
        acts, "certificates", "make an authority and the certificates of all that takes part", incident=False
    )
    made.add_argument("folder", metavar="DIR", help="where to write them: an empty or a new folder")
    scheduler = _verb(acts, "scheduler", "be the scheduler, until ^C or SIGTERM", incident=False)
    scheduler.add_argument("--host", required=True, metavar="ADDRESS", help="listen at this address")
    scheduler.add_argument("--port", type=_port, default=8786, help="and this port (default: 8786)")
    worker = _verb(acts, "worker", "be workers of a scheduler, until ^C or SIGTERM", incident=False)
    worker.add_argument("scheduler", metavar="tls://HOST:PORT", help="where the scheduler listens")
    worker.add_argument("--folder", required=True, metavar="DIR", help="where to keep what is being loaded")
    worker.add_argument("--host", default="", metavar="ADDRESS",
                        help="listen at this address (default: the one that reaches the scheduler)")  # fmt: skip
    worker.add_argument("--processes", type=_positive, default=1, metavar="N", help="so many processes (1)")
    worker.add_argument("--steps", type=_positive, default=2, metavar="N", help="steps at once in each (2)")
    for one in (scheduler, worker):
        one.add_argument("--certificates", required=True, metavar="DIR", help="this host's certificates")


def _slice(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = _verb(verbs, "slice", "cut one database or table out of a dump file; nothing is loaded")
    one.add_argument("dump", metavar="DUMP", help="the file, plain or packed")
    one.add_argument("--database", metavar="X", help="which database; needed where the dump holds several")
    one.add_argument("--table", default="", metavar="T", help="only this table of it")
    one.add_argument(
        "--output", metavar="FILE", help="where to write it; without it, what the dump holds is listed"
    )
    one.add_argument(
        "--recompress",
        action="store_true",
        help="keep a seekable copy of a .zst, .xz or .bz2 written in one piece, in the state folder",
    )


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, *, incident: bool = True
) -> argparse.ArgumentParser:
    one = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EXIT_CODES)
    one.add_argument("--json", action="store_true", help="for machines")
    if incident:
        one.add_argument(
            "-i", "--incident", help="the incident file (default: $BULKRESTORE_INCIDENT or incident.toml)"
        )
        if name != "log":
            one.add_argument("--operator", help="who you are, for the record")
    return one


def _narrowed(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
    one.add_argument(
        "--customer", action="append", default=[], metavar="C", help="NAME or SERVER/NAME; may be repeated"
    )
    one.add_argument("--mailbox", action="append", default=[], metavar="ADDRESS",
                     help="this mailbox; may be repeated")  # fmt: skip
    one.add_argument("--database", action="append", default=[], metavar="SERVER/NAME",
                     help="this database with its accounts; may be repeated")  # fmt: skip
    one.add_argument(
        "--only",
        action="append",
        default=[],
        choices=KINDS,
        help="only this kind of work of the customers; may be repeated",
    )
    return _dated(one)


def _dated(one: argparse.ArgumentParser) -> argparse.ArgumentParser:
    one.add_argument("--as-of", type=_as_of, metavar="DATE",
                     help="what the backups held then: of copies and dumps made by DATE, the newest first")  # fmt: skip
    return one


def _steering(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    pause = _verb(verbs, "pause", "let the run under way begin nothing more until it is resumed")
    resume = _verb(verbs, "resume", "let a paused run go on")
    drain = _verb(verbs, "drain", "let the run under way end what has begun, and no more")
    limit = _verb(verbs, "limit", "give a resource of the run under way another number of slots")
    limit.add_argument(
        "resource", help="source/NAME, mail/NAME or database/NAME of the incident file; worker"
    )
    limit.add_argument("value", type=_positive, help="how many steps may use it at once, until the run ends")
    retry = _verb(verbs, "retry", "try again what failed; a run under way does it at once")
    retry.add_argument(
        "step", nargs="*", metavar="STEP", help="as `status` names it, like mail/web1/a@b.test/mx1"
    )
    retry.add_argument("--failed", action="store_true", help="all that stand failed")
    retry.add_argument(
        "--yes", action="store_true", help="go on without asking in spite of what preflight found"
    )
    retry.set_defaults(again=False)
    _on_a_cluster(retry)
    for one in (pause, resume, drain, limit, retry):
        one.add_argument("--reason", default="", help="why, for the record")


def _log_more(log: argparse.ArgumentParser) -> None:
    log.add_argument(
        "--since",
        type=_since,
        metavar="TIME",
        help="only from then on: 2026-11-24T03:00 (UTC unless stated)",
    )
    log.add_argument("--until", type=_until, metavar="TIME", help="only before then; a day: up to its end")
    log.add_argument("--kind", action="append", default=[], metavar="KIND",
                     help="only this kind of event, as `log` writes it; may be repeated")  # fmt: skip
    log.add_argument(
        "--verify", action="store_true", help="check the chain of the whole ledger; 1 where it does not hold"
    )
    log.add_argument("--head", action="append", default=[], metavar="FILE",
                     help="with --verify: copies of its head that it must contain; may be repeated")  # fmt: skip


def _report(report: argparse.ArgumentParser) -> None:
    report.add_argument("--html", metavar="FILE", help="write one HTML page that needs nothing else")
    report.add_argument("--csv", metavar="FILE", help="write a table for spreadsheets, one row a thing")
    report.add_argument("--lost", type=_instant, metavar="TIME",
                        help="when the old servers were lost (UTC unless stated), for the recovery point")  # fmt: skip
    report.add_argument("--customer", metavar="C", help="only this customer: NAME or SERVER/NAME")
    report.add_argument(
        "--letter", action="store_true", help="the words to send the customer (or each customer)"
    )


def _queue(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    queue = verbs.add_parser(
        "queue", help="the manual queue", description="The manual queue.", epilog=EXIT_CODES
    )
    acts = queue.add_subparsers(dest="act", required=True, metavar="ACT")
    listing = _verb(acts, "list", "questions that wait for a person")
    listing.add_argument("--all", action="store_true", help="answered, done and dropped ones too")
    listing.add_argument("--customer", metavar="C", help="only this customer's: NAME or SERVER/NAME")
    listing.add_argument("--cause", metavar="CODE", help="only this cause")
    listing.add_argument("--claimed-by", metavar="NAME", help="only what this operator works on")
    show = _verb(acts, "show", "one question with its evidence, answers and history")
    show.add_argument("item", help="its id, or the beginning of it")
    answer = _verb(acts, "answer", "settle a question; the next run finishes the customer")
    _items_of(answer)
    answer.add_argument(
        "--choose", type=_positive, metavar="N", help="the answer of that number, as `queue show` lists them"
    )
    answer.add_argument("--user", help="the account's user name; the password is asked for without echo")
    answer.add_argument("--database", help="the database the account is for")
    answer.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    answer.add_argument("--reason", default="", help="why, for the record")
    drop = _verb(acts, "drop", "decide that nothing shall be done about a question")
    _items_of(drop)
    drop.add_argument("--reason", required=True, help="why, for the record")
    _queue_work(acts)
    _queue_taught(acts)


def _items_of(act: argparse.ArgumentParser) -> None:
    act.add_argument("item", nargs="?", default="", help="its id, or the beginning of it")
    act.add_argument(
        "--cause", metavar="CODE", default="", help="all open items of that cause, after a preview"
    )
    act.add_argument("--customer", metavar="C", default="", help="with --cause: only this customer's")
    act.add_argument("--yes", action="store_true", help="with --cause: go on without asking")


def _queue_work(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    claim = _verb(acts, "claim", "say that you work on these items")
    claim.add_argument("item", nargs="+", metavar="ITEM", help="its id, or the beginning of it")
    claim.add_argument("--take", action="store_true", help="take over what somebody else has claimed")
    release = _verb(acts, "release", "give claimed items back")
    release.add_argument("item", nargs="+", metavar="ITEM", help="its id, or the beginning of it")
    release.add_argument("--reason", default="", help="why, for the record")
    add = _verb(acts, "add", "take in what a customer complains of")
    add.add_argument("--customer", required=True, metavar="C", help="NAME or SERVER/NAME")
    words = add.add_mutually_exclusive_group(required=True)
    words.add_argument("--text", help="the customer's words")
    words.add_argument("--stdin", action="store_true", help="read the words from standard input")


def _queue_taught(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    teach = _verb(acts, "teach", "teach where a framework of customers' own making keeps its login")
    teach.add_argument(
        "item", nargs="?", default="", help="a question it answers: the rule is for its customer"
    )
    teach.add_argument("--file", metavar="PATH", help="the file, relative to the site's folder: inc/db.php")
    for name in FIELDS:
        teach.add_argument(f"--{name}", metavar="PLACE", default="", help=PLACES[name])
    teach.add_argument("--name", help="the rule's name (default: made of its file)")
    teach.add_argument("--customer", action="append", default=[], metavar="C",
                       help="for this customer: NAME or SERVER/NAME; may be repeated")  # fmt: skip
    teach.add_argument("--all", action="store_true", help="for all customers")
    teach.add_argument("--from", dest="source", metavar="FILE", help="rules as `queue rules` prints them")
    _shown_before(teach)
    own = _verb(acts, "own", "say whose the databases of a prefix are that nobody owns")
    own.add_argument("--prefix", required=True, help="the beginning of the databases' names: shop_")
    own.add_argument("--customer", required=True, metavar="C", help="NAME or SERVER/NAME")
    _shown_before(own)
    _verb(acts, "rules", "what was taught, to be read and to be carried to another incident")


PLACES = dict.fromkeys(FIELDS, "where it stands") | {
    "user": "$u, $cfg[db][user], [db][user], DB_USER, Cfg::USER, connect(2), new Db(2), ->open(2); section.key",
    "password": "likewise",
    "host": "likewise, or =NAME for a fixed one",
    "dsn": "where a PDO DSN stands",
    "url": "where a database URL stands",
}


def _shown_before(act: argparse.ArgumentParser) -> None:
    act.add_argument("--preview", action="store_true", help="show what it would change, record nothing")
    act.add_argument("--yes", action="store_true", help="go on without asking")
    act.add_argument("--reason", default="", help="why, for the record")


def _end(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    kept = verbs.add_parser(
        "kept", help="what was set aside", description="What was set aside.", epilog=EXIT_CODES
    )
    acts = kept.add_subparsers(dest="act", required=True, metavar="ACT")
    _verb(acts, "list", "databases that hold what a restore or an undo set aside")
    drop = _verb(acts, "drop", "drop what was set aside; it can never be put back")
    drop.add_argument("name", nargs="+", metavar="NAME", help="as `kept list` names it: NAME or TARGET/NAME")
    drop.add_argument("--reason", required=True, help="why, for the record")
    drop.add_argument("--yes", action="store_true", help="go on without asking")
    close = _verb(verbs, "close", "the end: remove all but the ledger")
    close.add_argument("--reason", default="", help="why, for the record")
    close.add_argument("--anyway", action="store_true", help="in spite of open questions; needs --reason")
    close.add_argument("--yes", action="store_true", help="go on without asking")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return int(text)


def _place(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT (port 0: any)")
    return host.strip("[]"), _port(port)


def _since(text: str) -> datetime:
    return _read(since, text, "no time like 2026-11-24 or 2026-11-24T03:00")


def _until(text: str) -> datetime:
    return _read(until, text, "no time like 2026-11-24 or 2026-11-24T03:00")


def _instant(text: str) -> datetime:
    return _read(instant, text, "no time like 2026-11-24T03:00")


def _as_of(text: str) -> float:
    return _read(as_of, text, "no time like 2026-11-24 or 2026-11-24T03:00")


def _read(reading: Callable[[str], T], text: str, wrong: str) -> T:
    try:
        return reading(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is {wrong}") from error


def _sample(text: str) -> float:
    """A share above 0 and below 1 where a percentage is given, else a number."""
    if text.endswith("%"):
        share = float(text[:-1]) / 100
        if not 0 < share <= 1:
            raise argparse.ArgumentTypeError(f"{text} is not above 0% and up to 100%")
        return -share
    return _positive(text)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number

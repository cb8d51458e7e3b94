"""The words to send a customer: what came back, what did not and why, what happens next. Nothing of anybody else."""

from __future__ import annotations

from restore.model.facts import AccountReady, DatabaseSwitched, Fact, MailboxRestored
from restore.model.text import safe
from restore.report.recovery import SINGULAR, CustomerPart, Item, Recovery, State, pop3_of
from restore.report.summary import moment

LINES = 50
LOOK_INTO = "We are looking into it and will write to you again."
ASK = "We will ask you before we decide."
# A cause's (why, what happens next). What is not here is told as a fault on our side, with its code.
WORDS = {
    "no-login": ("we could not tell from its configuration which password your site uses",
                 "Please tell us which user name and password your site uses for this database."),
    "login-unclear": ("the login in your site's configuration cannot be read for certain",
                      "Please tell us which user name and password your site uses."),
    "two-passwords": ("two of your configuration files state different passwords for it",
                      "Please tell us which one is right."),
    "account-differs": ("an account of that name stands on the new server with another password", ASK),
    "foreign-database": ("your site's configuration names a database that is not registered as yours",
                         "Please tell us which database your site uses."),
    "unowned-database": ("your site's configuration names a database that is not registered as yours",
                         "Please tell us which database your site uses."),
    "unknown-database": ("your site's configuration names a database of which no backup exists here", LOOK_INTO),
    "config-changed": (
        "your site's configuration changed in the backup while we worked on it",
        "It will be tried again in the next run.",
    ),
    "older-dump": ("its newest backup cannot be read at the moment", "We are trying to reach it. " + ASK),
    "dump-damaged": ("its backup is damaged", "We are looking for an older backup. " + ASK),
    "dump-refused": ("its backup holds instructions that must not be carried out on a shared server", LOOK_INTO),
    "live-database-differs": ("a database of that name is in use on the new server already, and we overwrite nothing",
                              ASK),
    "not-in-backup": ("it is in none of the backups that we have read so far", LOOK_INTO),
    "no-owner": ("it is not clear whose it is", LOOK_INTO),
    "two-owners": ("it is not clear whose it is", LOOK_INTO),
    "database-collision": ("two lost servers held a database of that name and there is one place for it", LOOK_INTO),
    "mailbox-collision": ("two lost servers held a mailbox of that address and there is one place for it", LOOK_INTO),
    "mailbox-no-password": ("the password of this mailbox is in none of our backups",
                            "Please tell us how to reach you about a new one."),
    "mail-over-quota": ("the space of this mailbox is used up", "We can restore the rest once there is more room."),
    "mail-too-large": ("some messages are larger than the new server takes", LOOK_INTO),
    "account-refused": ("its name, or the database it is for, is kept for administrators", LOOK_INTO),
    "database-refused": ("the new server refuses what its backup holds", LOOK_INTO),
    "object-refused": ("the new server refuses a view, trigger or routine that its backup holds", LOOK_INTO),
    "reserved-name": ("its name is kept for our own use", LOOK_INTO),
    "complaint": ("you told us that something of it is wrong", LOOK_INTO),
    "abandoned": ("its turn has not come yet", "It will be tried in the next run."),
    "not-finished": ("the work on it is not finished", "It will be finished in the next run."),
    "undone": ("it was put back to what stood there before", LOOK_INTO),
}  # fmt: skip


def letter(recovery: Recovery, customer: CustomerPart) -> list[str]:
    """The lines of a letter to this customer. It names nothing that is not his, no server's name and no question's
    evidence."""
    lines = [f"To: {customer.contact}", ""] if customer.contact else []
    lines += [
        "Dear customer,",
        "",
        "we lost servers that held your data, and are bringing it back from backups.",
        f"This is where your data stands as of {moment(recovery.latest)}.",
        "",
    ]
    if customer.back:
        lines += ["What came back:", *(line for item in customer.back for line in _back_lines(item)), ""]
        lines += [
            "Each of these was read back from the new server and compared, unless it says otherwise.",
            "",
        ]
    if again := pop3_of(recovery, customer):
        lines += [
            "Mail programs that fetch mail by POP3 will download all mail of these mailboxes once more:",
            *(f"  - {safe(one.mailbox.address)}" for one in again),
            "",
        ]
    short = [item for item in customer.items if item.state is not State.BACK]
    if short:
        lines += [
            "What did not come back, or not whole:",
            *(line for one in short for line in _short_lines(one)),
            "",
        ]
    elif customer.items:
        lines += ["Nothing else of yours is known to us to be missing.", ""]
    else:
        lines += ["Nothing of yours has been restored yet.", ""]
    return [
        *lines,
        "This letter is about mailboxes, databases and database accounts alone, not about web pages, mail",
        "forwarding or mail filters: a database that is ready does not mean that your site is up.",
        "",
        "If something is missing that is not named here, please tell us: nothing is thrown away.",
    ]


def _back_lines(item: Item) -> list[str]:
    of = "newest message of" if item.service == "mail" else "as of"
    taken = f", {of} {moment(item.taken)}" if item.taken else ""
    return [f"  - {_name(item)}: {_words(item.fact)}{taken}"]


def _name(item: Item) -> str:
    if isinstance(item.fact, AccountReady):
        return f"database user {safe(item.fact.account.user)}"
    return f"{SINGULAR[item.service]} {item.name}"


def _words(fact: Fact | None) -> str:
    match fact:
        case MailboxRestored(folders=folders):
            restored, there = sum(one.restored for one in folders), sum(one.already_there for one in folders)
            deleted = sum(one.deleted_since for one in folders)
            told = f"{restored:,} messages restored, {there:,} were there already"
            return told + (f", {deleted:,} that were deleted since stay deleted" if deleted else "")
        case DatabaseSwitched(tables=tables):
            return f"{len(tables):,} tables, {sum(one.rows for one in tables):,} rows"
        case AccountReady(databases=databases, proof=proof):
            tried = (
                "the login was tried and worked"
                if proof == "login"
                else "its password is as before; the login was not tried"
            )
            return f"for {safe(', '.join(databases))}; {tried}"
        case _:
            return ""


def _short_lines(item: Item) -> list[str]:
    if item.here and not item.questions:
        lines = [f"  - {_name(item)}: {len(item.missing):,} parts of it did not come back:"]
        lines += [f"      {safe(line)}" for line in item.missing[:LINES]]
        more = len(item.missing) - LINES
        lines += [f"      and {more:,} more; ask us for the whole list"] if more > 0 else []
        return [*lines, f"    {LOOK_INTO}"]
    why, following = WORDS.get(
        item.cause, (f"of a fault on our side ({item.cause or 'unknown'})", "We are working on it.")
    )
    if item.state is State.LEFT:
        following = "We have decided to leave it as it is; please write to us if you disagree."
    if item.state is State.ANSWERED:
        following = "This is settled, and it will be restored in the next run."
    part = "some of it did not come back" if item.here else "not back yet"
    return [f"  - {_name(item)}: {part}, because {why}.", f"    {following}"]

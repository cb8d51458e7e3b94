"""Which mailboxes are restored where, and which are a question."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from restore.model.incident import Incident, OldServer
from restore.model.mail import MailboxId
from restore.model.outcome import ManualItem
from restore.model.plan import Job, LookMailbox, MailCopy, RestoreMailbox, Step
from restore.model.survey import Customer, Index, MailboxPlace, Narrowing
from restore.model.text import safe
from restore.plan.origin import copies_of, limits, origin, origin_of
from restore.plan.ownership import Owners, mailbox_id
from restore.plan.question import ask
from restore.plan.settled import Settlement

# The effect of an answer by which a mailbox is made with a password that nobody has.
LOCKED = "locked"


def subject(mailbox: MailboxId) -> str:
    """What questions about a mailbox are about."""
    return f"{mailbox.server}/mailbox/{mailbox.address}"


def plan_mailboxes(
    incident: Incident,
    index: Index,
    owners: Owners,
    settlement: Settlement,
    narrowing: Narrowing,
) -> tuple[tuple[Job, ...], tuple[ManualItem, ...]]:
    """A job for each mailbox that has one owner and one place to go; questions for all others."""
    if not narrowing.wants_kind("mail"):
        return (), ()
    jobs: list[Job] = []
    items: list[ManualItem] = []
    servers = {server.name: server for server in incident.old_servers}
    full = {target.name for target in incident.mail_targets if target.proof == "full"}
    making = {target.name for target in incident.mail_targets if target.create}
    rivals = _by_destination(index, servers, settlement)
    for place in index.mailboxes:
        owner, item = _owner(place, owners, rivals, servers)
        if not narrowing.wants_mailbox(owner, place.mailbox.address):
            continue
        if item is not None:
            items.append(item)
            continue
        server = servers[place.mailbox.server]
        if owner is not None and server.mail_to and not settlement.given_up(subject(place.mailbox)):
            job = _job(place, owner, server, len(jobs), full_proof=server.mail_to in full)
            jobs.append(_made_first(job, settlement) if server.mail_to in making else job)
    items += _missing(index, narrowing)
    return tuple(jobs), tuple(item for item in items if settlement.open(item))


def _by_destination(
    index: Index, servers: dict[str, OldServer], settlement: Settlement
) -> dict[tuple[str, str], list[MailboxId]]:
    """The mailboxes that go to each live one, without those a person gave up."""
    places: defaultdict[tuple[str, str], list[MailboxId]] = defaultdict(list)
    for place in index.mailboxes:
        if settlement.given_up(subject(place.mailbox)):
            continue
        places[servers[place.mailbox.server].mail_to, place.mailbox.address.lower()].append(place.mailbox)
    return places


def _owner(
    place: MailboxPlace,
    owners: Owners,
    rivals: dict[tuple[str, str], list[MailboxId]],
    servers: dict[str, OldServer],
) -> tuple[Customer | None, ManualItem | None]:
    found = owners.mailboxes.get(mailbox_id(place.mailbox.server, place.mailbox.address), ())
    about = subject(place.mailbox)
    address = place.mailbox.address
    if not found:
        return None, ask(
            "no-owner",
            about,
            f"Whose is the mailbox {address}? Name it in the customers file and run again, or drop this item.",
        )
    customer = found[0].customer
    if len(found) > 1:
        names = [f"{owner.customer.name}: {owner.rung}" for owner in found]
        return customer, ask(
            "two-owners",
            about,
            f"Two customers claim the mailbox {address}. Leave it to one in the customers file and run again.",
            evidence=names,
        )
    same = rivals[servers[place.mailbox.server].mail_to, address.lower()]
    if len(same) > 1:
        lines = [f"{one} goes to the same mail server under the same address" for one in same]
        text = (
            f"{len(same)} backups hold a mailbox {address} that would go to one live mailbox. Drop this item if this"
            " one is not to be restored; the last that is left is."
        )
        return customer, ask("mailbox-collision", about, text, customer=customer, evidence=lines)
    return customer, None


def _job(place: MailboxPlace, owner: Customer, server: OldServer, number: int, *, full_proof: bool) -> Job:
    first, *others = copies_of(place, server)
    key = f"mail/{place.mailbox.server}/{place.mailbox.address}/{server.mail_to}"
    if others or not _is_of_first(first, server):
        key += f"/{_mark(first, *others)}"
    work = RestoreMailbox(
        place.mailbox,
        owner.name,
        first.source,
        first.path,
        server.mail_to,
        safe(owner.reach),
        tuple(others),
        origin(server, first.source, first.kind, first.taken),
        full_proof,
        first.store,
    )
    sources = dict.fromkeys(f"source/{copy.source}" for copy in (first, *others))
    needs = (*sources, f"mail/{server.mail_to}", "worker")
    thing = f"mail/{server.mail_to}/{place.mailbox.address.lower()}"
    return Job(key, "mail", owner.name, (Step(key, work, needs),), rank=(0, number), thing=thing)


def _made_first(job: Job, settlement: Settlement) -> Job:
    """The job, told to make the mailbox where it does not exist, with what a person answered about that."""
    (step,) = job.steps
    if not isinstance(step.work, RestoreMailbox):
        return job
    about = subject(step.work.mailbox)
    answer = settlement.answer(about, "login")
    work = replace(
        step.work,
        make=True,
        password_id=answer.password_id if answer else "",
        locked=answer is None and settlement.answer(about, LOCKED) is not None,
    )
    return replace(job, steps=(replace(step, work=work),))


def _is_of_first(copy: MailCopy, server: OldServer) -> bool:
    """Whether it lies in the first copy of its server."""
    stated = (copy.source, copy.kind, copy.taken) == (server.source, server.kind, server.taken)
    return stated and copy.path.startswith(server.path.strip("/").encode("utf-8", "surrogateescape"))


def _mark(*copies: MailCopy) -> str:
    """Tells one set of copies from another: a mailbox that is found in one more copy later is merged again."""
    text = repr(sorted((copy.source, copy.path) for copy in copies))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _missing(index: Index, narrowing: Narrowing) -> Iterator[ManualItem]:
    present = {mailbox_id(place.mailbox.server, place.mailbox.address) for place in index.mailboxes}
    for customer in index.customers:
        for address in customer.mailboxes:
            mailbox = mailbox_id(customer.server, address)
            if mailbox not in present and narrowing.wants_mailbox(customer, address):
                sought = limits(index, customer.server, narrowing.as_of)
                text = f"No backup{sought} holds the mailbox {address}. Is there another source?"
                yield ask("not-in-backup", subject(mailbox), text, customer=customer)


def look_mailboxes(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The read-only looks at every copy of the mailboxes that these jobs restore."""
    return tuple(
        Job(look.key, "look", job.customer, (look,), rank=job.rank)
        for job in jobs
        for step in job.steps
        if isinstance(step.work, RestoreMailbox)
        for look in looks_of(step.key, step.work)
    )


def looks_of(key: str, work: RestoreMailbox) -> Iterator[Step]:
    """A look at each copy of the mailbox that step `key` restores, first choice first."""
    copies = (
        (work.source, work.path, work.origin, work.store),
        *((one.source, one.path, origin_of(one), one.store) for one in work.also),
    )
    for number, (source, path, words, store) in enumerate(copies):
        look = LookMailbox(work.mailbox, work.customer, source, path, words, store)
        yield Step(f"look-{key}" + (f"/{number}" if number else ""), look, (f"source/{source}", "worker"))

"""What preflight finds of a lost mail server that serves again and is read by IMAP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from restore.errors import OldMailboxMissing, RestoreError
from restore.model.incident import SourceSpec
from restore.model.mail import INBOX
from restore.model.ports import Systems
from restore.model.stores import IMAP, Store
from restore.model.survey import Finding, Index, MailboxPlace
from restore.model.text import safe

MAILBOXES_TRIED = 3


def check_old_mail(spec: SourceSpec, index: Index, systems: Systems) -> Iterator[Finding]:
    """Whether its master user can open a mailbox there."""
    where = f"source {spec.name}"
    missing = []
    for address in [place.mailbox.address for place in index.mailboxes if _is_on(place, spec)][
        :MAILBOXES_TRIED
    ]:
        try:
            with closing(systems.mail_reader(spec.name, address, b"", Store(IMAP))) as reader:
                reader.state(INBOX)
        except OldMailboxMissing:
            missing.append(safe(address))
            continue
        except RestoreError as error:
            why = "Nothing that lies there alone can be restored."
            yield Finding("ask", where, safe(error.message, 1000), why, error.hint)
        break
    else:
        what = f"the mailboxes tried are not there: {', '.join(missing)}" if missing else "no mailbox to try"
        yield Finding("note", where, what, "The master login could not be checked to the end.", "")
    if spec.tls == "none":
        yield Finding("note", where, "it is used without TLS", "Allowed on loopback only.", "")


def _is_on(place: MailboxPlace, spec: SourceSpec) -> bool:
    return place.source == spec.name or any(copy.source == spec.name for copy in place.also)

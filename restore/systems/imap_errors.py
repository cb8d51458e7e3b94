"""What imapclient and its socket raise, as our errors: which server, what was being done, and its own words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from restore.errors import MailCertificateRefused, MailRefused, MailStalled, MailUnreachable
from restore.systems.imap_wire import response_code


@contextmanager
def translated(server: str, doing: str) -> Iterator[None]:
    """Raises MailCertificateRefused, MailStalled, MailUnreachable or MailRefused for what the block raises."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailCertificateRefused(
            f"mail server {server}: its certificate is not trusted: {error.verify_message}", server=server
        ) from error
    except TimeoutError as error:
        raise MailStalled(
            f"mail server {server} did not answer in time while {doing}", server=server
        ) from error
    except (OSError, IMAPClientAbortError) as error:
        raise MailUnreachable(f"mail server {server}, while {doing}: {error}", server=server) from error
    except IMAPClientError as error:
        refused = MailRefused(f"mail server {server}, while {doing}: {error}")
        refused.response_code = response_code(str(error))
        raise refused from error

"""Every failure an operator can meet: a code, how far it reaches, whether to try again, what to do next.

Longer than other modules because each is a class of a few lines and docs/errors.md lists them from here.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.walk import Unreadable
from restore.model.mysql import RefusedStatement, TableState
from restore.model.outcome import Scope


class RestoreError(Exception):
    """A failure stated for a tired operator.

    The message says what failed, on which customer's what, and why. `kept` names what was set aside or left in
    place; `server` the source or target concerned where the scope is SERVER.
    """

    code: ClassVar[str]
    scope: ClassVar[Scope] = Scope.STEP
    transient: ClassVar[bool] = False
    hint: ClassVar[str]

    def __init__(self, message: str, *, kept: str = "", server: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.kept = kept
        self.server = server


class IncidentInvalid(RestoreError):
    """The incident file has mistakes; `mistakes` lists each with its key and what was expected."""

    code = "incident-invalid"
    scope = Scope.RUN
    hint = "Correct the keys named above in the incident file, then run the same command again."

    def __init__(self, path: str, mistakes: tuple[str, ...]) -> None:
        super().__init__(
            f"{path}: {len(mistakes)} mistake(s)\n" + "\n".join(f"  {line}" for line in mistakes)
        )
        self.mistakes = mistakes


class Fenced(RestoreError):
    code = "fenced"
    hint = "Nothing to do: another worker or a newer run has taken this step over."


class SecretMissing(RestoreError):
    code = "secret-missing"
    hint = "Name an existing 0600 file or set the environment variable that the incident file refers to."


class SourceUnreachable(RestoreError):
    code = "source-unreachable"
    scope = Scope.SERVER
    transient = True
    hint = "Check that the backup server is up and that its address, user and key in the incident file are right."


class SourceStalled(RestoreError):
    code = "source-stalled"
    scope = Scope.STEP
    transient = True
    hint = "The backup server stopped answering; run again, with fewer copies if it happens often."


class SourceUnreadable(RestoreError, Unreadable):
    code = "source-unreadable"
    hint = "Look at the file on the backup server; the rest of the run is not touched by it."


class HostKeyUnknown(RestoreError):
    code = "host-key-unknown"
    scope = Scope.SERVER
    hint = "Compare the fingerprint with the backup server's own and add the key to the known_hosts file."


class Cancelled(RestoreError):
    code = "cancelled"
    hint = "The run was asked to stop; run again and the step is finished."


class SourceChanged(RestoreError):
    code = "source-changed"
    scope = Scope.JOB
    hint = "The file changed on the backup server since it was surveyed; run again to look afresh."


class StagingFull(RestoreError):
    code = "staging-full"
    scope = Scope.RUN
    hint = "Free space on the staging disk, or name a larger one in the incident file, then run again."


class DumpDamaged(RestoreError):
    code = "dump-damaged"
    scope = Scope.JOB
    hint = "Choose an older dump of this database with `bulkrestore queue answer`, then run again."


class DatabaseUnreachable(RestoreError):
    code = "database-unreachable"
    scope = Scope.SERVER
    transient = True
    hint = (
        "Check that the database server is up and that its address and secret in the incident file are right."
    )


class DatabaseRefused(RestoreError):
    """A database server's refusal; `table` is the table of a dump whose making was refused, "" for anything else."""

    table = ""
    code = "database-refused"
    scope = Scope.JOB
    hint = "Read the server's words above; nothing live was changed by this step."


class MailUnreachable(RestoreError):
    code = "mail-unreachable"
    scope = Scope.SERVER
    transient = True
    hint = "Check that the mail server is up and that its address and master login in the incident file are right."


class MailRefused(RestoreError):
    """The server said NO; `response_code` is what its answer has in brackets ("OVERQUOTA"), or ""."""

    code = "mail-refused"
    scope = Scope.JOB
    hint = "Read the server's words above; what was stored before is kept and is not stored again."
    response_code: str = ""


class MailboxMissing(RestoreError):
    code = "mailbox-missing"
    scope = Scope.JOB
    hint = "Create the mailbox on the mail server, then run again."


class CustomersInvalid(RestoreError):
    code = "customers-invalid"
    scope = Scope.SERVER
    hint = "Correct the customers file named in the incident file, then run again."


class RecordUnreadable(RestoreError):
    code = "record-unreadable"
    scope = Scope.RUN
    hint = "Use the version of bulkrestore that wrote this state folder, or a newer one; nothing was changed."


class StateUnsafe(RestoreError):
    code = "state-unsafe"
    scope = Scope.RUN
    hint = "The state folder must be yours alone: `chown` it to the user who runs bulkrestore and `chmod 700` it."


class StateUnwritable(RestoreError):
    code = "state-unwritable"
    scope = Scope.RUN
    hint = "Free space on the state folder's disk or mend it, then run again; what was recorded is kept."


class LedgerMissing(RestoreError):
    code = "ledger-missing"
    scope = Scope.RUN
    hint = "Nothing has been run for this incident yet, or the incident file names another state folder."


class LedgerDamaged(RestoreError):
    code = "ledger-damaged"
    scope = Scope.RUN
    hint = "Keep the state folder as it is, copy it aside, and restore the ledger from its copy before you run again."


class ItemUnknown(RestoreError):
    code = "item-unknown"
    hint = "`bulkrestore queue list` shows the items and their ids; a unique beginning of an id is enough."


class SourceBusy(RestoreError):
    code = "source-busy"
    transient = True
    hint = (
        "The backup server turns connections away: lower `copies` of this source, or raise MaxStartups there."
    )


class SourceLoginRefused(RestoreError):
    code = "source-login-refused"
    scope = Scope.SERVER
    hint = "Check `user` and `key` of this source in the incident file against the backup server's authorized keys."


class SourceMissing(RestoreError):
    code = "source-missing"
    scope = Scope.SERVER
    hint = "Check `path` of this source in the incident file; a backup disk that is not mounted looks like this too."


class SourceOdd(RestoreError):
    code = "source-odd"
    scope = Scope.SERVER
    hint = "What answers there does not keep to SFTP version 3; check that it is the backup server you mean."


class DumpTooLarge(RestoreError):
    code = "dump-too-large"
    scope = Scope.JOB
    hint = "Look at the dump by hand; if it is sound, raise the limit on unpacked sizes, then run again."


class MailStalled(RestoreError):
    code = "mail-stalled"
    transient = True
    hint = "The mail server stopped answering; run again, with fewer connections if it happens often."


class MailLoginRefused(RestoreError):
    code = "mail-login-refused"
    scope = Scope.SERVER
    hint = "Check the mail server's master user and its password in the incident file, then run again."


class MaildirMissing(RestoreError):
    code = "maildir-missing"
    scope = Scope.JOB
    hint = "Check the maildirs pattern of this old server in the incident file; the mailbox was not touched."


class VaultLocked(RestoreError):
    code = "vault-locked"
    scope = Scope.RUN
    hint = "Give the key this vault was made with: the incident file's [secrets] reference, or the key file's copy."


class VaultDamaged(RestoreError):
    code = "vault-damaged"
    hint = (
        "Run again: the secret is read afresh from its source; one that a person gave must be answered again."
    )


class JournalDamaged(RestoreError):
    code = "journal-damaged"
    scope = Scope.JOB
    hint = "Bring the journal back from a copy of the state folder; nothing was appended to this mailbox meanwhile."


class RunInProgress(RestoreError):
    code = "run-in-progress"
    scope = Scope.RUN
    hint = "Wait until that run has ended, or ask its operator; status, log and queue list work meanwhile."


class CoordinatorGone(RestoreError):
    code = "coordinator-gone"
    scope = Scope.RUN
    hint = "Run again: what was done is in the ledger and on the servers, and the rest is finished."


class RequestRefused(RestoreError):
    code = "request-refused"
    hint = "The coordinator does not know that request: use the version of bulkrestore that the run uses."


class DumpRefused(RestoreError):
    """A dump asks for what this restore never does; `refused` lists what was met, with byte offsets."""

    code = "dump-refused"
    scope = Scope.JOB
    hint = "Look at the statements named above in the dump; the live database was not touched."

    def __init__(self, message: str, refused: tuple[RefusedStatement, ...] = ()) -> None:
        super().__init__(message)
        self.refused = refused


class MailCertificateRefused(RestoreError):
    code = "mail-certificate-refused"
    scope = Scope.SERVER
    hint = "Check `host`, `tls` and `ca` of this mail server in the incident file; no password was sent."


class MailFolderRemade(RestoreError):
    code = "mail-folder-remade"
    transient = True
    hint = "Somebody deleted and made this folder anew meanwhile; run again, and it is compared afresh."


class LoadDiffers(RestoreError):
    code = "load-differs"
    scope = Scope.JOB
    hint = "The server did not keep what the dump states; look at the named table. The live database was not touched."


class LiveDiffers(RestoreError):
    """What stands under the live name is not what may be moved; both sides as they were compared.

    `objects` are the live views, triggers, routines and events as "kind name".
    """

    code = "live-database-differs"
    scope = Scope.JOB
    hint = "Say with `bulkrestore queue answer` whether the live database is kept or set aside; nothing was changed."

    def __init__(
        self,
        message: str,
        live: tuple[TableState, ...],
        ours: tuple[TableState, ...],
        objects: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.live = live
        self.ours = ours
        self.objects = objects


class UndoDiffers(LiveDiffers):
    code = "undo-differs"
    hint = (
        "What was written since the restore stands in the live database alone: save it by hand before the old tables"
        " are put back by hand, or leave all as it is. Nothing was changed."
    )


class StagingDiffers(RestoreError):
    code = "staging-differs"
    scope = Scope.JOB
    hint = "Run again: the dump is loaded afresh. The live database was not touched."


class DatabaseBusy(RestoreError):
    code = "database-busy"
    transient = True
    hint = "Long transactions hold the live tables; run again when they have ended. Nothing was changed."


class LoginRefused(RestoreError):
    code = "login-refused"
    hint = "Compare the password in the site's config with the account; nothing else is touched by it."


class DatabaseLoginRefused(RestoreError):
    code = "database-login-refused"
    scope = Scope.SERVER
    hint = "Check the database server's administrator and his password in the incident file, then run again."


class WorkerLost(RestoreError):
    code = "worker-lost"
    transient = True
    hint = "Look for the kernel's out-of-memory killer and into the cluster's log; run again, the step is finished."


class StepBroken(RestoreError):
    code = "step-broken"
    hint = (
        "This is a fault in bulkrestore, met with this customer's data: report it with what the cluster's log says of"
        " it, and restore this by hand. The other steps go on."
    )


class BadUse(RestoreError):
    code = "bad-use"
    scope = Scope.RUN
    hint = "See `bulkrestore VERB --help`."


class ObjectRefused(DatabaseRefused):
    code = "object-refused"
    hint = "The move was undone and nothing live changed; look at the named view, trigger, routine or event."


class DatabaseMissing(RestoreError):
    code = "database-missing"
    scope = Scope.JOB
    hint = "Restore that database first: no account is made for what is not there."


class AccountRefused(RestoreError):
    code = "account-refused"
    scope = Scope.JOB
    hint = "Make this account by hand if it is really wanted; nothing was changed on the server."


class MailServerFailing(RestoreError):
    code = "mail-server-failing"
    scope = Scope.SERVER
    hint = (
        "Look at the mail server's log and at its free disk and inodes, then run again; what is stored stays."
    )


class QuestionChanged(RestoreError):
    code = "question-changed"
    hint = "Look at it once more with `bulkrestore queue show`, then decide."


class ScratchUnavailable(RestoreError):
    code = "scratch-unavailable"
    hint = (
        "A worker that verifies dumps needs MariaDB's server program and root, to start it under a uid of its own: see"
        " the words above. Nothing was changed; restoring needs no scratch server."
    )


class ScratchLimit(RestoreError):
    code = "scratch-limit"
    hint = "Look at this dump by hand: it wants more than a scratch server may use. No target was touched."


class IncidentClosed(RestoreError):
    code = "incident-closed"
    scope = Scope.RUN
    hint = "A closed incident stays closed; for more work write an incident file with another state folder."


class KeptGone(RestoreError):
    code = "kept-gone"
    scope = Scope.JOB
    hint = "What stood there before was dropped with `kept drop`: it cannot be put back. Nothing was changed."


class HeadNotCopied(RestoreError):
    code = "head-not-copied"
    scope = Scope.RUN
    hint = (
        "The ledger itself is whole. Mend the place that `head_copy` or `syslog` names in the incident file: the next"
        " command that writes sends its head there."
    )


class IncidentDiffers(RestoreError):
    code = "incident-differs"
    scope = Scope.RUN
    hint = (
        "Give the incident file that the run under way uses, or drain that run, then run again with this one."
    )


class NobodyRuns(RestoreError):
    code = "nobody-runs"
    scope = Scope.RUN
    hint = (
        "Nothing to do: this steers a run under way, and none is. `bulkrestore status` tells of the last one."
    )


class NamesUnread(RestoreError):
    code = "names-unread"
    scope = Scope.RUN
    hint = (
        "Mend what is named above, or name another copy of that server in the incident file; then give the same command"
        " again."
    )


class CertificatesMissing(RestoreError):
    code = "certificates-missing"
    scope = Scope.RUN
    hint = (
        "Make them once with `bulkrestore cluster certificates DIR`, then copy to each host authority.pem and the .pem"
        " and .key of what runs there (keys with mode 0600)."
    )


class CertificatesStand(RestoreError):
    code = "certificates-stand"
    scope = Scope.RUN
    hint = "Name a new folder. With new certificates, scheduler and workers have to be started anew."


class DeskUnheard(RestoreError):
    code = "desk-unheard"
    scope = Scope.RUN
    hint = "Give `--desk HOST:PORT`: an address of this host that the workers reach, and a port that is free."


class ClusterUnreachable(RestoreError):
    code = "cluster-unreachable"
    scope = Scope.RUN
    hint = (
        "Look whether `bulkrestore cluster scheduler` and `cluster worker` run and can be reached, with certificates"
        " of the same authority; without --scheduler the restore runs on this host alone. Nothing was begun."
    )


class ClusterGone(RestoreError):
    code = "cluster-gone"
    scope = Scope.RUN
    hint = (
        "Start the scheduler again, then run again: what is done stays done. What was under way is taken up when its"
        " lease has ended."
    )


class MailUsersUnreadable(RestoreError):
    code = "mail-users-unreadable"
    scope = Scope.JOB
    hint = "Correct [old_server.mail_users] in the incident file, then run again; no mailbox was made without its hash."


class MailboxNotMade(RestoreError):
    code = "mailbox-not-made"
    scope = Scope.JOB
    hint = "Make this mailbox by hand, or mend [mail_target.create] in the incident file, then run again."


class MailBusy(MailUnreachable):
    code = "mail-busy"
    hint = (
        "The mail server turns connections away: lower `connections` of this mail target, or raise its limit on"
        " connections of one user from one address (mail_max_userip_connections)."
    )


class MailPasswordRefused(RestoreError):
    code = "mail-password-refused"
    scope = Scope.JOB
    hint = (
        "Correct this mailbox's own password or token, as `passwords` or `token` of the mail server in the incident"
        " file give it, then run again; the other mailboxes go on."
    )


class MailboxNotSeen(RestoreError):
    code = "mailbox-not-seen"
    scope = Scope.JOB
    transient = True
    hint = (
        "The user database has this mailbox, the mail server does not know it yet: flush its cache (`doveadm auth"
        " cache flush`) or mend its configuration, then run again."
    )


class MailStoreMissing(RestoreError):
    code = "mail-store-missing"
    scope = Scope.JOB
    hint = "Check [old_server.mail] of this old server in the incident file; the mailbox was not touched."


class LoadTooLong(RestoreError):
    code = "load-too-long"
    scope = Scope.JOB
    hint = (
        "Run again: the tables named as kept are compared and not loaded again. A dump that honestly takes longer needs"
        " a larger load_hours in [[database_target]]. The live database was not touched."
    )


class LoadTooLarge(RestoreError):
    code = "load-too-large"
    scope = Scope.JOB
    hint = (
        "Look at this dump: its tables take more of the server's disk than load_gigabytes in [[database_target]]"
        " allows. The staging database was dropped; the live database was not touched."
    )


class OldMailboxMissing(RestoreError):
    code = "old-mailbox-missing"
    scope = Scope.JOB
    hint = "The old mail server does not know this mailbox: look there, or leave this copy of its server out."


class DovecotMissing(RestoreError):
    code = "dovecot-missing"
    scope = Scope.JOB
    hint = (
        "Install Dovecot on every worker's host (dovecot-imapd; it is not started), or boot the old mail server and"
        ' state it as a source of kind "imap".'
    )


class DboxRefused(RestoreError):
    code = "dbox-refused"
    scope = Scope.JOB
    hint = 'Boot the old mail server from this backup and state it as a source of kind "imap".'

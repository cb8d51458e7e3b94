"""Who reads mail by POP3 is looked up in the old servers' access logs, where the incident file names any."""

from __future__ import annotations

from restore.model.incident import Incident
from restore.model.plan import Job, ReadPop3Logs, Step
from restore.model.survey import Narrowing


def pop3_jobs(incident: Incident, narrowing: Narrowing) -> tuple[Job, ...]:
    """A read-only job for each copy of an old server, behind the mail itself; none where one thing alone is wanted."""
    if not narrowing.nothing_named or not narrowing.wants_kind("mail"):
        return ()
    return tuple(
        _job(f"look-pop3/{server.name}/{rank}", server.name, copy.source, copy.path, server.pop3_logs)
        for server in incident.old_servers
        if server.pop3_logs
        for rank, copy in enumerate(server.copies)
    )


def _job(key: str, server: str, source: str, path: str, patterns: tuple[str, ...]) -> Job:
    work = ReadPop3Logs(server, source, path.strip("/").encode("utf-8", "surrogateescape"), patterns)
    return Job(key, "look", "", (Step(key, work, (f"source/{source}", "worker")),), rank=(1, 3))

"""Which applications a dump holds, read from end to end without loading it."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.dumps import fingerprint
from restore.errors import DumpDamaged, DumpTooLarge
from restore.model.facts import DumpInstall
from restore.model.mysql import DumpFile
from restore.model.ports import Systems


def installs_of(key: str, dump: DumpFile, systems: Systems) -> tuple[DumpInstall, ...]:
    """What a dump's tables and rows tell; () where it is damaged. Raises what source and staging raise."""
    systems.desk.renew(key)
    systems.dumps.fetch(systems.source(dump.fingerprint.source), dump, systems.progress(key))
    try:
        facts = fingerprint(_alive(key, systems, systems.dumps.plain(dump)))
    except (DumpDamaged, DumpTooLarge):
        return ()
    finally:
        systems.dumps.discard(dump)
    return tuple(
        DumpInstall(one.system, one.prefix, one.version, one.site, one.sites) for one in facts.installs
    )


def _alive(key: str, systems: Systems, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, the step told to live and hearing that it must stop with each."""
    for chunk in chunks:
        systems.progress(key)(0)
        yield chunk

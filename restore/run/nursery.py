"""Where worker processes are born: a fork server, started with the program, that has imported what they need.

A worker that is started afresh spends a second of a core on imports, each of them anew, while an operator waits. A
fork of this one spends none and shares its pages. It is started before the program's own imports, beside which it
does its own; so this module imports nothing that takes time.
"""

from __future__ import annotations

import os
from multiprocessing import forkserver, set_forkserver_preload

from restore.run.process import without_interrupts

BORN_BY = os.getpid()
"""In a worker: the process that forked it, where this module was imported first."""

_IMPORTED = ("restore.run.nursery", "distributed.nanny", "restore.wiring")


def open_nursery() -> None:
    """Start the fork server unless it runs, without waiting for its imports. What a process changes of its umask,
    environment and working directory later, its workers do not have. It ends with the process that started it."""
    set_forkserver_preload(list(_IMPORTED))
    with without_interrupts():
        forkserver.ensure_running()

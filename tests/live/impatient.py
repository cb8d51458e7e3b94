"""The program with a test's pauses: the same command, waiting fractions of a second where an operator waits half a
minute. Run as a module, so that its worker processes, which import their parent's main module, wait as little.
"""

from __future__ import annotations

import sys
from functools import partial

import restore.run.apply
import restore.run.carrier
import restore.systems.sftp_connect
import restore.wiring
from restore.cli import main
from restore.run.flights import Pauses
from restore.run.leases import Leases

object.__setattr__(restore.run.apply.PATIENCE, "first", 0.05)
setattr(restore.systems.sftp_connect, "ATTEMPTS", 3)  # noqa: B010
setattr(restore.run.carrier, "Pauses", partial(Pauses, suspect=(0.1, 0.2, 0.4), lost=(2.5, 5.0)))  # noqa: B010
setattr(restore.wiring, "Leases", partial(Leases, seconds=2.0))  # noqa: B010

if __name__ == "__main__":
    sys.exit(main())

"""What a second command passes by because the first one did it, and what it looks at afresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.ledger.ledger import Ledger
from restore.model.facts import Nothing
from restore.model.operator import Operator
from restore.model.outcome import Done, Partial
from restore.run.pen import Remembering

WHO = Operator("night", "test", 0, 1, "here")


@pytest.mark.parametrize("again", [False, True])
def test_a_dump_verified_under_its_fingerprint_is_passed_by_and_what_is_live_is_looked_at_afresh(
    tmp_path: Path, again: bool
) -> None:
    tmp_path.chmod(0o700)
    with Ledger.open(tmp_path, WHO, 1) as ledger:
        sound, broken = (
            Done("verify/load/web1/a/d/1", Nothing()),
            Partial("verify/load/web1/b/d/1", Nothing(), ("x",)),
        )
        live = [
            Done(f"{key}/web1/c", Nothing())
            for key in ("look", "verify/mail", "verify/hashes", "verify/logins")
        ]
        ledger.append_all([sound, broken, *live])
        passed = dict(Remembering(ledger, again=again).done())

    assert passed == ({} if again else {sound.key: sound, broken.key: broken})

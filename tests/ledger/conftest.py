"""A state folder, and somebody who works on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.model.operator import Operator

ANN = Operator("ann", "--operator", 0, 4711, "crisis1")
BOB = Operator("bob", "SUDO_USER", 1000, 4712, "crisis2")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"

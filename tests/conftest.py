"""Soaks and large corpora are marked `long` and run with --long only; Hypothesis measures no time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Two busy cores are slow at times; that is no failure.
settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")

UMASK = os.umask(0o022)
os.umask(UMASK)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run soaks and large corpora as well")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the slow files first, so that none is left to one process at the end, and leaves the long tests out, unless
    they are asked for."""
    items.sort(key=lambda item: "live" not in item.path.parts)
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """A command run in this process sets the umask; whatever comes after has the one we were started with."""
    yield
    os.umask(UMASK)

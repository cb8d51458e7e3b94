"""A name that nobody knows is a slip of the keyboard, unless what may know it cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from restore.errors import BadUse, NamesUnread
from restore.model.outcome import Failed, Scope
from restore.model.survey import Narrowing
from restore.verbs.narrowing import check_narrowing
from tests.plan.company import customer, index

KNOWN = index(customer("alice"))
GONE = Failed("index/web2", "source-unreachable", Scope.SERVER, "nothing of web2 can be restored", "hint")


def test_an_unknown_name_is_told_apart_from_one_that_an_unread_backup_may_know() -> None:
    wanted = Narrowing(frozenset({"bob"}))

    with pytest.raises(BadUse, match=r"no customers file names a customer bob$"):
        check_narrowing(wanted, KNOWN)
    with pytest.raises(NamesUnread, match="nothing of web2 can be restored"):
        check_narrowing(wanted, replace(KNOWN, failed=(GONE,)))
    check_narrowing(Narrowing(frozenset({"alice"})), replace(KNOWN, failed=(GONE,)))

"""Who waits for which slots, and who may have them next. Pure.

Those with the same needs stand in one lane, so that a look costs as many comparisons as there are lanes and
free slots, however many wait. Order: smaller rank first, equal ranks in order of arrival. One whose Resources
are not all free lets later ones pass, so that no slot idles; but once PATIENCE later ones have passed it on a
Resource that it lacks, its slots are kept for it and nothing later may take them. So one that needs two busy
Resources at once is not starved by those that need only one of them, while one that waits behind its betters
holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Generic, TypeVar

PATIENCE = 8

Needs = tuple[str, ...]
Order = tuple[tuple[int, ...], int]
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Place(Generic[T]):
    """Where one stands. `overtaken` counts by Resource how many later ones took a slot of it meanwhile."""

    item: T
    order: Order
    needs: Needs
    left: bool = False
    overtaken: dict[str, int] = field(default_factory=dict)

    def __lt__(self, other: Place[T]) -> bool:
        return self.order < other.order


@dataclass(slots=True)
class _Look(Generic[T]):
    """One look over the lanes' heads: who was passed over, and how many free slots are kept for them."""

    kept: dict[str, int] = field(default_factory=dict)
    passed: dict[str, list[Place[T]]] = field(default_factory=dict)

    def pass_over(self, place: Place[T], lacking: list[str]) -> None:
        impatient = any(place.overtaken.get(name, 0) >= PATIENCE for name in lacking)
        for name in place.needs:
            self.passed.setdefault(name, []).append(place)
            if impatient:
                self.kept[name] = self.kept.get(name, 0) + 1

    def overtake(self, needs: Needs) -> None:
        for name in needs:
            for place in self.passed.get(name, ()):
                place.overtaken[name] = place.overtaken.get(name, 0) + 1


class Lanes(Generic[T]):
    """`slots` says how many slots each Resource has, by name."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._free = dict(slots)
        self._lanes: dict[Needs, list[Place[T]]] = {}

    def put(self, item: T, order: Order, needs: Needs) -> Place[T]:
        """Let one wait for one slot of each Resource in `needs`."""
        place = Place(item, order, needs)
        heappush(self._lanes.setdefault(needs, []), place)
        return place

    def take(self, allowed: Callable[[T], bool]) -> Iterator[T]:
        """Those who have their slots now, in order, until `release`. One that is not `allowed` waits on, and
        its lane with it."""
        look: _Look[T] = _Look()
        heads: list[Place[T]] = []
        for needs in self._lanes:
            self._push_head(heads, needs)
        while heads:
            place = heappop(heads)
            lacking = [name for name in place.needs if self._free[name] <= look.kept.get(name, 0)]
            if lacking or not allowed(place.item):
                look.pass_over(place, lacking)
                continue
            place.left = True
            look.overtake(place.needs)
            for name in place.needs:
                self._free[name] -= 1
            self._push_head(heads, place.needs)
            yield place.item

    def release(self, needs: Needs) -> None:
        """Give back one slot of each Resource in `needs`."""
        for name in needs:
            self._free[name] += 1

    def grow(self, name: str, slots: int) -> None:
        """Give a Resource so many more slots, or fewer: then none is free until so many more were given back."""
        self._free[name] += slots

    def leave(self, concerned: Callable[[str], bool]) -> list[T]:
        """Those who waited for a Resource so named, in order; they wait no more."""
        leaving: list[Place[T]] = []
        for needs, lane in self._lanes.items():
            if any(map(concerned, needs)):
                leaving += [place for place in lane if not place.left]
                lane.clear()
        for place in leaving:
            place.left = True
        return [place.item for place in sorted(leaving)]

    def _push_head(self, heads: list[Place[T]], needs: Needs) -> None:
        lane = self._lanes[needs]
        while lane and lane[0].left:
            heappop(lane)
        if lane:
            heappush(heads, lane[0])

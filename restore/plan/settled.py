"""What people settled, looked up by the question's subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from restore.model.outcome import Answer, ManualItem
from restore.model.survey import Decision


class Settlement:
    """Answers and drops, by subject and by item."""

    def __init__(self, settled: Iterable[Decision]) -> None:
        self._answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self._dropped: set[str] = set()
        self._closed: set[str] = set()
        for one in settled:
            if one.answer is None:
                self._dropped.add(one.item.id)
                self._closed.add(one.item.subject)
            else:
                self._answers[one.item.subject].append(one.answer)

    def answer(self, subject: str, effect: str) -> Answer | None:
        """The latest answer of that effect about that subject."""
        fitting = [one for one in self._answers.get(subject, ()) if one.effect == effect]
        return fitting[-1] if fitting else None

    def given_up(self, subject: str) -> bool:
        """Whether a person dropped a question about this subject, or said that what is live stays."""
        return subject in self._closed or self.answer(subject, "keep") is not None

    def dropped(self, item: ManualItem) -> bool:
        """Whether a person dropped this very question."""
        return item.id in self._dropped

    def open(self, item: ManualItem) -> bool:
        """Whether a question still has to be asked."""
        return item.id not in self._dropped and not self._answers.get(item.subject)

"""Progress: not too often, and never backwards."""

import math

from contracts.tools.spec import ToolProgress
from workers.tool.core.telling import LONGEST, MOST, PAUSE, Teller


class Mouth:
    """What was told, and the time."""

    def __init__(self) -> None:
        self.told: list[ToolProgress] = []
        self.now = 0.0
        self.teller = Teller(self.told.append, lambda: self.now)

    def say(self, progress: float, message: str | None = None) -> None:
        self.teller.tell(ToolProgress(progress=progress, message=message))


def test_words_that_come_too_soon_are_left_out() -> None:
    mouth = Mouth()

    for step in range(10):
        mouth.say(step)
        mouth.now += PAUSE * 0.6

    assert [one.progress for one in mouth.told] == [0, 2, 4, 6, 8]


def test_progress_only_rises() -> None:
    mouth = Mouth()

    for progress in (1.0, 1.0, 0.5, math.nan, math.inf, 2.0):
        mouth.say(progress)
        mouth.now += 1

    assert [one.progress for one in mouth.told] == [1.0, 2.0]


def test_there_is_an_end_to_it() -> None:
    mouth = Mouth()

    for step in range(MOST + 10):
        mouth.say(step)
        mouth.now += 1

    assert len(mouth.told) == MOST


def test_a_message_is_cut() -> None:
    mouth = Mouth()

    mouth.say(1, "x" * 10_000)

    assert len(mouth.told[0].message or "") == LONGEST

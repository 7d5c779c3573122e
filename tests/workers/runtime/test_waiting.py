"""When a provider says to come back."""

import pytest

from workers.runtime.waiting import seconds_to_wait

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), (" 3 ", 3.0), ("3600", 3_600.0), ("-1", 0.0)],
)
def test_seconds_are_seconds(header: str, seconds: float) -> None:
    assert seconds_to_wait(header, DATE) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 08:28:30 +0100", 30.0),
        ("Wed, 21 Oct 2026 07:28:30", 30.0),
    ],
)
def test_a_date_counts_from_the_date_of_the_answer(header: str, seconds: float) -> None:
    assert seconds_to_wait(header, DATE) == seconds


@pytest.mark.parametrize(
    "header", [None, "", "soon", "nan", "inf", "-inf", "1e999", "Wed, 99 Foo 2026 07:28:00 GMT"]
)
def test_what_cannot_be_read_asks_for_nothing(header: str | None) -> None:
    assert seconds_to_wait(header, DATE) is None


@pytest.mark.parametrize("date", [None, "", "today"])
def test_a_date_without_a_date_to_count_from_asks_for_nothing(date: str | None) -> None:
    assert seconds_to_wait("Wed, 21 Oct 2026 07:28:30 GMT", date) is None

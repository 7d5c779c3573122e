"""The days of a question about use."""

from datetime import UTC, date, datetime

import pytest

from api_edge.admin.users_routes import MAX_DAYS, USUAL_DAYS, days_between
from contracts.errors import ApiError

TODAY = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, date(2026, 10, 24), date(2026, 11, 22)),
        (date(2026, 11, 22), None, date(2026, 11, 22), date(2026, 11, 22)),
        (None, date(2026, 1, 30), date(2026, 1, 1), date(2026, 1, 30)),
        (date(2024, 1, 1), date(2024, 12, 31), date(2024, 1, 1), date(2024, 12, 31)),
        (None, date(1, 1, 2), date.min, date(1, 1, 2)),
    ],
)
def test_thirty_days_are_told_unless_others_are_asked_for(
    start: date | None, end: date | None, first: date, last: date
) -> None:
    assert days_between(start, end, TODAY) == (first, last)
    assert (last - first).days < max(USUAL_DAYS, MAX_DAYS)


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2026, 11, 23), None), (date(2026, 1, 2), date(2026, 1, 1)), (date(2025, 1, 1), date(2026, 1, 2))],
)
def test_days_in_no_order_and_too_many_are_refused(start: date, end: date | None) -> None:
    with pytest.raises(ApiError) as raised:
        days_between(start, end, TODAY)

    assert raised.value.detail.param == "start_date"

"""Moments as they are said on a command line."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from infra.cli.moments import moment


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert moment("2026-05-01T12:00") == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert moment("2026-05-01") == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_zone_that_is_said_counts() -> None:
    assert moment("2026-05-01T12:00+02:00") == datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
    ],
)
def test_a_time_ago_is_counted_from_now(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)

    found = moment(text)

    assert before <= found + ago <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "3", "3w", "-3d", "2026-13-01", "1234567d", "999999d"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no moment"):
        moment(text)

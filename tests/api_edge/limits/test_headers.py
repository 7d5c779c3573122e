"""What an answer says of limits."""

import pytest

from api_edge.limits.headers import NAMES, duration, limit_headers
from infra.limits.admission import Ask, Level, Verdict
from infra.limits.allowances import Allowance
from infra.limits.gate import Entry


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, b"0s"),
        (0.0001, b"1ms"),
        (0.12, b"120ms"),
        (0.9999, b"1s"),
        (1, b"1s"),
        (1.2, b"2s"),
        (59.5, b"1m0s"),
        (360, b"6m0s"),
        (3_725, b"62m5s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds: float, text: bytes) -> None:
    assert duration(seconds) == text


def test_requests_are_counted_in_completions() -> None:
    verdict = Verdict(0, 0, Level(89, 6.6), Level(17_500, 7.5), 0, ())
    entry = Entry(Allowance("free", 10, 20_000), Ask("t", None, 10, 100, 20_000), verdict)

    headers = limit_headers(entry)

    assert [name.decode() for name, _ in headers] == list(NAMES)
    values = [value for _, value in headers]
    assert values == [b"10", b"8", b"7s", b"20000", b"17500", b"8s", b"10", b"8", b"7"]

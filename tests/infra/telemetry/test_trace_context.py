"""Trace context is continued when it is well formed, and begun when it is not."""

import pytest

from infra.telemetry.trace_context import MAX_TRACESTATE, begun, continued, continued_state, trace_id_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("flags", ["00", "01", "02", "03", "ff"])
def test_a_current_one_is_passed_on_as_it_is(flags: str) -> None:
    assert continued(f"00-{TRACE}-{SPAN}-{flags}") == f"00-{TRACE}-{SPAN}-{flags}"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (f"01-{TRACE}-{SPAN}-01", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-fe-x", f"00-{TRACE}-{SPAN}-00"),
    ],
)
def test_a_later_version_is_read_as_far_as_it_is_known(later: str, expected: str) -> None:
    assert continued(later) == expected


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-{'x' * 10_000}",
        f"0x-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
    ],
)
def test_a_malformed_one_is_ignored(malformed: str | None) -> None:
    assert continued(malformed) is None


def test_a_new_trace_is_well_formed_not_sampled_and_its_own() -> None:
    made = {begun() for _ in range(1_000)}

    assert len({trace_id_of(traceparent) for traceparent in made}) == 1_000
    assert all(continued(traceparent) == traceparent and traceparent.endswith("-00") for traceparent in made)


@pytest.mark.parametrize("state", ["a=1", "a=1,b@v=2", "x" * MAX_TRACESTATE])
def test_a_state_is_passed_on_as_it_is(state: str) -> None:
    assert continued_state(state) == state


@pytest.mark.parametrize("state", [None, "", "x" * (MAX_TRACESTATE + 1), "a=1\r\nx-evil: 1", "a=ü", "a=\x00"])
def test_a_state_that_is_no_header_text_or_too_long_is_dropped(state: str | None) -> None:
    assert continued_state(state) is None

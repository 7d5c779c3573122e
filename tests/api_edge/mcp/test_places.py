"""Places in streams: what is written into an event's id is read from it again, and nothing else is."""

import pytest

from api_edge.mcp.places import BEFORE_FIRST, Place, place_of

JOB = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"


@pytest.mark.parametrize("request_id", [0, 7, -1, "", "a", "ä.ö", "x" * 100])
@pytest.mark.parametrize("token", [None, 3, "tök.en"])
@pytest.mark.parametrize("seq", [BEFORE_FIRST, 0, 41])
def test_a_place_is_read_from_its_id(request_id: str | int, token: str | int | None, seq: int) -> None:
    place = Place(JOB, seq, request_id, token)

    event_id = place.event_id()

    assert event_id is not None
    assert event_id.isascii()
    assert event_id.isprintable()
    assert place_of(event_id) == place


def test_a_name_that_is_too_long_has_no_id() -> None:
    assert Place(JOB, 0, "x" * 1_000, None).event_id() is None


@pytest.mark.parametrize(
    "event_id",
    [
        *("", ".", "..", "a.b.c", f"{JOB}.0", f"{JOB}.-1.WzEsbnVsbF0", f"{JOB}.x.WzEsbnVsbF0"),
        *(f"{JOB}.0.***", f"{JOB}.0.e30", f"{JOB}.0.WzFd", f"{JOB}.0.W251bGwsbnVsbF0", "nope.0.WzEsbnVsbF0"),
        *(f"{JOB}.0.WzEsbnVsbF0.more", f"{JOB}.0." + "A" * 600, f"{JOB}.²." + "WzEsbnVsbF0"),
    ],
)
def test_what_is_no_id_of_ours_names_no_place(event_id: str) -> None:
    assert place_of(event_id) is None

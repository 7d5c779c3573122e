"""A response's events, numbered, as a client gets them."""

import asyncio

import pytest

from api_edge.responses import events
from contracts.errors import ApiError
from tests.api_edge.responses.logs import (
    COMPLETED,
    END,
    JOB,
    Client,
    Desk,
    error,
    event,
    follow,
    says,
    turn_job,
)

CREATED, TOOL = event("response.created", response={}), event("tool", item={})
TWO_TURNS = [
    "0 response.created",
    "1 delta I",
    "2 delta look",
    "3 done",
    "4 tool",
    "5 delta Sunny",
    "6 done",
    "7 response.completed",
]


def desk_of_two_turns() -> Desk:
    desk = Desk()
    desk.write(CREATED, follow(0), TOOL, follow(1), COMPLETED, END)
    desk.write_turn(0, says("I"), says(), says("look"), END)
    desk.write_turn(1, says("Sunny"), END)
    return desk


async def test_a_turn_with_text_is_told_between_the_events_of_the_response() -> None:
    desk = Desk()
    desk.write(CREATED, follow(0), COMPLETED, END)
    desk.write_turn(0, says("Hel", "lo"), END)

    client = await desk.read()

    assert client.told == [
        "0 response.created",
        "1 delta Hel",
        "2 delta lo",
        "3 done",
        "4 response.completed",
    ]
    assert client.body.startswith(b'event: response.created\ndata: {"type":"response.created"')
    assert client.sent[0]["status"] == 200
    assert client.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_events_of_two_turns_have_a_tool_between_them() -> None:
    assert (await desk_of_two_turns().read()).told == TWO_TURNS


@pytest.mark.parametrize("after", range(len(TWO_TURNS)))
async def test_a_resumed_stream_is_exactly_what_is_behind_the_cursor(after: int) -> None:
    client = await desk_of_two_turns().read(after=after)

    assert client.told == TWO_TURNS[after + 1 :]
    assert client.sent[0]["status"] == 200


async def test_a_cursor_beyond_the_end_is_an_error() -> None:
    with pytest.raises(ApiError, match="which has 8 events") as caught:
        await desk_of_two_turns().read(after=8)

    assert caught.value.detail.param == "starting_after"


async def test_what_is_written_while_it_is_read_is_told_the_same() -> None:
    desk, whole = Desk(), desk_of_two_turns()
    reading = asyncio.create_task(desk.read())
    response, first, second = (list(whole.relay.logs[name]) for name in (JOB, turn_job(0), turn_job(1)))

    for frames, write in (
        (response[:2], desk.write),
        (first, lambda *some: desk.write_turn(0, *some)),
        (response[2:4], desk.write),
        (second, lambda *some: desk.write_turn(1, *some)),
        (response[4:], desk.write),
    ):
        for frame in frames:
            write(frame)
            for _ in range(20):
                await asyncio.sleep(0)

    assert (await reading).told == TWO_TURNS


async def test_a_slow_client_gets_everything_from_the_logs() -> None:
    desk = Desk()
    desk.write(CREATED, follow(0))
    slow = Client(lambda: asyncio.sleep(0))
    reading = asyncio.create_task(desk.read(slow))
    for number in range(400):
        desk.write_turn(0, says(f"{number:0>100}"))
    desk.write_turn(0, END)
    desk.write(COMPLETED, END)

    client = await reading

    assert [one["sequence_number"] for one in client.events] == list(range(403))
    assert client.events[400]["delta"].endswith("399")


async def test_a_turn_that_failed_is_cut_and_the_response_tells_why() -> None:
    desk = Desk()
    desk.write(CREATED, follow(0), event("response.failed", response={}), END)
    desk.write_turn(0, says("Hel"), error())

    assert (await desk.read()).told == ["0 response.created", "1 delta Hel", "2 response.failed"]


async def test_a_turn_without_an_end_is_left_when_the_response_has_gone_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "END_SECONDS", 0.05)
    desk = Desk()
    desk.write(CREATED, follow(0), event("response.cancelled", response={}), END)
    desk.write_turn(0, says("Hel"))

    assert (await desk.read()).told == ["0 response.created", "1 delta Hel", "2 response.cancelled"]


async def test_a_turn_that_is_waited_for_is_left_when_the_response_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "END_SECONDS", 0.05)
    desk = Desk()
    desk.write(CREATED, follow(0))
    desk.write_turn(0, says("Hel"))
    reading = asyncio.create_task(desk.read())
    await desk.world.until(lambda: [one.seq for one in desk.followers(turn_job(0))] == [1])

    desk.write(event("response.cancelled", response={}), END)
    desk.nudge()

    assert (await reading).told == ["0 response.created", "1 delta Hel", "2 response.cancelled"]


async def test_a_turn_whose_log_is_gone_ends_the_stream_with_a_flat_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "END_SECONDS", 0.05)
    desk = Desk()
    desk.write(CREATED, follow(0), COMPLETED, END)

    client = await desk.read()

    assert client.told == ["0 response.created", "0 error"]
    assert client.events[-1]["code"] == "stream_lost"
    assert client.events[-1].keys() == {"type", "code", "message", "param", "sequence_number"}
    assert client.sent[-1]["more_body"] is False


async def test_a_log_that_was_begun_anew_ends_the_stream_with_a_flat_error() -> None:
    desk = Desk()
    desk.write(CREATED, b"c2 {}")

    with pytest.raises(ApiError, match="lost on its way"):
        await desk.read()


async def test_a_buried_response_is_told_by_a_flat_error() -> None:
    desk = Desk()
    desk.write(CREATED, error("Its worker was lost"))

    client = await desk.read()

    assert client.told == ["0 response.created", "1 error"]
    assert client.events[1]["message"] == "Its worker was lost"


async def test_a_response_that_was_buried_at_once_is_a_plain_error() -> None:
    desk = Desk()
    desk.write(error("Its worker was lost"))

    with pytest.raises(ApiError, match="Its worker was lost"):
        await desk.read()


async def test_silence_is_filled_with_a_comment_of_one_newline() -> None:
    desk, client = Desk(), Client()
    desk.write(CREATED, follow(0))
    desk.write_turn(0, says("Hel"))
    reading = asyncio.create_task(desk.read(client))
    await desk.world.until(lambda: len(client.told) == 2)

    desk.nudge()
    await desk.world.until(lambda: client.body.endswith(b"\n: ping\n"))
    desk.write_turn(0, END)
    desk.write(COMPLETED, END)

    assert (await reading).told[-1] == "3 response.completed"


async def test_a_client_that_goes_ends_the_reading_of_a_turn() -> None:
    desk, client = Desk(), Client()
    desk.write(CREATED, follow(0))
    reading = asyncio.create_task(desk.read(client))
    await desk.world.until(lambda: len(client.told) == 1)

    client.gone.set()
    await reading

    assert not desk.followers(JOB)
    assert not desk.followers(turn_job(0))


@pytest.mark.parametrize(
    ("is_kept", "where"), [(True, "starting_after=0"), (False, "send the request again")]
)
async def test_a_server_that_stops_says_where_the_stream_goes_on(where: str, *, is_kept: bool) -> None:
    desk, client = Desk(), Client()
    desk.write(CREATED, follow(0))
    reading = asyncio.create_task(desk.read(client, is_kept=is_kept))
    await desk.world.until(lambda: len(client.told) == 1)

    desk.world.draining.end()
    await reading

    assert client.told == ["0 response.created", "0 error"]
    assert where in client.events[-1]["message"]

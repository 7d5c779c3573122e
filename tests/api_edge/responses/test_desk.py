"""Responses that are there already: shown, listed, stopped, deleted."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from api_edge.responses.cancels import Cancels
from contracts.jobs import ResponseEnvelope
from contracts.responses.plan import Called
from infra.store.response_steps import ResponseStepRow
from infra.store.tool_calls import ToolCallRow
from tests.api_edge.responses.room import Room

UNKNOWN = "resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
OTHER = {"authorization": "Bearer other"}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://example.com"}]},
}


async def created(room: Room, **fields: Any) -> str:  # as a client sends them
    return str((await room.create(background=True, **fields)).json["id"])


def ending(room: Room, status: str = "cancelled") -> None:
    """A worker that ends what is to be stopped."""
    tasks = set()

    def act(envelope: ResponseEnvelope) -> None:
        if envelope.job.is_cancelled:
            change = room.change(envelope.job.response_id, status=status, ended_at=datetime.now(UTC))
            tasks.add(asyncio.ensure_future(change))

    room.on_word(act)


async def test_one_that_runs_says_when_to_ask_again(room: Room) -> None:
    named = await created(room)

    early = await room.ask("GET", f"/v1/responses/{named}")
    await room.change(named, status="completed", ended_at=NOW)
    late = await room.ask("GET", f"/v1/responses/{named}")

    assert (early.json["status"], early.headers[b"openai-poll-after-ms"]) == ("queued", b"500")
    assert late.json["status"] == "completed"
    assert late.json["completed_at"] == int(NOW.timestamp())
    assert b"openai-poll-after-ms" not in late.headers


@pytest.mark.parametrize("name", ["include", "include[]", "include%5B%5D"])
async def test_sources_are_shown_to_who_asks_for_them(room: Room, name: str) -> None:
    named = await created(room)
    await room.put_out(named, SEARCH)

    plain = await room.ask("GET", f"/v1/responses/{named}")
    full = await room.ask("GET", f"/v1/responses/{named}", query=f"{name}=web_search_call.action.sources")

    assert plain.json["output"][0]["action"] == {"type": "search", "query": "q"}
    assert full.json["output"] == [SEARCH]


async def test_a_list_is_of_one_status_and_goes_on_behind_an_id(room: Room) -> None:
    names = [await created(room) for _ in range(3)]
    await room.change(names[0], status="completed")

    first = (await room.ask("GET", "/v1/responses", query="limit=2")).json
    rest = (await room.ask("GET", "/v1/responses", query=f"limit=2&after={first['next_after']}")).json
    done = (await room.ask("GET", "/v1/responses", query="status=completed")).json
    wrong = await room.ask("GET", "/v1/responses", query="status=done")

    assert [one["id"] for one in first["data"] + rest["data"]] == names[::-1]
    assert [one["id"] for one in done["data"]] == [names[0]]
    assert first["data"][0]["execution_metadata"]["max_depth"] == 8
    assert (wrong.status, wrong.json["error"]["param"]) == (400, "status")


async def test_stopping_waits_for_the_end_and_does_nothing_twice(room: Room) -> None:
    named = await created(room)
    ending(room)

    first = await room.ask("POST", f"/v1/responses/{named}/cancel")
    again = await room.ask("POST", f"/v1/responses/{named}/cancel")

    assert first.json["status"] == again.json["status"] == "cancelled"
    assert [word.job.is_cancelled for word in room.words] == [False, True]


async def test_who_stops_one_hears_when_that_cannot_be_told(room: Room) -> None:
    named = await created(room)
    room.world.bus.is_down = True

    answer = await room.ask("POST", f"/v1/responses/{named}/cancel")

    assert answer.status == 503
    assert (await room.row(named)).status == "queued"


async def test_one_that_does_not_end_is_shown_as_it_is(room: Room) -> None:
    named = await created(room)
    cancels = Cancels(room.world.edge, room.database, wait_seconds=0.2)

    row = await cancels.end(await room.row(named))

    assert row.status == "queued"


async def test_what_somebody_waits_for_is_not_stopped_by_its_id(room: Room) -> None:
    named = await created(room)
    await room.change(named, is_background=False)

    answer = await room.ask("POST", f"/v1/responses/{named}/cancel")

    assert answer.status == 400
    assert len(room.words) == 1


async def test_what_is_deleted_is_gone_and_was_stopped_before(room: Room) -> None:
    named = await created(room)
    ending(room)

    answer = await room.ask("DELETE", f"/v1/responses/{named}")

    assert answer.json == {"id": named, "object": "response", "deleted": True}
    assert room.words[-1].job.is_cancelled
    assert (await room.ask("GET", f"/v1/responses/{named}")).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/input_items"),
        ("GET", "/tool_executions"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ],
)
async def test_anothers_response_is_told_as_an_unknown_one(room: Room, method: str, path: str) -> None:
    named = await created(room)

    others = await room.ask(method, f"/v1/responses/{named}{path}", headers=OTHER)
    unknown = await room.ask(method, f"/v1/responses/{UNKNOWN}{path}")
    formless = await room.ask(method, f"/v1/responses/none{path}")

    assert others.status == unknown.status == formless.status == 404
    said = [json.loads(one.body)["error"]["message"] for one in (others, unknown, formless)]
    assert said == [f"There is no response {name!r}" for name in (named, UNKNOWN, "none")]


async def test_what_is_not_stored_cannot_be_read(room: Room) -> None:
    named = await created(room)
    await room.change(named, is_stored=False)

    assert (await room.ask("GET", f"/v1/responses/{named}")).status == 404


async def test_items_that_were_put_in_are_listed_by_place(room: Room) -> None:
    said = [{"role": "user", "content": text} for text in ("One", "Two", "Three")]
    named = await created(room, input=said)
    path = f"/v1/responses/{named}/input_items"

    newest = (await room.ask("GET", path, query="limit=1")).json
    rest = (await room.ask("GET", path, query=f"after={newest['last_id']}")).json

    texts = [item["content"][0]["text"] for item in newest["data"] + rest["data"]]
    assert texts == ["Three", "Two", "One"]
    assert (newest["has_more"], rest["has_more"]) == (True, False)


async def test_calls_of_tools_are_told_with_their_records(room: Room) -> None:
    named = await created(room)
    called = Called(output_index=0, item_id="ws_1", call_id="c1", name="google_search", arguments='{"q":"x"}')
    steps = [
        ResponseStepRow(
            response_id=named,
            number=at,
            kind="tool",
            turn=0,
            job_id=job_id,
            about=called.model_dump(mode="json"),
            status=status,
            started_at=NOW,
            deadline=NOW,
        )
        for at, (job_id, status) in enumerate([("J1", "completed"), ("J2", "running")], 1)
    ]
    record = ToolCallRow(
        job_id="J1",
        tenant="t1",
        user_id="u1",
        tool="google_search",
        response_id=named,
        call_id="c1",
        status="completed",
        arguments={"q": "x", "gl": "pt"},
        result={"content": []},
        started_at=NOW,
        ended_at=NOW,
        duration_ms=12,
    )
    async with room.database.begin() as session:
        session.add_all([*steps, record])

    answer = await room.ask("GET", f"/v1/responses/{named}/tool_executions")

    first, second = answer.json["data"]
    assert first["object"] == "tool_execution"
    assert (first["tool_name"], first["call_id"], first["duration_ms"]) == ("google_search", "c1", 12)
    assert (first["arguments"], first["result"]) == ({"q": "x", "gl": "pt"}, {"content": []})
    assert (second["arguments"], second["result"], second["status"]) == ({"q": "x"}, None, "running")


async def test_a_stream_is_read_on_from_any_event(room: Room) -> None:
    room.on_word(lambda envelope: room.log(envelope.job_id, {"type": "a"}, {"type": "b"}, {"type": "c"}))
    answer = await room.create(background=True, stream=True)
    named = "resp_" + answer.headers[b"x-job-id"].decode()

    whole = await room.ask("GET", f"/v1/responses/{named}", query="stream=true")
    rest = await room.ask("GET", f"/v1/responses/{named}", query="stream=true&starting_after=1")

    assert whole.body == answer.body
    assert rest.body == b'event: c\ndata: {"type":"c","sequence_number":2}\n\n'


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("stream=yes", "stream"),
        ("starting_after=1", "starting_after"),
        ("stream=true&starting_after=-1", "starting_after"),
        ("include=everything", "include"),
        ("stream=true", "stream"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(room: Room, query: str, param: str) -> None:
    named = await created(room)

    answer = await room.ask("GET", f"/v1/responses/{named}", query=query)

    assert (answer.status, answer.json["error"]["param"]) == (400, param)

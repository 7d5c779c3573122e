"""POST /v1/responses: what is written, told to workers, and answered."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from contracts.envelope import Lane
from contracts.ids import response_id
from contracts.jobs import ResponseEnvelope
from contracts.responses.plan import ResponsePlan
from infra.bus.errors import BusError, BusTimeout
from infra.store.response_items import items_of_response
from infra.store.responses import locked_response
from tests.api_edge.responses.room import Room

CONVERSATION = "conv_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
UNKNOWN = "resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
OTHER = {"authorization": "Bearer other"}
DETACH = {"x-on-disconnect": "detach"}
KEY = {"idempotency-key": "k1"}
REQUEST = {
    "id": "mcpr_1",
    "type": "mcp_approval_request",
    "server_label": "tickets",
    "name": "close",
    "arguments": '{"id":1}',
}
TICKETS = {"type": "mcp", "server_label": "tickets"}
ALLOWED = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}


def completing(room: Room) -> None:
    """A worker that completes at once."""

    def act(envelope: ResponseEnvelope) -> None:
        told = {"id": envelope.job.response_id, "object": "response", "status": "completed"}
        room.log(
            envelope.job_id,
            {"type": "response.created", "response": {}},
            {"type": "response.completed", "response": told},
        )

    room.on_word(act)


async def test_an_answer_in_the_background_is_the_queued_object(room: Room) -> None:
    answer = await room.create(background=True, instructions="Be short", metadata={"a": "b"})

    assert answer.status == 200
    assert answer.json["status"] == "queued"
    assert answer.json["output"] == []
    assert (answer.json["background"], answer.json["store"]) == (True, True)
    assert (answer.json["instructions"], answer.json["metadata"]) == ("Be short", {"a": "b"})
    assert answer.json["service_tier"] == "default"
    assert answer.headers[b"x-job-id"].decode() == answer.json["id"].removeprefix("resp_")


async def test_a_response_is_written_down_with_what_its_worker_needs(room: Room) -> None:
    answer = await room.create(
        background=True, conversation=CONVERSATION, service_tier="flex", text={"verbosity": None}
    )

    row, (word,) = await room.row(answer.json["id"]), room.words
    kept = ResponseEnvelope.model_validate(row.envelope)
    assert kept == word.model_copy(update={"reply_to": None})
    assert (word.kind, word.lane, word.patient) == ("response", Lane.FLEX, True)
    assert word.job.response_id == row.response_id == response_id(word.job_id)
    assert row.due_at == word.deadline == row.created_at + timedelta(hours=1)
    assert row.expires_at == row.created_at + timedelta(days=30)
    assert (row.conversation_id, row.after) == (CONVERSATION, 7)
    assert row.asked["text"]["verbosity"] == "medium"
    assert row.asked["service_tier"] == "flex"
    assert "traceparent" in row.trace
    async with room.database.begin() as session:
        items = await items_of_response(session, row.response_id, is_output=False)
    assert [item.item["content"] for item in items] == [[{"type": "input_text", "text": "Hi"}]]
    assert items[0].item_id == items[0].item["id"]


async def test_who_waits_gets_the_response_when_it_has_ended(room: Room) -> None:
    completing(room)

    answer = await room.create(store=False)

    assert answer.json["status"] == "completed"
    row = await room.row(answer.json["id"])
    assert row.expires_at == row.created_at + timedelta(hours=1)
    assert row.due_at == row.created_at + timedelta(seconds=600)
    assert row.envelope["reply_to"] == "edge:memory"


async def test_a_stream_is_told_as_events(room: Room) -> None:
    completing(room)

    answer = await room.create(stream=True)

    assert answer.headers[b"content-type"].startswith(b"text/event-stream")
    assert b"event: response.created\n" in answer.body
    assert b'"sequence_number":1}\n\n' in answer.body


async def test_what_was_not_produced_is_not_written_down(room: Room) -> None:
    room.world.bus.is_down = True
    room.world.bus.failure = BusError("down")

    answer = await room.create(background=True)

    assert answer.status == 503
    assert (await room.ask("GET", "/v1/responses")).json["data"] == []


@pytest.mark.parametrize(("headers", "kept"), [({}, 0), (KEY, 1)])
async def test_what_may_have_arrived_is_kept_only_where_its_key_leads_to_it(
    room: Room, headers: dict[str, str], kept: int
) -> None:
    room.world.bus.is_down = True
    room.world.bus.failure = BusTimeout("late")

    answer = await room.create(headers, background=True)

    assert answer.status == 503
    assert len((await room.ask("GET", "/v1/responses")).json["data"]) == kept


async def test_a_client_that_leaves_stops_its_response(room: Room) -> None:
    gone = asyncio.Event()
    room.on_word(lambda _: gone.set())

    await room.ask("POST", "/v1/responses", {"model": "m", "input": "Hi"}, gone=gone)

    assert [word.job.is_cancelled for word in room.words] == [False, True]
    assert room.words[1].model_copy(update={"job": room.words[0].job}) == room.words[0]


@pytest.mark.parametrize("headers", [DETACH, KEY])
async def test_a_client_that_detaches_stops_nothing(room: Room, headers: dict[str, str]) -> None:
    gone = asyncio.Event()
    room.on_word(lambda _: gone.set())

    await room.ask("POST", "/v1/responses", {"model": "m", "input": "Hi"}, headers=headers, gone=gone)

    assert [word.job.is_cancelled for word in room.words] == [False]


async def test_the_same_key_is_the_same_response(room: Room) -> None:
    completing(room)

    first, again = await room.create(KEY), await room.create(KEY)

    assert first.json == again.json
    assert len(room.words) == 1
    assert again.headers[b"idempotency-replayed"] == b"true"


async def test_a_key_whose_log_is_gone_is_answered_from_what_is_stored(room: Room) -> None:
    completing(room)
    first = await room.create(KEY)
    await room.change(first.json["id"], status="completed")
    room.world.relay.logs.clear()
    room.world.relay.attempts.clear()
    for row in room.world.keys.rows.values():
        row.created_at -= timedelta(hours=2)

    again = await room.create(KEY)

    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert again.json["object"] == "response"


async def test_a_response_goes_on_from_one_that_has_ended(room: Room) -> None:
    first = (await room.create(background=True)).json["id"]

    early = await room.create(background=True, previous_response_id=first)
    await room.change(first, status="completed")
    late = await room.create(background=True, previous_response_id=first)

    assert (early.status, early.json["error"]["param"]) == (400, "previous_response_id")
    assert late.json["previous_response_id"] == first


async def test_a_reference_stands_for_the_item_of_the_chain(room: Room) -> None:
    first = (await room.create(background=True)).json["id"]
    await room.put_out(first, {"id": "rs_1", "type": "reasoning", "summary": []})
    await room.change(first, status="completed")

    answer = await room.create(
        background=True,
        previous_response_id=first,
        input=[{"type": "item_reference", "id": "rs_1"}, {"role": "user", "content": "And?"}],
    )
    alone = await room.create(background=True, input=[{"type": "item_reference", "id": "rs_1"}])
    lost = await room.create(background=True, input=[{"type": "item_reference", "id": "rs_2"}])
    theirs = await room.create(OTHER, input=[{"type": "item_reference", "id": "rs_1"}])

    items = (await room.ask("GET", f"/v1/responses/{answer.json['id']}/input_items", query="order=asc")).json
    assert [item["type"] for item in items["data"]] == ["reasoning", "message"]
    assert items["data"][0]["id"] == "rs_1"
    assert alone.status == 200
    for refused in (lost, theirs):
        assert (refused.status, refused.json["error"]["param"]) == (404, "input[0].id")


async def test_a_call_that_is_allowed_is_planned_before_the_first_turn(room: Room) -> None:
    first = (await room.create(background=True, tools=[TICKETS])).json["id"]
    await room.put_out(first, REQUEST)
    await room.change(first, status="completed")

    answer = await room.create(background=True, previous_response_id=first, tools=[TICKETS], input=[ALLOWED])

    plan = ResponsePlan.model_validate((await room.row(answer.json["id"])).plan)
    (called,) = plan.approved
    assert (called.output_index, called.name, called.arguments) == (1, "tickets_close", '{"id":1}')
    assert called.approval_request_id == "mcpr_1"
    assert called.item_id.startswith("mcp_")


@pytest.mark.parametrize(
    ("said", "status", "param"),
    [
        ({"model": "unknown"}, 404, "model"),
        ({"model": "mute"}, 400, "model"),
        ({"input": [{"type": "x"}]}, 400, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "x"}]}]}, 400, "input[0].content[0].type"),
        ({"input": [{"type": "item_reference"}]}, 400, "input[0].id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, 400, "input[0].call_id"),
        ({"input": [ALLOWED]}, 404, "input[0].approval_request_id"),
        ({"input": [ALLOWED | {"approve": "yes"}]}, 400, "input[0].approve"),
        ({"input": [REQUEST, ALLOWED]}, 400, "input[1]"),
        ({"previous_response_id": UNKNOWN}, 404, "previous_response_id"),
        ({"previous_response_id": "resp_"}, 404, "previous_response_id"),
        ({"conversation": "conv_"}, 400, "conversation"),
        ({"conversation": "conv_01KB3M5Q8Z7V2T4X6Y8W0R1S2Q"}, 404, "conversation"),
        ({"tools": [{"type": "shell"}]}, 400, "tools[0].type"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_image", "image_url": "jan_01kb3m5q8z7v2t4x6y8w0r1s2t"}],
                    }
                ]
            },
            404,
            "input",
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_written(
    room: Room, said: dict[str, Any], status: int, param: str
) -> None:
    answer = await room.create(**said)

    assert (answer.status, answer.json["error"]["param"]) == (status, param)
    assert not room.words


async def test_our_own_tools_are_offered_where_the_deployment_wants_it(room: Room) -> None:
    own = Room(room.database, room.settings.model_copy(update={"default_tools": "on"}))

    answers = [
        await own.create(background=True),
        await own.create(background=True, tool_choice="none"),
        await own.create(background=True, tools=[]),
    ]

    plans = [ResponsePlan.model_validate((await own.row(one.json["id"])).plan) for one in answers]
    assert [bool(plan.offered) for plan in plans] == [True, False, False]
    assert plans[0].lists[0]["server_label"] == "jan"
    assert not any(one.needs_approval for one in plans[0].offered)


async def test_an_edge_that_dies_before_producing_leaves_what_another_finishes(room: Room) -> None:
    room.world.keys.holders_are_dead = True
    completing(room)
    first = await room.create(KEY)
    for row in room.world.keys.rows.values():
        row.accepted_at = None

    again = await room.create(KEY)

    assert again.json["id"] == first.json["id"]
    assert len({word.job_id for word in room.words}) == 1
    async with room.database.begin() as session:
        assert await locked_response(session, first.json["id"]) is not None

"""Chats with memory on the running product: what reaches the model, and what is kept."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from contracts.ids import CONVERSATION, PROJECT, job_id_of, new_id, new_ulid
from infra.database import Transaction, open_database
from infra.settings import DatabaseSettings
from infra.store.completions import StoredCompletionRow
from infra.store.conversations import ConversationRow
from infra.store.items import ItemRow
from infra.store.projects import ProjectRow
from infra.store.turns import remembered_items
from tests.acceptance.asking import CHAT, HELLO, Json, chunks, error_in, said
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

SCRIPT = Script(tokens=3)
TEXT = wire.text(SCRIPT)
NOBODYS = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def answered(text: str = TEXT) -> Json:
    return {"role": "assistant", "content": text}


def chat(conversation: object, *messages: Json, **more: Any) -> Json:  # fields of a request
    return {"model": "scripted", "messages": list(messages), "conversation": conversation, **more}


async def whole(api: aiohttp.ClientSession, body: Json, **headers: str) -> Json:
    async with api.post(CHAT, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        told: Json = await answer.json()
        return told


async def begun(api: aiohttp.ClientSession, text: str = "first") -> str:
    """A conversation with one turn."""
    told = await whole(api, chat({}, user(text)))
    conversation_id: str = told["conversation"]["id"]
    return conversation_id


async def stored(database: DatabaseSettings, conversation_id: str, branch: str = "MAIN") -> list[ItemRow]:
    """All items of a branch."""
    async with open_database(database) as opened, opened.begin() as session:
        rows, _ = await remembered_items(session, conversation_id, branch, 10**9, lambda _: False)
        return rows


async def conversation_of(session: Transaction, conversation_id: str) -> ConversationRow:
    row = await session.get(ConversationRow, conversation_id)
    assert row is not None
    return row


def texts(rows: list[ItemRow]) -> list[str]:
    return [row.data["content"][0]["text"] for row in rows]


async def test_what_was_said_reaches_the_model(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)

    told = await whole(api, chat(one, user("second")))
    await whole(api, chat({"id": one}, {"role": "system", "content": "Be."}, user("third")))

    asked = [request.json["messages"] for request in upstream.chats]
    assert told["conversation"] == {"id": one, "title": "first"}
    assert asked[1] == [user("first"), answered(), user("second")]
    assert asked[2] == [
        {"role": "system", "content": "Be."},
        *asked[1],
        answered(),
        user("third"),
    ]
    assert texts(await stored(database, one)) == ["first", TEXT, "second", TEXT, "third", TEXT]


async def test_a_stream_names_its_conversation_in_its_first_chunk(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)

    async with api.post(CHAT, json=chat({"title": "Mine"}, user("q"), stream=True)) as answer:
        text = await answer.text()

    first, *rest = chunks(text)
    assert said(text) == TEXT
    assert first["conversation"]["title"] == "Mine"
    assert not any("conversation" in chunk for chunk in rest)
    assert texts(await stored(database, first["conversation"]["id"])) == ["q", TEXT]


async def test_the_sdk_reads_both_kinds_of_answers(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.always(SCRIPT)
    asked: Any = [user("q")]

    told = await sdk.chat.completions.create(
        model="scripted", messages=asked, extra_body={"conversation": {}}
    )
    conversation: Any = told.to_dict()["conversation"]
    stream = await sdk.chat.completions.create(
        model="scripted", messages=asked, stream=True, extra_body={"conversation": conversation["id"]}
    )
    said_ = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert told.choices[0].message.content == said_ == TEXT
    assert upstream.chats[1].json["messages"] == [user("q"), answered(), user("q")]


async def test_who_sends_everything_again_is_not_told_it_twice(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)

    await whole(api, chat(one, user("first"), answered(), user("second")))

    assert upstream.chats[1].json["messages"] == [user("first"), answered(), user("second")]
    assert texts(await stored(database, one)) == ["first", TEXT, "second", TEXT]


async def test_calls_of_tools_and_their_outputs_keep_their_order_over_three_turns(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.next(Script(tool=True), SCRIPT, Script(tool=True), SCRIPT)
    one = await begun(api, "look")
    rows = await stored(database, one)
    output = {"role": "tool", "tool_call_id": rows[1].call_id, "content": "nothing"}

    await whole(api, chat(one, output))
    async with api.post(CHAT, json=chat(one, user("again"), stream=True)) as answer:
        assert answer.status == 200
        await answer.text()
    await whole(api, chat(one, output, user("and?")))

    rows = await stored(database, one)
    sent = upstream.chats[3].json["messages"]
    assert [row.type for row in rows] == [
        *("message", "function_call", "function_call_output", "message"),
        *("message", "function_call", "function_call_output", "message", "message"),
    ]
    assert [message["role"] for message in sent] == [
        *("user", "assistant", "tool", "assistant"),
        *("user", "assistant", "tool", "user"),
    ]
    for call, answered_ in ((sent[1], sent[2]), (sent[5], sent[6])):
        assert call["tool_calls"][0]["id"] == answered_["tool_call_id"]
    assert sent[1]["tool_calls"] == sent[5]["tool_calls"]


async def test_what_is_not_stored_is_remembered_and_not_kept(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)

    told = await whole(api, chat(one, user("second"), store=False))
    begun_nowhere = await whole(api, chat({}, user("third"), store=False))

    assert upstream.chats[1].json["messages"] == [user("first"), answered(), user("second")]
    assert not {"conversation", "store"} & set(upstream.chats[1].json)
    assert told["conversation"]["id"] == one
    assert "conversation" not in begun_nowhere
    assert texts(await stored(database, one)) == ["first", TEXT]


async def test_a_stored_completion_is_there_with_its_request_as_a_whole(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    body = {**HELLO, "store": True, "metadata": {"k": "v"}, "stream": True}

    async with api.post(CHAT, json=body) as answer:
        public_id = chunks(await answer.text())[0]["id"]

    async with open_database(database) as opened, opened.begin() as session:
        row = await session.get(StoredCompletionRow, job_id_of(public_id))
    assert row is not None
    assert row.completion["id"] == public_id
    assert row.completion["choices"][0]["message"]["content"] == TEXT
    assert (row.meta, row.request["messages"]) == ({"k": "v"}, HELLO["messages"])
    assert not {"store", "metadata"} & set(upstream.chats[0].json)


async def test_a_failure_leaves_the_conversation_as_it_was(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)
    upstream.next(Script(status=400, body=wire.error(400, "no")))

    async with api.post(CHAT, json=chat(one, user("second"))) as answer:
        assert answer.status == 400, await answer.text()

    assert texts(await stored(database, one)) == ["first", TEXT]


async def test_a_repetition_by_its_key_appends_nothing(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)
    key = {"Idempotency-Key": new_ulid()}

    first = await whole(api, chat(one, user("second")), **key)
    again = await whole(api, chat(one, user("second")), **key)

    assert first == again
    assert len(upstream.chats) == 2
    assert texts(await stored(database, one)) == ["first", TEXT, "second", TEXT]


async def test_the_first_of_several_choices_is_the_turn(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(Script(tokens=3, choices=2))

    told = await whole(api, chat({}, user("q"), n=2))

    assert len(told["choices"]) == 2
    assert len(await stored(database, told["conversation"]["id"])) == 2


async def test_what_the_model_thought_is_kept_where_that_was_asked_for(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(Script(tokens=2, reasoning=2))

    kept = []
    for more in ({}, {"store_reasoning": True}):
        async with api.post(CHAT, json=chat({}, user("q"), stream=True, **more)) as answer:
            first = chunks(await answer.text())[0]
        kept.append(await stored(database, first["conversation"]["id"]))

    assert [row.type for row in kept[0]] == ["message", "message"]
    assert [row.type for row in kept[1]] == ["message", "reasoning", "message"]
    assert kept[1][1].data["content"][0]["type"] == "reasoning_text"


async def test_the_projects_instruction_is_the_first_message(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    project_id, now = new_id(PROJECT), datetime.now(UTC)
    async with open_database(database) as opened, opened.begin() as session:
        owner = await conversation_of(session, await begun(api))
        session.add(
            ProjectRow(
                project_id=project_id,
                tenant=owner.tenant,
                user_id=owner.user_id,
                name=project_id,
                instruction="You are a pirate.",
                created_at=now,
                updated_at=now,
            )
        )

    told = await whole(api, chat({"project_id": project_id}, {"role": "system", "content": "S"}, user("q")))
    await whole(api, chat(told["conversation"]["id"], user("r")))

    instruction = {"role": "system", "content": "You are a pirate."}
    assert upstream.chats[1].json["messages"] == [instruction, {"role": "system", "content": "S"}, user("q")]
    assert upstream.chats[2].json["messages"] == [instruction, user("q"), answered(), user("r")]


@pytest.mark.parametrize(
    ("conversation", "status", "param"),
    [
        ("nonsense", 400, "conversation"),
        ("conv_1", 400, "conversation"),
        ({"id": "conv_1"}, 400, "conversation"),
        (7, 400, "conversation"),
        ({"title": " "}, 400, "conversation.title"),
        ({"title": "a\0b"}, 400, "conversation.title"),
        ({"metadata": {"k": 1}}, 400, "conversation.metadata.k"),
        ({"project_id": "x"}, 400, "conversation.project_id"),
        ({"project_id": f"{PROJECT}{NOBODYS}"}, 404, "project_id"),
        (f"{CONVERSATION}{NOBODYS}", 404, "conversation"),
    ],
)
async def test_what_is_no_conversation_is_refused(
    api: aiohttp.ClientSession, upstream: Upstream, conversation: object, status: int, param: str
) -> None:
    async with api.post(CHAT, json=chat(conversation, user("q"))) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["param"]) == (status, param)
    assert upstream.chats == []


async def test_another_tenants_conversation_is_as_unknown_as_any(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)
    stranger = {"Authorization": f"Bearer {await product.token()}"}

    answers = []
    for conversation_id in (one, new_id(CONVERSATION)):
        async with api.post(CHAT, json=chat(conversation_id, user("q")), headers=stranger) as answer:
            answers.append((answer.status, {**error_in(await answer.json()), "request_id": None}))

    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert texts(await stored(database, one)) == ["first", TEXT]


async def test_media_that_nobody_has_are_named(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    media_id = "jan_01kb3m5q8z7v2t4x6y8w0r1s2t"
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": media_id}}]
    body = {"model": "scripted", "messages": [{"role": "user", "content": parts}]}

    async with api.post(CHAT, json=body) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"], error["param"]) == (404, "media_not_found", "messages")
    assert media_id in error["message"]
    assert upstream.chats == []

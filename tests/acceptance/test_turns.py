"""Questions edited and answers made again, on the running product."""

from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from contracts.ids import CONVERSATION, new_id, new_ulid
from infra.settings import DatabaseSettings
from tests.acceptance.asking import Json, chunks, error_in, said
from tests.acceptance.test_memory import TEXT, answered, begun, chat, stored, texts, user, whole
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

AGAIN = Script(tokens=2, word="again")
OTHER = wire.text(AGAIN)


def at(conversation_id: str, item_id: str, verb: str) -> str:
    return f"/v1/conversations/{conversation_id}/items/{item_id}/{verb}"


async def two_turns(api: aiohttp.ClientSession, upstream: Upstream) -> str:
    upstream.always(Script(tokens=3))
    one = await begun(api)
    await whole(api, chat(one, user("second")))
    upstream.always(AGAIN)
    return one


async def post(api: aiohttp.ClientSession, path: str, body: Json, **headers: str) -> Json:
    async with api.post(path, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        told: Json = await answer.json()
        return told


async def test_an_answer_made_again_stands_on_a_branch_of_its_own(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)

    told = await post(api, at(one, rows[3].item_id, "regenerate"), {"temperature": 0, "max_tokens": 9})
    await whole(api, chat(one, user("third")))

    branch = told["new_branch"]
    assert told["choices"][0]["message"]["content"] == OTHER
    assert (told["branch"], told["old_main_backup"], told["branch_created"]) == (branch, "MAIN", True)
    assert told["user_item_id"] == rows[2].item_id
    assert told["conversation"] == {"id": one, "title": "first"}
    asked = upstream.chats[2].json
    assert asked["messages"] == [user("first"), answered(), user("second")]
    assert (asked["temperature"], asked["max_tokens"], asked["model"]) == (0, 9, "scripted")
    assert texts(await stored(database, one, branch)) == ["first", TEXT, "second", OTHER, "third", OTHER]
    assert texts(await stored(database, one)) == ["first", TEXT, "second", TEXT]


async def test_an_answer_is_made_again_as_a_stream(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)

    async with api.post(at(one, rows[1].item_id, "regenerate"), json={"stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = await answer.text()

    assert said(text) == OTHER
    branch = chunks(text)[0]["new_branch"]
    assert upstream.chats[2].json["messages"] == [user("first")]
    assert texts(await stored(database, one, branch)) == ["first", OTHER]


async def test_an_edited_question_begins_a_branch_that_is_active_at_once(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)

    told = await post(api, at(one, rows[2].item_id, "edit"), {"content": "other"})

    assert told["new_branch"] == told["branch"] != "MAIN"
    assert told["old_main_backup"] == "MAIN"
    assert told["user_item"]["content"] == [{"type": "input_text", "text": "other"}]
    assert told["user_item"]["role"] == "user"
    assert len(upstream.chats) == 2
    assert texts(await stored(database, one, told["branch"])) == ["first", TEXT, "other"]
    await whole(api, chat(one, user("more")))
    assert upstream.chats[2].json["messages"] == [user("first"), answered(), user("other"), user("more")]


@pytest.mark.parametrize("content", ["other", [{"type": "input_text", "text": "other"}]])
async def test_an_edited_question_is_answered_where_that_is_asked_for(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings, content: object
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)
    path = at(one, rows[0].item_id, "edit")

    told = await post(api, path, {"content": content, "regenerate": True})

    kept = await stored(database, one, told["branch"])
    assert upstream.chats[2].json["messages"] == [user("other")]
    assert not {"content", "regenerate"} & set(upstream.chats[2].json)
    assert texts(kept) == ["other", OTHER]
    assert told["user_item_id"] == kept[0].item_id


async def test_a_key_makes_one_branch_however_often_it_is_sent(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)

    for path, body in (
        (at(one, rows[3].item_id, "regenerate"), {}),
        (at(one, rows[2].item_id, "edit"), {"content": "x", "regenerate": True}),
        (at(one, rows[2].item_id, "edit"), {"content": "x"}),
    ):
        key = {"Idempotency-Key": new_ulid()}
        first, again = await post(api, path, body, **key), await post(api, path, body, **key)
        assert first == again
    assert len(upstream.chats) == 4


async def test_a_failure_makes_no_branch(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)
    upstream.next(Script(status=400, body=wire.error(400, "no")))

    async with api.post(at(one, rows[3].item_id, "regenerate"), json={}) as answer:
        assert answer.status == 400, await answer.text()
    await whole(api, chat(one, user("third")))

    assert texts(await stored(database, one)) == ["first", TEXT, "second", TEXT, "third", OTHER]


@pytest.mark.parametrize(
    ("verb", "item", "body"),
    [
        ("edit", 1, {"content": "x"}),
        ("edit", 1, {"content": "x", "regenerate": True}),
        ("edit", 0, {}),
        ("edit", 0, {"content": []}),
        ("edit", 0, {"content": [], "regenerate": True}),
        ("edit", 0, {"content": "a\0b"}),
        ("edit", 0, {"content": 7}),
        ("regenerate", 0, {}),
        ("regenerate", 1, {"messages": [{"role": "user", "content": "x"}]}),
        ("regenerate", 1, {"stream": "yes"}),
        ("regenerate", 1, {"model": 7}),
    ],
)
async def test_what_cannot_be_taken_another_way_is_refused(
    api: aiohttp.ClientSession,
    upstream: Upstream,
    database: DatabaseSettings,
    verb: str,
    item: int,
    body: Json,
) -> None:
    upstream.always(Script(tokens=3))
    one = await begun(api)
    rows = await stored(database, one)

    async with api.post(at(one, rows[item].item_id, verb), json=body) as answer:
        assert answer.status == 400, await answer.text()
        error_in(await answer.json())

    assert len(upstream.chats) == 1


@pytest.mark.parametrize("verb", ["edit", "regenerate"])
async def test_what_is_not_there_and_what_is_anothers_are_told_alike(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings, verb: str
) -> None:
    upstream.always(Script(tokens=3))
    one = await begun(api)
    rows = await stored(database, one)
    item_id = rows[0 if verb == "edit" else 1].item_id
    stranger = {"Authorization": f"Bearer {await product.token()}"}
    answers: list[Any] = []

    for path in (at(one, item_id, verb), at(new_id(CONVERSATION), item_id, verb)):
        for body in ({"content": "x"}, {"content": "x", "regenerate": True}):
            async with api.post(path, json=body, headers=stranger) as answer:
                answers.append((answer.status, {**error_in(await answer.json()), "request_id": None}))

    assert answers[0][0] == 404
    assert all(one == answers[0] for one in answers)


async def test_other_methods_are_refused(api: aiohttp.ClientSession) -> None:
    for verb in ("edit", "regenerate"):
        async with api.get(at(new_id(CONVERSATION), "msg_1", verb)) as answer:
            assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_the_sdk_reads_an_answer_made_again(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    one = await two_turns(api, upstream)
    rows = await stored(database, one)
    path = at(one, rows[1].item_id, "regenerate").removeprefix("/v1")

    told = await sdk.post(path, body={"model": "scripted"}, cast_to=ChatCompletion)

    assert told.choices[0].message.content == OTHER

"""Conversations and their items, by the official SDK and plain HTTP as their users send them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, NotFoundError, OpenAI
from openai.types.conversations import Message

from contracts.ids import CONVERSATION, is_id, new_id
from tests.acceptance.asking import error_in

pytestmark = pytest.mark.stack

Json = dict[str, Any]
PATH = "/v1/conversations"
UNKNOWN = f"{CONVERSATION}01KB3M5Q8Z7V2T4X6Y8W0R1S2T"


async def made(api: aiohttp.ClientSession, **body: Any) -> Json:
    async with api.post(PATH, json=body) as answer:
        assert answer.status == 200, await answer.text()
        conversation: Json = await answer.json()
        return conversation


async def appended(api: aiohttp.ClientSession, conversation_id: str, *texts: str) -> list[Json]:
    items = [{"role": "user", "content": text} for text in texts]
    async with api.post(f"{PATH}/{conversation_id}/items", json={"items": items}) as answer:
        assert answer.status == 200, await answer.text()
        return list((await answer.json())["data"])


async def got(api: aiohttp.ClientSession, path: str) -> Json:
    async with api.get(PATH + path) as answer:
        assert answer.status == 200, await answer.text()
        found: Json = await answer.json()
        return found


async def refused(api: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Json]:
    async with api.request(method, PATH + path, json=body) as answer:
        return answer.status, error_in(await answer.json())


def text_of(item: Any) -> str:
    assert isinstance(item, Message)
    return "".join(getattr(part, "text", "") for part in item.content)


async def test_the_sdk_begins_reads_changes_and_deletes_a_conversation(sdk: AsyncOpenAI) -> None:
    begun = await sdk.conversations.create(
        metadata={"topic": "demo"},
        items=[{"type": "message", "role": "user", "content": "Hello!"}],
    )
    read = await sdk.conversations.retrieve(begun.id)
    changed = await sdk.conversations.update(begun.id, metadata={"topic": "other"})
    gone = await sdk.conversations.delete(begun.id)

    assert is_id(begun.id, CONVERSATION)
    assert (begun.object, begun.metadata) == ("conversation", {"topic": "demo"})
    assert read == begun
    assert changed.metadata == {"topic": "other"}
    assert (gone.id, gone.object, gone.deleted) == (begun.id, "conversation.deleted", True)
    with pytest.raises(NotFoundError):
        await sdk.conversations.retrieve(begun.id)


async def test_the_sdk_appends_lists_reads_and_deletes_items(sdk: AsyncOpenAI) -> None:
    conversation = await sdk.conversations.create()
    created = await sdk.conversations.items.create(
        conversation.id,
        items=[
            {"type": "message", "role": "user", "content": "How are you?"},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Well?"}],
            },
            {"type": "function_call", "call_id": "c1", "name": "feel", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "fine"},
        ],
    )

    listed = [item async for item in sdk.conversations.items.list(conversation.id, limit=1)]
    rising = [item async for item in sdk.conversations.items.list(conversation.id, order="asc")]
    one = await sdk.conversations.items.retrieve(created.data[0].id or "", conversation_id=conversation.id)
    left = await sdk.conversations.items.delete(created.data[0].id or "", conversation_id=conversation.id)
    rest = [item async for item in sdk.conversations.items.list(conversation.id, order="asc")]

    assert [text_of(item) for item in created.data[:2]] == ["How are you?", "Well?"]
    assert created.first_id == created.data[0].id
    assert (created.last_id, created.has_more) == (created.data[-1].id, False)
    assert [item.id for item in listed] == [item.id for item in created.data[::-1]]
    assert [item.id for item in rising] == [item.id for item in created.data]
    assert one == created.data[0]
    assert left.id == conversation.id
    assert rest == created.data[1:]


def by_the_blocking_client(sdk: OpenAI) -> tuple[list[str], bool]:
    conversation = sdk.conversations.create(items=[{"role": "user", "content": "a"}])
    more = [{"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    sdk.conversations.items.create(conversation.id, items=more)  # type: ignore[arg-type]  # the easy form
    found = sdk.conversations.items.list(conversation.id, order="asc", limit=2)
    return [text_of(item) for item in found], sdk.conversations.delete(conversation.id).deleted


async def test_the_blocking_sdk_does_the_same(blocking_sdk: OpenAI) -> None:
    assert await asyncio.to_thread(by_the_blocking_client, blocking_sdk) == (["a", "b", "c"], True)


async def test_a_conversation_has_jans_fields(api: aiohttp.ClientSession) -> None:
    conversation = await made(api, title="  Three days ", referrer="desktop", metadata={"a": "b"})

    assert conversation == {
        "id": conversation["id"],
        "object": "conversation",
        "created_at": conversation["created_at"],
        "metadata": {"a": "b"},
        "title": "Three days",
        "project_id": None,
        "referrer": "desktop",
        "active_branch": "MAIN",
        "updated_at": conversation["created_at"],
    }
    assert await got(api, f"/{conversation['id']}") == conversation


async def test_an_item_has_its_place(api: aiohttp.ClientSession) -> None:
    conversation = await made(api, items=[{"role": "user", "content": "héllo 👋"}])

    (item,) = (await got(api, f"/{conversation['id']}/items"))["data"]

    assert item == {
        "id": item["id"],
        "object": "conversation.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "héllo 👋"}],
        "branch": "MAIN",
        "sequence_number": 1,
        "created_at": item["created_at"],
    }


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_change_leaves_what_it_does_not_name_and_null_clears(
    api: aiohttp.ClientSession, method: str
) -> None:
    conversation = await made(api, title="a", referrer="r", metadata={"k": "v"})
    path = f"{PATH}/{conversation['id']}"

    async with api.request(method, path, json={"title": "b"}) as answer:
        renamed = await answer.json()
    async with api.request(method, path, json={"title": None, "metadata": None, "referrer": None}) as answer:
        cleared = await answer.json()

    assert (renamed["title"], renamed["referrer"], renamed["metadata"]) == ("b", "r", {"k": "v"})
    assert (cleared["title"], cleared["referrer"], cleared["metadata"]) == (None, None, {})


async def test_lists_are_of_a_referrer_and_page_by_page(api: aiohttp.ClientSession) -> None:
    theirs = [(await made(api, referrer="a"))["id"] for _ in range(3)]
    await made(api, referrer="b")

    first = await got(api, "?referrer=a&limit=2")
    second = await got(api, f"?referrer=a&limit=2&after={first['next_after']}")

    assert [one["id"] for one in first["data"] + second["data"]] == theirs[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert len((await got(api, ""))["data"]) == 4


@pytest.mark.parametrize("project", ["proj_01KB3M5Q8Z7V2T4X6Y8W0R1S2T", "nonsense", "%00"])
async def test_an_unknown_project_is_told_wherever_it_is_named(
    api: aiohttp.ClientSession, project: str
) -> None:
    conversation = await made(api)

    assert (await refused(api, "GET", f"?project_id={project}"))[0] == 404
    for path in ("", f"/{conversation['id']}"):
        status, error = await refused(api, "POST", path, {"project_id": project})
        assert (status, error["param"]) == (404, "project_id")


async def test_several_are_deleted_at_once_or_none(api: aiohttp.ClientSession) -> None:
    ids = [(await made(api))["id"] for _ in range(3)]

    status, error = await refused(api, "POST", "/bulk-delete", {"ids": [*ids[:2], UNKNOWN, "nope"]})
    assert (status, error["param"]) == (404, "ids")
    assert UNKNOWN in error["message"]
    assert len((await got(api, ""))["data"]) == 3

    async with api.post(f"{PATH}/bulk-delete", json={"ids": ids[:2]}) as answer:
        assert await answer.json() == {
            "object": "conversations.deleted",
            "deleted": True,
            "deleted_count": 2,
        }
    assert [one["id"] for one in (await got(api, ""))["data"]] == ids[2:]


@pytest.mark.parametrize(
    "ids", [[], [UNKNOWN, UNKNOWN], [new_id(CONVERSATION) for _ in range(101)], "all", [5], [""]]
)
async def test_a_wrong_list_of_ids_is_told(api: aiohttp.ClientSession, ids: Any) -> None:
    assert (await refused(api, "POST", "/bulk-delete", {"ids": ids}))[0] == 400


async def test_all_are_deleted_and_again_none(api: aiohttp.ClientSession) -> None:
    for _ in range(2):
        await made(api, items=[{"role": "user", "content": "a"}])

    for count in (2, 0):
        async with api.delete(PATH) as answer:
            assert answer.status == 200
            assert await answer.json() == {
                "object": "conversations.deleted",
                "deleted": True,
                "deleted_count": count,
            }


async def test_items_are_found_by_their_calls(api: aiohttp.ClientSession) -> None:
    call = {"type": "function_call", "call_id": "c/1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "output": "x"}
    items = [call | {"call_id": "c1"}, output | {"call_id": "c1"}, output | {"call_id": "c2"}]
    path = f"/{(await made(api, items=items))['id']}/items/by-call-id"

    assert (await got(api, f"{path}/c1"))["type"] == "function_call"
    assert (await got(api, f"{path}/c2"))["type"] == "function_call_output"
    for unknown in ("c3", "%00", "%ff"):
        assert (await refused(api, "GET", f"{path}/{unknown}"))[0] == 404


async def test_an_mcp_call_is_told_its_result(api: aiohttp.ClientSession) -> None:
    items = [
        {
            "type": "mcp_call",
            "call_id": "m1",
            "name": "t",
            "arguments": "{}",
            "server_label": "s",
            "status": "calling",
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    path = f"/{(await made(api, items=items))['id']}/items/by-call-id"

    async with api.patch(f"{PATH}{path}/m1", json={"status": "failed", "error": {"code": 5}}) as answer:
        failed = await answer.json()
    async with api.patch(f"{PATH}{path}/m1", json={"status": "completed", "output": "21"}) as answer:
        told = await answer.json()

    assert (failed["status"], failed["error"]) == ("failed", {"code": 5})
    assert (told["status"], told["output"], told["name"]) == ("completed", "21", "t")
    assert await got(api, f"{path}/m1") == told
    assert (await refused(api, "PATCH", f"{path}/c1", {"status": "completed"}))[0] == 404
    assert (await refused(api, "PATCH", f"{path}/m1", {"status": "dreaming"}))[0] == 400
    assert (await refused(api, "PATCH", f"{path}/m1", {"status": "failed", "error": {"a": "\0"}}))[0] == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"title": " "}, "title"),
        ({"title": "a" * 257}, "title"),
        ({"title": "a\0"}, "title"),
        ({"title": 5}, "title"),
        ({"referrer": "a" * 65}, "referrer"),
        ({"metadata": {str(at): "v" for at in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 5}}, "metadata.k"),
        ({"metadata": {"k": "\0"}}, "metadata.k"),
        ({"metadata": []}, "metadata"),
        ({"items": [{"role": "user", "content": "a"}] * 21}, "items"),
        ({"items": ["a"]}, "items[0]"),
        ({"items": [{}]}, "items[0].type"),
        (
            {"items": [{"role": "user", "content": "a"}, {"role": "user", "content": "b\0"}]},
            "items[1].content",
        ),
        ({"items": [{"role": "user", "content": [{"type": "text", "text": "a" * 100_001}]}]}, None),
        ({"items": [{"type": "item_reference", "id": "msg_1"}]}, "items[0].type"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_made(
    api: aiohttp.ClientSession, body: Json, param: str | None
) -> None:
    status, error = await refused(api, "POST", "", body)

    assert (status, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == (param or "items[0].content[0].text")
    assert (await got(api, ""))["data"] == []


async def test_a_number_that_cannot_be_kept_is_told(api: aiohttp.ClientSession) -> None:
    body = json.dumps({"items": [{"type": "reasoning", "weight": 1}]}).replace("1}", "1e999}")

    async with api.post(PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("bad", ["nope", "conv_", "%00", "conv_%F0%9F%98%80", "../x", UNKNOWN])
async def test_an_unknown_and_a_malformed_id_are_answered_alike(api: aiohttp.ClientSession, bad: str) -> None:
    for method, path in [("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/items"), ("GET", "/branches")]:
        body = {"title": "a"} if method == "POST" else None
        async with api.request(method, f"{PATH}/{bad}{path}", json=body) as answer:
            assert answer.status == 404
            assert error_in(await answer.json())["code"] == "not_found"


async def test_an_item_of_another_conversation_is_unknown_here(api: aiohttp.ClientSession) -> None:
    mine, other = (await made(api))["id"], (await made(api))["id"]
    (item,) = await appended(api, other, "a")

    assert (await refused(api, "GET", f"/{mine}/items/{item['id']}"))[0] == 404
    assert (await refused(api, "DELETE", f"/{mine}/items/{item['id']}"))[0] == 404
    assert (await refused(api, "GET", f"/{mine}/items?after={item['id']}"))[0] == 400
    assert (await refused(api, "GET", f"/{mine}/items/%00"))[0] == 404


async def test_a_place_is_never_used_again(api: aiohttp.ClientSession) -> None:
    conversation = (await made(api))["id"]
    items = await appended(api, conversation, "a", "b", "c")
    for item in items[1:]:
        async with api.delete(f"{PATH}/{conversation}/items/{item['id']}") as answer:
            assert answer.status == 200

    (new,) = await appended(api, conversation, "d")

    assert new["sequence_number"] == 4


async def test_writers_at_once_each_get_places_of_their_own(api: aiohttp.ClientSession) -> None:
    conversation = (await made(api))["id"]

    added = await asyncio.gather(*(appended(api, conversation, "a", "b") for _ in range(10)))

    places = [item["sequence_number"] for items in added for item in items]
    assert sorted(places) == list(range(1, 21))
    assert all(second == first + 1 for first, second in zip(places[::2], places[1::2], strict=True))


async def test_an_idempotency_key_appends_once(api: aiohttp.ClientSession) -> None:
    conversation = (await made(api))["id"]
    body = {"items": [{"role": "user", "content": "a"}]}
    headers = {"Idempotency-Key": f"k-{conversation}"}

    answers = []
    for _ in range(2):
        async with api.post(f"{PATH}/{conversation}/items", json=body, headers=headers) as answer:
            answers.append(await answer.json())

    assert answers[0] == answers[1]
    assert len((await got(api, f"/{conversation}/items"))["data"]) == 1

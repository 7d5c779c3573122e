"""Images in responses: what the provider receives, again in every later turn, and what is shown of them."""

from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from contracts.ids import media_id, new_ulid
from tests.acceptance.asking import Json, error_in
from tests.acceptance.pictures import MEDIA, data_url, picture, read, uploaded
from tests.acceptance.test_media_in_chats import decoded, received
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker", "media_worker", "models")]

PATH = "/v1/responses"
ELSEWHERE = "https://pictures.example/a.png"
LOOK: Json = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {}},
}


def showing(*images: Json, **more: Any) -> Json:
    """A question about images."""
    content = [
        {"type": "input_text", "text": "what is it?"},
        *({"type": "input_image"} | one for one in images),
    ]
    return {"model": "scripted", "input": [{"role": "user", "content": content}], **more}


async def asked(api: aiohttp.ClientSession, body: Json) -> tuple[int, Json]:
    async with api.post(PATH, json=body) as answer:
        return answer.status, await answer.json()


async def made(api: aiohttp.ClientSession, body: Json) -> Json:
    status, told = await asked(api, body)
    assert status == 200, told
    assert told["status"] == "completed", told
    return told


async def test_the_bytes_reach_the_provider(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(says("a", " cat"))
    ours, theirs = picture(), picture()
    named = (await uploaded(api, ours))["id"]

    await made(
        api,
        showing(
            {"image_url": data_url(theirs), "detail": "low"},
            {"image_url": named},
            {"file_id": named, "detail": "high"},
            {"image_url": ELSEWHERE},
        ),
    )

    *known, other = received(upstream)
    assert [decoded(url) for url in known] == [theirs, ours, ours]
    assert other == ELSEWHERE
    parts = upstream.chats[-1].json["messages"][0]["content"]
    assert [part["image_url"].get("detail") for part in parts[1:]] == ["low", None, "high", None]


async def test_what_was_put_in_is_shown_as_it_was_given(sdk: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.next(says("a", " cat"))
    body = showing({"image_url": ELSEWHERE, "detail": "low"}, {"image_url": ELSEWHERE})
    response = await sdk.responses.create(**body, include=["message.input_image.image_url"])

    (item,) = [one async for one in sdk.responses.input_items.list(response.id)]

    assert item.type == "message"
    images = [part.to_dict() for part in item.content if part.type == "input_image"]
    assert [(one["image_url"], one["detail"]) for one in images] == [(ELSEWHERE, "low"), (ELSEWHERE, "auto")]


async def test_a_later_turn_is_shown_the_image_again(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(says("a", " cat"))
    data = picture()
    named = (await uploaded(api, data))["id"]
    first = await made(api, showing({"image_url": named}))
    again = {"model": "scripted", "input": "Sure?", "previous_response_id": first["id"]}

    await made(api, again)

    assert decoded(received(upstream, 0)[0]) == data
    async with api.delete(f"{MEDIA}/{named}") as answer:
        assert answer.status == 200
    await made(api, again)
    content = upstream.chats[-1].json["messages"][0]["content"]
    assert content[1] == {"type": "text", "text": f"[image {named} is no longer available]"}


async def test_a_provider_that_reaches_the_store_gets_a_fresh_link_each_turn(
    api: aiohttp.ClientSession, upstream: Upstream, product: Product
) -> None:
    upstream.always(says("a", " cat"))
    data = picture()
    named = (await uploaded(api, data))["id"]
    async with product.provided({"JAN_PROVIDER_MEDIA": "link"}):

        async def gets_links() -> bool:
            told = await made(api, showing({"image_url": named}))
            await made(api, {"model": "scripted", "input": "?", "previous_response_id": told["id"]})
            return received(upstream, 0)[0].startswith("http")

        await until(gets_links)

    assert await read(received(upstream, 0)[0]) == data


async def test_an_image_in_the_output_of_a_function(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(calls(("look", {})))
    upstream.next(says("a", " cat"))
    data = picture()
    named = (await uploaded(api, data))["id"]
    first = await made(api, {"model": "scripted", "input": "Look", "tools": [LOOK]})
    call_id = first["output"][0]["call_id"]
    output = [{"type": "input_text", "text": "here"}, {"type": "input_image", "image_url": named}]
    told = {"type": "function_call_output", "call_id": call_id, "output": output}

    await made(
        api, {"model": "scripted", "input": [told], "previous_response_id": first["id"], "tools": [LOOK]}
    )

    assert decoded(received(upstream)[0]) == data
    assert upstream.chats[-1].json["messages"][-1]["role"] == "tool"


async def test_what_is_not_the_callers_is_named_and_nobody_is_asked(
    api: aiohttp.ClientSession, product: Product, upstream: Upstream
) -> None:
    async with aiohttp.ClientSession(
        product.url, headers={"Authorization": f"Bearer {await product.token()}"}
    ) as others:
        theirs = (await uploaded(others, picture()))["id"]
    unknown = media_id(new_ulid())
    output = {
        "type": "function_call_output",
        "call_id": "c1",
        "output": [{"type": "input_image", "image_url": theirs}],
    }

    for body in (
        showing({"image_url": theirs}),
        showing({"file_id": unknown}),
        showing({"image_url": theirs}, background=True),
        {"model": "scripted", "input": [output]},
    ):
        status, told = await asked(api, body)

        assert (status, error_in(told)["code"], error_in(told)["param"]) == (404, "media_not_found", "input")
    assert upstream.chats == []
    async with api.get(PATH) as listed:
        assert (await listed.json())["data"] == []


async def test_an_image_of_a_conversation_is_shown_to_a_response(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(says("a", " cat"))
    data = picture()
    named = (await uploaded(api, data))["id"]
    async with api.post(
        "/v1/conversations", json={"items": showing({"image_url": named})["input"]}
    ) as answer:
        conversation = (await answer.json())["id"]

    await made(api, {"model": "scripted", "input": "And?", "conversation": conversation})

    assert decoded(received(upstream, 0)[0]) == data


async def test_a_file_is_passed_on(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.next(says("a", " list"))
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}

    await made(api, {"model": "scripted", "input": [{"role": "user", "content": [file]}]})

    (part,) = upstream.chats[-1].json["messages"][0]["content"]
    assert part == {"type": "file", "file": {name: file[name] for name in ("filename", "file_data")}}

"""Images in chats: what the provider receives, in each way that it wants them, and what it is never asked."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from contracts.ids import media_id, new_ulid
from infra.embedded.child import stop_child
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.people import admin_client
from tests.acceptance.pictures import MEDIA, PREPARE, picture, read, uploaded
from tests.acceptance.vendors import PROVIDERS, open_duo
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("media_worker", "models")]


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    async with admin_client(product) as session:
        yield session


def question(*images: object, **more: Any) -> Json:
    parts: list[Json] = [{"type": "text", "text": "what is it?"}]
    parts += [{"type": "image_url", "image_url": image} for image in images]
    return {**HELLO, "messages": [{"role": "user", "content": parts}], **more}


def received(upstream: Upstream, message: int = -1) -> list[str]:
    """The URLs of the images that the provider was given in its last request."""
    content = upstream.chats[-1].json["messages"][message]["content"]
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


def decoded(url: str) -> bytes:
    head, _, text = url.partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(text)


async def asked(api: aiohttp.ClientSession, body: Json) -> tuple[int, Json]:
    async with api.post(CHAT, json=body) as answer:
        return answer.status, await answer.json()


async def test_the_bytes_reach_the_provider(
    api: aiohttp.ClientSession, sdk: AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    one, two = picture(), picture()
    named = [(await uploaded(api, data))["id"] for data in (one, two)]
    body = question(
        {"url": named[0], "detail": "low"},
        {"url": f"data:image/png;{named[1]}"},
        {"url": f"data:image/png;base64,{named[0]}"},
        {"url": "https://pictures.example/a.png"},
    )

    answer = await sdk.chat.completions.create(**body)

    assert answer.choices[0].message.content
    first, second, third, other = received(upstream)
    assert [decoded(url) for url in (first, second, third)] == [one, two, one]
    assert other == "https://pictures.example/a.png"
    assert upstream.chats[-1].json["messages"][0]["content"][1]["image_url"]["detail"] == "low"


async def test_a_provider_that_reaches_the_store_gets_links(
    api: aiohttp.ClientSession, upstream: Upstream, product: Product
) -> None:
    upstream.always(Script(tokens=2))
    data = picture()
    named = (await uploaded(api, data))["id"]

    async with product.provided({"JAN_PROVIDER_MEDIA": "link"}):

        async def gets_links() -> bool:
            status, _ = await asked(api, question({"url": named}))
            assert status == 200
            return received(upstream)[0].startswith("http")

        await until(gets_links)

    assert await read(received(upstream)[0]) == data


async def test_who_follows_one_that_failed_is_told_in_its_own_way(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    data = picture()
    named = (await uploaded(api, data))["id"]
    async with open_duo(boss, api) as duo:
        assert (await duo.two.shown())["media"] == "inline"
        assert (await duo.two.change(media="link"))["media"] == "link"
        duo.one.upstream.always(Script(status=500))

        async def is_linked_to() -> bool:
            status, _ = await asked(api, question({"url": named}, model=duo.model))
            return status == 200 and received(duo.two.upstream)[0].startswith("http")

        await until(is_linked_to)

        assert decoded(received(duo.one.upstream)[0]) == data
        assert await read(received(duo.two.upstream)[0]) == data
        assert (await duo.two.change(media=None))["media"] == "inline"


async def test_how_a_provider_gets_media_is_one_of_two_ways(
    boss: aiohttp.ClientSession,
) -> None:
    body = {"name": new_ulid().lower(), "vendor": "custom", "base_url": "https://a.example/v1"}

    for wrong in ("links", 7, ""):
        async with boss.post(PROVIDERS, json={**body, "media": wrong}) as answer:
            error = error_in(await answer.json())
        assert (answer.status, error["param"]) == (400, "media")


async def test_what_a_client_sent_to_the_store_is_taken_in_by_its_first_use(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    data = picture()
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        prepared = await answer.json()
    status, told = await asked(api, question({"url": prepared["id"]}))
    assert (status, error_in(told)["code"], error_in(told)["param"]) == (400, "invalid_value", "messages")
    assert prepared["id"] in told["error"]["message"]
    async with aiohttp.ClientSession() as nobody, nobody.put(prepared["upload_url"], data=data) as answer:
        assert answer.status == 200

    status, _ = await asked(api, question({"url": prepared["id"]}))

    assert status == 200
    assert decoded(received(upstream)[0]) == data


async def test_what_is_not_the_callers_is_named_and_nobody_is_asked(
    api: aiohttp.ClientSession, product: Product, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    async with aiohttp.ClientSession(
        product.url, headers={"Authorization": f"Bearer {await product.token()}"}
    ) as others:
        theirs = (await uploaded(others, picture()))["id"]
    mine, unknown = (await uploaded(api, picture()))["id"], media_id(new_ulid())

    for named in (theirs, unknown):
        for form in ("{}", "data:image/png;{}", "data:image/png;base64,{}"):
            status, told = await asked(api, question({"url": mine}, {"url": form.format(named)}))

            assert status == 404
            error = error_in(told)
            assert (error["code"], error["param"]) == ("media_not_found", "messages")
            assert named in error["message"]
    assert upstream.chats == []


async def test_an_image_of_a_conversation_arrives_again_and_is_kept_as_its_id(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    data = picture()
    named = (await uploaded(api, data))["id"]
    status, told = await asked(api, question({"url": named}, conversation={}, store=True))
    assert status == 200
    one = told["conversation"]["id"]

    status, _ = await asked(api, {**HELLO, "conversation": one})

    assert status == 200
    assert decoded(received(upstream, 0)[0]) == data
    async with api.get(f"/v1/conversations/{one}/items", params={"order": "asc"}) as answer:
        items = (await answer.json())["data"]
    assert items[0]["content"][1]["image_url"] == named
    async with api.get(f"{CHAT}/{told['id']}/messages") as answer:
        assert named in await answer.text()

    async with api.delete(f"{MEDIA}/{named}") as answer:
        assert answer.status == 200
    status, _ = await asked(api, {**HELLO, "conversation": one})
    assert status == 200
    content = upstream.chats[-1].json["messages"][0]["content"]
    assert content[1] == {"type": "text", "text": f"[image {named} is no longer available]"}


async def test_an_edited_question_may_show_an_image(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2))
    data = picture()
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        prepared = await answer.json()
    async with aiohttp.ClientSession() as nobody, nobody.put(prepared["upload_url"], data=data) as answer:
        assert answer.status == 200
    _, told = await asked(api, {**HELLO, "conversation": {}})
    one = f"/v1/conversations/{told['conversation']['id']}/items"
    async with api.get(one, params={"order": "asc"}) as answer:
        item = (await answer.json())["data"][0]["id"]

    for parts in (
        [{"type": "input_image", "file_id": prepared["id"]}],
        [{"type": "image_url", "image_url": {"url": prepared["id"]}}],
    ):
        async with api.post(f"{one}/{item}/edit", json={"content": parts, "regenerate": True}) as answer:
            assert answer.status == 200, await answer.text()

        assert decoded(received(upstream)[0]) == data

    count, unknown = len(upstream.chats), media_id(new_ulid())
    parts = [{"type": "input_image", "file_id": unknown}]
    async with api.post(f"{one}/{item}/edit", json={"content": parts, "regenerate": True}) as answer:
        error = error_in(await answer.json())
    assert (answer.status, error["code"]) == (404, "media_not_found")
    assert len(upstream.chats) == count


async def test_more_than_a_request_may_carry_is_refused_before_anybody_is_asked(
    api: aiohttp.ClientSession, product: Product, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    named = [(await uploaded(api, picture(size=(60, 50))))["id"] for _ in range(2)]
    while product.workers:
        await stop_child(product.workers.pop())
    small = await product.add_worker({"JAN_MEDIA_INLINE_BYTES": "12000"})
    try:
        status, _ = await asked(api, question({"url": named[0]}))
        assert status == 200
        count = len(upstream.chats)
        status, told = await asked(api, question(*({"url": one} for one in named)))
        often, _ = await asked(api, question({"url": named[0]}, {"url": named[0]}))
    finally:
        product.workers.remove(small)
        await stop_child(small)
        await product.add_worker()

    assert (status, often, error_in(told)["code"]) == (413, 413, "body_too_large")
    assert len(upstream.chats) == count

"""A stream that was cut is read on from any edge, without a chunk missing or twice."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from contracts.ids import chat_id, new_ulid
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks, error_in, payloads
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

DETACH = {"X-On-Disconnect": "detach"}


@pytest.fixture
async def other(product: Product, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP to a second edge."""
    if len(product.urls) == 1:
        await product.add_edge()
    async with aiohttp.ClientSession(
        product.urls[1],
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=LIMIT),
    ) as session:
        yield session


async def test_a_client_that_is_cut_after_every_chunk_misses_none_and_sees_none_twice(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, upstream: Upstream
) -> None:
    script = Script(tokens=6, gap=0.02)
    upstream.always(script)
    seen = await first_of(api, 1)

    while True:
        session = other if len(seen) % 2 else api
        got = await some_of(session, seen[0]["id"], 1, starting_after=seen[-1]["x_seq"])
        if not got:
            break
        seen += got

    assert [chunk["x_seq"] for chunk in seen] == list(range(len(seen)))
    assert text_of(seen) == wire.text(script)
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("cut", [1, 3, 5])
async def test_a_live_stream_goes_on_at_a_second_edge(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, upstream: Upstream, cut: int
) -> None:
    script = Script(tokens=9, hold=5)
    upstream.always(script)
    seen = await first_of(api, cut)

    reading = asyncio.create_task(rest_of(other, seen[0]["id"], starting_after=seen[-1]["x_seq"]))
    (await upstream.asked()).release()
    seen += await reading

    assert [chunk["x_seq"] for chunk in seen] == list(range(len(seen)))
    assert text_of(seen) == wire.text(script)


async def test_two_clients_read_one_live_stream(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, upstream: Upstream
) -> None:
    script = Script(tokens=9, hold=5)
    upstream.always(script)
    (first,) = await first_of(api, 1)

    reading = [asyncio.create_task(rest_of(session, first["id"])) for session in (api, other)]
    (await upstream.asked()).release()

    for seen in await asyncio.gather(*reading):
        assert text_of(seen) == wire.text(script)


async def test_a_finished_stream_is_given_again_from_any_chunk(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=4))
    async with api.post(CHAT, json=STREAM) as answer:
        whole = chunks(await answer.text())
    name = whole[0]["id"]

    assert await rest_of(other, name) == whole
    for chunk in whole:
        assert await rest_of(other, name, starting_after=chunk["x_seq"]) == whole[chunk["x_seq"] + 1 :]


async def test_a_place_behind_the_end_is_refused(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=STREAM) as answer:
        whole = chunks(await answer.text())

    status, error = await refused(api, whole[0]["id"], f"stream=true&starting_after={len(whole)}")

    assert (status, error["param"]) == (400, "starting_after")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("stream=true&starting_after=-1", "starting_after"),
        ("stream=true&starting_after=x", "starting_after"),
        ("stream=true&starting_after=", "starting_after"),
        ("stream=true&starting_after=1.5", "starting_after"),
        ("stream=maybe", "stream"),
    ],
)
async def test_a_place_that_is_none_is_refused(
    api: aiohttp.ClientSession, upstream: Upstream, query: str, param: str
) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=STREAM) as answer:
        name = chunks(await answer.text())[0]["id"]

    status, error = await refused(api, name, query)

    assert (status, error["code"], error["param"]) == (400, "invalid_value", param)


async def test_a_whole_answer_is_given_again_and_a_stream_is_not_one(
    api: aiohttp.ClientSession, other: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=HELLO) as answer:
        whole = await answer.json()
    async with api.post(CHAT, json=STREAM) as answer:
        streamed = chunks(await answer.text())[0]["id"]

    async with other.get(f"{CHAT}/{whole['id']}") as answer:
        assert (answer.status, await answer.json()) == (200, whole)
    for name, query in ((streamed, ""), (whole["id"], "stream=true")):
        status, error = await refused(other, name, query)
        assert (status, error["param"]) == (400, "stream")


async def test_a_failed_stream_fails_again(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=4, fault="error", after=3))
    async with api.post(CHAT, json=STREAM) as answer:
        *given, last = [json.loads(payload) for payload in payloads(await answer.text())]

    status, error = await refused(api, given[0]["id"], f"stream=true&starting_after={given[-1]['x_seq']}")

    assert status >= 500
    assert error["code"] == last["error"]["code"]


async def test_jobs_of_others_and_jobs_that_never_were_are_not_found(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=STREAM) as answer:
        name = chunks(await answer.text())[0]["id"]
    stranger = {"Authorization": f"Bearer {await product.token()}"}

    for wanted, headers in ((name, stranger), (chat_id(new_ulid()), {}), ("chatcmpl-none", {}), ("x", {})):
        async with api.get(f"{CHAT}/{wanted}", params={"stream": "true"}, headers=headers) as answer:
            assert (answer.status, error_in(await answer.json())["code"]) == (404, "not_found")


async def test_leaving_a_resumed_stream_stops_nothing_unless_that_is_asked_for(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=9, hold=5))
    (first,) = await first_of(api, 1)

    await some_of(api, first["id"], 2)
    still_runs = not (await upstream.asked()).disconnected.is_set()
    await some_of(api, first["id"], 2, headers={"X-On-Disconnect": "cancel"})

    await (await upstream.asked()).gone()
    assert still_runs


async def test_a_detached_client_that_left_finds_its_whole_answer(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    script = Script(tokens=9, hold=5)
    upstream.always(script)
    (first,) = await first_of(api, 1)

    (await upstream.asked()).release()

    assert text_of(await rest_of(api, first["id"])) == wire.text(script)


async def test_another_wish_for_the_disconnect_is_refused(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with api.post(CHAT, json=STREAM, headers={"X-On-Disconnect": "explode"}) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"], error["param"]) == (400, "invalid_value", "X-On-Disconnect")
    assert upstream.chats == []


async def first_of(session: aiohttp.ClientSession, count: int) -> list[Json]:
    """The first chunks of a new stream, whose client leaves then and leaves the job alone."""
    async with session.post(CHAT, json=STREAM, headers=DETACH) as answer:
        assert answer.status == 200, await answer.text()
        return await _read(answer, count)


async def some_of(
    session: aiohttp.ClientSession,
    name: str,
    count: int,
    starting_after: int | None = None,
    headers: dict[str, str] | None = None,
) -> list[Json]:
    """The next chunks of a stream, as many as there are, whose client leaves then."""
    async with session.get(f"{CHAT}/{name}", params=_query(starting_after), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await _read(answer, count)


async def rest_of(session: aiohttp.ClientSession, name: str, starting_after: int | None = None) -> list[Json]:
    """All further chunks of a stream."""
    async with session.get(f"{CHAT}/{name}", params=_query(starting_after)) as answer:
        assert answer.status == 200, await answer.text()
        return chunks(await answer.text())


async def refused(session: aiohttp.ClientSession, name: str, query: str) -> tuple[int, Json]:
    """The status and the error of a request for a completion."""
    async with session.get(f"{CHAT}/{name}?{query}") as answer:
        return answer.status, error_in(await answer.json())


async def _read(answer: aiohttp.ClientResponse, count: int) -> list[Json]:
    given: list[Json] = []
    async for line in answer.content:
        if line.startswith(b"data: {"):
            given.append(json.loads(line.removeprefix(b"data: ")))
        if len(given) == count or line.startswith(b"data: [DONE]"):
            break
    return given


def _query(starting_after: int | None) -> dict[str, str]:
    return {"stream": "true"} | ({} if starting_after is None else {"starting_after": str(starting_after)})


def text_of(given: list[Json]) -> str:
    """What the first choice of these chunks says."""
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in given if chunk["choices"])

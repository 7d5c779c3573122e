"""What is made of everything that a provider of embeddings may answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from infra.registry.offers import Endpoint
from infra.sealing import Sealer
from infra.settings import ProviderSettings, SealSettings
from infra.store.providers import SEALED
from tests.workers.tool.file_search.desk import offer
from workers.tool.file_search.asking import NotEmbedded, Vector, open_asking

KEY = "sk-embeddings-5f3c9a7d"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def provider(answer: Answer) -> AsyncIterator[str]:
    """A provider that answers so; its base."""
    app = web.Application()
    app.router.add_post("/v1/embeddings", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def says(data: object, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(data, status=status)

    return answer


def vectors(*numbers: list[float]) -> dict[str, object]:
    return {"data": [{"index": index, "embedding": one} for index, one in enumerate(numbers)]}


async def asked(
    answer: Answer, *texts: str, seconds: float = 5.0, most: int = 10_000, is_trusted: bool = True
) -> list[Vector | None]:
    settings = ProviderSettings(max_answer=most)
    async with provider(answer) as url, open_asking(settings, Sealer(SealSettings()), seconds) as asking:
        return await asking.embed(offer(is_trusted=is_trusted), Endpoint(url), texts)


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    data = [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [1, 0]}]

    assert [list(one or ()) for one in await asked(says({"data": data}), "a", "b")] == [[1, 0], [0, 2]]


async def test_vectors_without_numbers_come_as_they_stand() -> None:
    data = [{"embedding": [1, 0]}, {"embedding": [0, 2]}]

    assert [list(one or ()) for one in await asked(says({"data": data}), "a", "b")] == [[1, 0], [0, 2]]


async def test_a_vector_of_zeros_has_no_direction() -> None:
    assert await asked(says(vectors([0.0, 0.0])), "a") == [None]


async def test_the_request_names_the_model_as_its_provider_does_and_has_the_key() -> None:
    seen: list[tuple[object, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((await request.json(), request.headers.get("Authorization")))
        return web.json_response(vectors([1.0]))

    sealer = Sealer(SealSettings())
    sealed = SEALED.seal(sealer, "prov_test", KEY)
    async with provider(answer) as url, open_asking(ProviderSettings(), sealer, 5.0) as asking:
        await asking.embed(
            offer("vendor/model-1", sealed_key=sealed), Endpoint(f"{url}?api-version=1"), ["a"]
        )

    assert seen == [({"model": "model-1", "input": ["a"]}, f"Bearer {KEY}")]


async def test_a_key_that_does_not_open_is_told_without_it() -> None:
    async with open_asking(ProviderSettings(), Sealer(SealSettings()), 5.0) as asking:
        one = offer(sealed_key="s1.other.AAAA")

        with pytest.raises(NotEmbedded, match="test has a key that cannot be opened") as raised:
            await asking.embed(one, one.provider.endpoints[0], ["a"])

    assert "AAAA" not in str(raised.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
async def test_some_refusals_may_pass(status: int) -> None:
    with pytest.raises(NotEmbedded, match=f"The provider test answered {status}") as raised:
        await asked(says({"error": KEY}, status), "a")

    assert raised.value.may_pass
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
async def test_other_refusals_last(status: int) -> None:
    with pytest.raises(NotEmbedded, match=f"answered {status}") as raised:
        await asked(says({}, status), "a")

    assert not raised.value.may_pass


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"data": []},
        vectors([1.0]),
        vectors([1.0], [1.0], [1.0]),
        vectors([1.0], [1.0, 2.0]),
        vectors([], []),
        vectors([1e39], [1.0]),
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 5, "embedding": [1.0]}, {"index": 6, "embedding": [1.0]}]},
        {"data": [{"embedding": "AAAA"}, {"embedding": "AAAA"}]},
        {"data": [{"embedding": [None]}, {"embedding": [1.0]}]},
    ],
)
async def test_what_are_no_embeddings_of_the_texts_is_refused(answer: object) -> None:
    with pytest.raises(NotEmbedded, match="The provider test answered"):
        await asked(says(answer), "a", "b")


async def test_numbers_that_json_does_not_have_are_refused() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"data": [{"embedding": [NaN, 1.0]}]}')

    with pytest.raises(NotEmbedded, match="no embeddings"):
        await asked(answer, "a")


async def test_an_answer_that_is_too_long_is_not_read() -> None:
    with pytest.raises(NotEmbedded, match="more than is read"):
        await asked(says(vectors([1.0] * 1_000)), "a", most=100)


async def test_an_answer_that_does_not_come_in_time_may_yet_come() -> None:
    gone = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        await gone.wait()
        return web.Response()

    with pytest.raises(NotEmbedded, match="did not answer in time") as raised:
        await asked(answer, "a", seconds=0.2)

    assert raised.value.may_pass


async def test_nobody_there_may_yet_come() -> None:
    async with open_asking(ProviderSettings(), Sealer(SealSettings()), 5.0) as asking:
        with pytest.raises(NotEmbedded, match="test cannot be reached") as raised:
            await asking.embed(offer(), Endpoint("http://127.0.0.1:1/v1"), ["a"])

    assert raised.value.may_pass
    assert "127.0.0.1" not in str(raised.value)


async def test_who_is_not_trusted_is_not_asked_in_private_networks() -> None:
    with pytest.raises(NotEmbedded, match="cannot be reached"):
        await asked(says(vectors([1.0])), "a", is_trusted=False)

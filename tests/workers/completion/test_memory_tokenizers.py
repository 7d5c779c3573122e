"""Tokenizers of providers, over real sockets, and patience with a database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from infra.database import DatabaseUnavailable
from infra.registry.offers import Endpoint, Offer, Provider
from infra.settings import ProviderSettings
from workers.completion.memory.patience import Patience
from workers.completion.memory.tokenizers import Tokenizers, counted, open_tokenizers, question, root_of


class Server:
    """A tokenizer whose tokens are words."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.writes = True
        self.asked: list[tuple[dict[str, object], str | None]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append((body, request.headers.get("Authorization")))
        words = str(body.get("content") or body.get("prompt")).split()
        if "messages" in body:
            words = template(body["messages"]).split()
        told = {"count": len(words)} if "content" not in body else {"tokens": list(range(len(words)))}
        return web.json_response(told, status=self.status)

    async def write(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append((body, request.headers.get("Authorization")))
        return web.json_response({"prompt": template(body["messages"])} if self.writes else {})


def template(messages: list[dict[str, str]]) -> str:
    return " ".join(f"<{one['role']}> {one['content']} <end>" for one in messages)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    app = web.Application()
    app.router.add_post("/tokenize", served.answer)
    app.router.add_post("/apply-template", served.write)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield served
    await runner.cleanup()


def offer(url: str, tokenizer: str = "llama.cpp", *, is_trusted: bool = True) -> Offer:
    provider = Provider("p1", "p", endpoints=(Endpoint(url),), tokenizer=tokenizer, is_trusted=is_trusted)
    return Offer(provider, "m", "m")


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
async def test_tokens_are_counted_by_the_provider(server: Server, kind: str) -> None:
    async with open_tokenizers(lambda _: "sk-1") as tokenizers:
        assert await tokenizers.of([offer(server.url, kind)]).count("a b c") == 3

    assert server.asked[0][1] == "Bearer sk-1"


CHAT = {"model": "m", "messages": [{"role": "user", "content": "a b"}], "tools": [], "stream": True}


@pytest.mark.parametrize(("kind", "requests"), [("llama.cpp", 2), ("vllm", 1)])
async def test_a_chat_is_counted_with_its_template(server: Server, kind: str, requests: int) -> None:
    async with open_tokenizers(lambda _: "sk-1") as tokenizers:
        assert await tokenizers.of([offer(server.url, kind)]).count_chat(CHAT) == 4

    assert [key for _, key in server.asked] == ["Bearer sk-1"] * requests
    assert "stream" not in server.asked[0][0]


async def test_a_template_that_writes_nothing_counts_nothing(server: Server) -> None:
    server.writes = False
    async with open_tokenizers() as tokenizers:
        assert await tokenizers.of([offer(server.url)]).count_chat(CHAT) is None


async def test_who_fails_is_not_asked_again(server: Server) -> None:
    server.status = 500
    async with open_tokenizers() as tokenizers:
        counter = tokenizers.of([offer(server.url)])

        assert await counter.count("a") is None
        assert await counter.count("a") is None

    assert len(server.asked) == 1


async def test_nobody_at_the_address_counts_nothing() -> None:
    async with open_tokenizers() as tokenizers:
        assert await tokenizers.of([offer("http://127.0.0.1:9/v1")]).count("a") is None


async def test_only_the_trusted_with_a_tokenizer_are_asked(server: Server) -> None:
    async with open_tokenizers() as tokenizers:
        offers = [offer(server.url, "none"), offer(server.url, is_trusted=False)]

        assert await tokenizers.of(offers).count("a") is None

    assert server.asked == []


def test_a_tokenizer_is_beside_the_v1_of_its_provider() -> None:
    assert root_of("http://h:1/v1/") == root_of("http://h:1") == root_of("http://h:1/v1?x=1") == "http://h:1"


def test_an_answer_without_tokens_is_none() -> None:
    assert question(offer("http://h", "vllm"), "t")["prompt"] == "t"
    with pytest.raises(ValueError, match="no tokens"):
        counted({})


@pytest.mark.stack
async def test_the_small_model_counts_its_tokens(model: ProviderSettings) -> None:
    async with aiohttp.ClientSession() as http:
        counter = Tokenizers(http, lambda _: None).of([offer(model.url)])

        assert await counter.count("Hello world") == 2
        assert await counter.count("word " * 100) in range(100, 103)


class Flaky:
    """Work that the database refuses for some tries."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    async def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise DatabaseUnavailable
        return "done"


async def test_a_database_that_comes_back_is_waited_for() -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=60)

    assert await Patience(10, 0.001).until_done(Flaky(5), deadline) == "done"


async def test_a_database_that_stays_away_is_told() -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=60)

    with pytest.raises(DatabaseUnavailable):
        await Patience(0.01, 0.004).until_done(Flaky(1_000), deadline)


async def test_no_deadline_is_outlived() -> None:
    with pytest.raises(DatabaseUnavailable):
        await Patience(100, 0.001).until_done(Flaky(1_000_000), datetime.now(UTC))

"""Scripted providers, made known to the running product as an admin does it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp

from contracts.ids import new_ulid
from tests.acceptance.asking import CHAT, Json
from tests.acceptance.waiting import until
from tests.upstream.request import Request
from tests.upstream.script import Script
from tests.upstream.server import Upstream, open_upstream

PROVIDERS = "/v1/admin/providers"
PROVIDER_MODELS = "/v1/admin/models/provider-models"
Way = Literal["whole", "stream"]
WAYS: tuple[Way, Way] = ("whole", "stream")
KEY = "sk-vendor-6d0f4c1b9a7e2d35"


@dataclass
class Vendor:
    """A provider that stands here, and an admin who looks after it."""

    boss: aiohttp.ClientSession
    upstream: Upstream
    name: str
    id: str
    kept: frozenset[int] = frozenset()
    """The connections that were open when the test began."""

    @property
    def asked(self) -> int:
        """How often it was asked, but for what was lost with a kept connection: whether its server closed it
        before or because of a request nobody can tell, and so it is asked again, by another one."""
        lost = [one for one in self.chats if one.connection in self.kept and one.disconnected.is_set()]
        return len(self.chats) - min(len(lost), len(self.chats) - 1) if self.chats else 0

    @property
    def chats(self) -> list[Request]:
        """What it was asked since the test began."""
        return self.upstream.chats

    async def shown(self) -> Json:
        """As the admin sees it."""
        return await told(self.boss, "GET", f"{PROVIDERS}/{self.id}")

    async def change(self, **fields: object) -> Json:
        """Change it by the admin API."""
        return await told(self.boss, "PATCH", f"{PROVIDERS}/{self.id}", fields)

    async def models(self) -> list[Json]:
        """Its models, as the admin sees them."""
        page = await told(self.boss, "GET", f"{PROVIDER_MODELS}?provider_id={self.id}&limit=100")
        found: list[Json] = page["data"]
        return found

    async def change_model(self, original_id: str, **fields: object) -> Json:
        """Change one of its models by the admin API."""
        (model,) = [one for one in await self.models() if one["provider_original_model_id"] == original_id]
        return await told(self.boss, "PATCH", f"{PROVIDER_MODELS}/{model['id']}", fields)

    async def price(self, original_id: str, prompt: int, answer: int) -> None:
        """Let a model cost so many millionths of a dollar for a million tokens."""
        lines = [
            {"unit": "per_1m_prompt_tokens", "amount_micro_usd": prompt, "currency": "USD"},
            {"unit": "per_1m_completion_tokens", "amount_micro_usd": answer, "currency": "USD"},
        ]
        await self.change_model(original_id, pricing={"lines": lines})


@dataclass
class Duo:
    """A model that two providers offer."""

    one: Vendor
    two: Vendor
    model: str
    api: aiohttp.ClientSession

    async def ask(self, way: Way = "whole", *, model: str | None = None) -> tuple[int, str, Json]:
        """The status, the body and the headers of a completion."""
        body = {
            "model": model or self.model,
            "messages": [{"role": "user", "content": "hi"}],
            "stream": way == "stream",
        }
        async with self.api.post(CHAT, json=body) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    @property
    def counts(self) -> tuple[int, int]:
        """How often each was asked."""
        return self.one.asked, self.two.asked


async def told(boss: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Json:
    """The body of an answer that must be a success."""
    async with boss.request(method, path, json=body) as answer:
        assert answer.status < 300, (method, path, await answer.text())
        given: Json = {} if answer.status == 204 else await answer.json()
        return given


@asynccontextmanager
async def open_duo(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession, about: Json | None = None
) -> AsyncIterator[Duo]:
    """Two providers of one model, `one` and `two`."""
    model = f"duo/{new_ulid().lower()}"
    async with (
        open_vendor(boss, "one", [model], about) as one,
        open_vendor(boss, "two", [model], about) as two,
    ):
        yield Duo(one, two, model, api)


@asynccontextmanager
async def open_vendor(
    boss: aiohttp.ClientSession,
    begins: str,
    listed: Sequence[str],
    about: Json | None = None,
    *,
    more: Sequence[Upstream] = (),
) -> AsyncIterator[Vendor]:
    """A provider with these models, which the product asks already; gone when the block ends.

    `begins` is what its name and its answers begin with; `more`: its other endpoints.
    """
    async with open_upstream() as upstream:
        for one in (upstream, *more):
            one.listed = list(listed)
            one.always(Script(tokens=3, word=begins, usage="always"))
        name = f"{begins}-{new_ulid().lower()}"
        endpoints = [{"url": one.url, "weight": 1} for one in (upstream, *more)]
        body = {"name": name, "vendor": "custom", "endpoints": endpoints, "api_key": KEY, **(about or {})}
        made = await told(boss, "POST", PROVIDERS, body)
        vendor = Vendor(boss, upstream, name, made["id"])
        try:
            await is_asked(vendor, (upstream, *more), listed[0])
            vendor.kept = frozenset(one.connection for one in upstream.requests)
            for one in (upstream, *more):
                one.requests.clear()
            yield vendor
        finally:
            await told(boss, "DELETE", f"{PROVIDERS}/{vendor.id}")


async def is_asked(vendor: Vendor, upstreams: Sequence[Upstream], model: str) -> None:
    """Wait until edge and worker know what the provider lists: only then the last part of a model's id,
    behind the provider's name, means the whole id."""
    slug = model.rpartition("/")[2]
    hello = [{"role": "user", "content": "are you there?"}]

    async def answers() -> bool:
        async with vendor.boss.post(
            CHAT, json={"model": f"{vendor.name}/{slug}", "messages": hello}
        ) as answer:
            asked = [chat.json["model"] for one in upstreams for chat in one.chats]
            return answer.status == 200 and model in asked

    await until(answers)

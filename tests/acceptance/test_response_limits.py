"""Responses within limits: each turn is held for, charged once, and made only if the budget covers it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from infra.embedded.child import stop_child
from infra.store.budgets import Unit
from tests.acceptance.limited import ON, Limited, quota
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = pytest.mark.stack

Json = dict[str, Any]  # OpenAI's wire
ASKED: Json = {"model": "scripted", "input": "Go on", "max_output_tokens": 100}
AGAIN: tuple[str, Json] = ("nobody_offers_this", {})
"""A call that is answered with an error at once, so that another turn follows."""


@pytest.fixture(autouse=True)
async def response_worker(product: Product) -> AsyncIterator[None]:
    """The only one, and it knows of limits."""
    while product.responses:
        await stop_child(product.responses.pop())
    await product.add_responses(ON)
    yield
    while product.responses:
        await stop_child(product.responses.pop())


async def made(api: aiohttp.ClientSession, **more: Any) -> Json:
    async with api.post("/v1/responses", json=ASKED | more) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told


async def settled(api: aiohttp.ClientSession) -> Json:
    """The quota, when nothing is held any more and something is spent."""

    async def is_settled() -> bool:
        budget = (await quota(api))["budgets"][0]
        return bool(budget["reserved"] == 0 and budget["spent"])

    await until(is_settled)
    return await quota(api)


async def test_every_turn_is_charged_once(limited: Limited, upstream: Upstream) -> None:
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 100_000)
    upstream.next(calls(AGAIN, prompt_tokens=3_000))
    upstream.next(calls(AGAIN, prompt_tokens=5_000))
    upstream.next(says("Done", prompt_tokens=7_000))

    async with limited.client(token) as api:
        before = await quota(api)
        response = await made(api)
        after = await settled(api)

    used = 3_000 + 5_000 + 7_000 + 3 * 4
    assert response["usage"]["total_tokens"] == used
    assert after["budgets"][0]["spent"] == used
    assert before["tokens"]["remaining"] - after["tokens"]["remaining"] > 0


async def test_a_turn_that_the_budget_does_not_cover_is_not_made(
    limited: Limited, upstream: Upstream
) -> None:
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 1_500)
    upstream.next(calls(AGAIN, prompt_tokens=1_200))
    upstream.next(says("Never"))
    long = {"max_output_tokens": 400}

    async with limited.client(token) as api:
        response = await made(api, **long)
        after = await settled(api)
        async with api.post("/v1/responses", json=ASKED | long) as refused:
            error = (await refused.json())["error"]

    assert response["status"] == "failed"
    assert response["error"]["code"] == "rate_limit_exceeded"
    assert "budget of this account" in response["error"]["message"]
    assert [item["type"] for item in response["output"]] == ["function_call", "function_call_output"]
    assert len(upstream.chats) == 1
    assert after["budgets"][0]["spent"] == 1_204
    assert (refused.status, error["code"]) == (429, "insufficient_quota")


async def test_a_response_that_is_stopped_holds_nothing(limited: Limited, upstream: Upstream) -> None:
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 100_000)
    upstream.next(calls(AGAIN, prompt_tokens=50))
    upstream.next(says("Slow", "ly", hold=2))

    async with limited.client(token) as api:
        response = await made(api, background=True)

        async def is_asked_twice() -> bool:
            return len(upstream.chats) == 2

        await until(is_asked_twice)
        running = await quota(api)
        async with api.post(f"/v1/responses/{response['id']}/cancel") as stopped:
            assert (await stopped.json())["status"] == "cancelled"
        after = await settled(api)

    assert running["budgets"][0]["reserved"] >= 100
    assert after["budgets"][0]["spent"] >= 54

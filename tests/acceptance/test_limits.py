"""Limits, switched on, on two edges: what answers say of them, who is refused, and what is settled."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, RateLimitError

from api_edge.limits.headers import NAMES
from contracts.ids import new_ulid
from infra.store.budgets import Unit
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks, error_in
from tests.acceptance.limited import QUOTA, Limited, quota
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

WITHIN = 1.0
"""Seconds in which a change is felt everywhere."""
AS_JSON = {"Content-Type": "application/json"}
BRIEF: Json = {**HELLO, "max_tokens": 50}


async def test_every_kind_of_answer_says_what_is_left(limited: Limited, upstream: Upstream) -> None:
    upstream.always(Script(tokens=3))
    token, _ = await limited.guest()

    async with limited.client(token) as api:
        async with api.get("/v1/models") as read:
            assert read.status == 200
        async with api.post(CHAT, json=STREAM) as stream:
            assert chunks(await stream.text())
        async with api.get("/v1/nothing") as missing:
            assert missing.status == 404
        async with api.post(CHAT, data=b"{", headers=AS_JSON) as bad:
            assert bad.status == 400

    for answer in (read, stream, missing, bad):
        told = {name: answer.headers.getall(name) for name in NAMES}
        assert {len(values) for values in told.values()} == {1}, told
        assert answer.headers["X-RateLimit-Limit"] == "4"
        assert answer.headers["x-ratelimit-limit-tokens"] == "20000"
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (read, stream, missing, bad)]
    assert left == [3, 2, 2, 1]
    assert read.headers["x-ratelimit-reset-tokens"] == "0s"
    assert int(stream.headers["x-ratelimit-remaining-tokens"]) < 20_000


async def test_who_asks_too_much_is_told_when_to_come_back(limited: Limited, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))
    token, _ = await limited.guest()

    async with limited.client(token) as api:
        answers = []
        for _ in range(5):
            async with api.post(CHAT, json=BRIEF) as answer:
                answers.append((answer.status, answer.headers, await answer.json()))

    assert [status for status, _, _ in answers] == [200, 200, 200, 200, 429]
    _, headers, body = answers[-1]
    error = error_in(body)
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(headers["Retry-After"]) <= 15
    assert headers["X-RateLimit-Remaining"] == "0"


async def test_bad_requests_cost_as_much_as_good_ones(limited: Limited) -> None:
    token, _ = await limited.guest()

    async with limited.client(token) as api:
        statuses = []
        for body in (b"{", b'{"model": "scripted"}', b'{"model": "scripted", "messages": []}', b"[]", b"{"):
            async with api.post(CHAT, data=body, headers=AS_JSON) as answer:
                statuses.append(answer.status)

    assert statuses == [400, 400, 400, 400, 429]


async def test_the_last_requests_are_given_once_to_a_hundred_on_both_edges(
    limited: Limited, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    token, _ = await limited.guest()

    async with limited.client(token, 0) as one, limited.client(token, 1) as other:

        async def ask(at: int) -> int:
            async with (one, other)[at % 2].post(CHAT, json=BRIEF) as answer:
                return answer.status

        counts = Counter(await asyncio.gather(*(ask(at) for at in range(100))))

    assert set(counts) == {200, 429}
    assert 4 <= counts[200] <= 6  # one more comes back every 15 s


async def test_a_budget_is_held_by_what_runs_and_settled_by_what_was_used(
    limited: Limited, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=5, usage="always"))
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 1_000)
    await limited.give_budget(tenant, Unit.MICRO_USD, 10_000_000)

    async with limited.client(token) as api:
        async with api.post(CHAT, json={**HELLO, "max_tokens": 700}) as answer:
            used = (await answer.json())["usage"]["total_tokens"]

        async def is_settled() -> bool:
            return all(
                (budget["spent"], budget["reserved"]) == (used * price, 0)
                for budget, price in zip((await quota(api))["budgets"], (1, 1_000), strict=True)
            )

        await until(is_settled)
        told = await quota(api)
        async with api.post(CHAT, json={**HELLO, "max_tokens": 1_000}) as refused:
            error = error_in(await refused.json())
        after = await quota(api)

    assert (told["enforced"], told["tier"], told["requests"]["limit"]) == (True, "pro", 600)
    assert told["tokens"]["remaining"] >= 1_200_000 - used
    assert told["budgets"][0]["remaining"] == 1_000 - used
    assert told["budgets"][0]["resets_at"].endswith("Z")
    assert (refused.status, error["code"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert 1 <= int(refused.headers["Retry-After"]) <= 120
    assert [budget["reserved"] for budget in after["budgets"]] == [0, 0]


async def test_a_running_job_holds_its_estimate(limited: Limited, upstream: Upstream) -> None:
    upstream.always(Script(tokens=9, hold=2))
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 1_000)

    async with limited.client(token) as api:
        async with api.post(CHAT, json={**STREAM, "max_tokens": 600}) as stream:
            await stream.content.readline()
            running = await quota(api)
            async with api.post(CHAT, json={**STREAM, "max_tokens": 600}) as refused:
                assert refused.status == 429

        async def is_free() -> bool:
            return bool((await quota(api))["budgets"][0]["reserved"] == 0)

        await until(is_free)

    assert 600 < running["budgets"][0]["reserved"] < 700


async def test_a_repeated_request_holds_nothing_of_its_own(limited: Limited, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2))
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 100_000)
    keyed = {"Idempotency-Key": new_ulid()}

    async with limited.client(token, 0) as one, limited.client(token, 1) as other:
        async with one.post(CHAT, json=HELLO, headers=keyed) as first:
            assert first.status == 200
        async with other.post(CHAT, json=HELLO, headers=keyed) as again:
            assert again.headers["Idempotency-Replayed"] == "true"

        async def is_free() -> bool:
            return bool((await quota(other))["budgets"][0]["reserved"] == 0)

        await until(is_free)
        told = await quota(other)

    assert 0 < told["budgets"][0]["spent"] < 1_024


async def test_a_change_of_tier_is_felt_on_every_edge_at_once(limited: Limited) -> None:
    token, tenant = await limited.guest()

    async with limited.client(token, 0) as one, limited.client(token, 1) as other, limited.store() as store:
        before = [(await quota(api))["tier"] for api in (one, other)]
        await limited.give_tier(store, tenant, "starter")

        async def is_felt() -> bool:
            return all([(await quota(api))["tier"] == "starter" for api in (one, other)])

        await until(is_felt, WITHIN)

    assert before == ["free", "free"]


async def test_the_sdk_does_not_ask_again_for_a_used_up_budget(limited: Limited, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))
    token, tenant = await limited.guest("pro")
    await limited.give_budget(tenant, Unit.TOKENS, 1)

    asked: list[object] = []

    async def note(request: object) -> None:
        asked.append(request)

    counting = DefaultAsyncHttpxClient(event_hooks={"request": [note]})
    async with AsyncOpenAI(
        base_url=f"{limited.urls[0]}/v1", api_key=token, max_retries=2, timeout=LIMIT, http_client=counting
    ) as client:
        with pytest.raises(RateLimitError) as caught:
            await client.chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": "hi"}]
            )

    assert caught.value.code == "insufficient_quota"
    assert len(asked) == 1


async def test_readiness_knows_of_limits_and_says_that_they_are_not_needed(limited: Limited) -> None:
    async with aiohttp.ClientSession(limited.urls[0]) as session, session.get("/readyz") as answer:
        checks = {check["name"]: check for check in (await answer.json())["checks"]}

    assert (checks["limits"]["ok"], checks["limits"]["needed"]) == (True, False)


async def test_without_limits_nothing_is_said_of_them(product: Product, api: aiohttp.ClientSession) -> None:
    async with api.get("/v1/models") as answer:
        assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    told = await quota(api)

    assert (told["enforced"], told["budgets"]) == (False, [])


async def test_a_quota_needs_a_caller(product: Product) -> None:
    async with aiohttp.ClientSession(product.url) as session, session.get(QUOTA) as answer:
        assert answer.status == 401

"""Providers that an admin changes while they are asked, and those that come and go by themselves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from contracts.ids import new_ulid
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.people import admin_client, registered
from tests.acceptance.vendors import (
    KEY,
    PROVIDER_MODELS,
    PROVIDERS,
    WAYS,
    Duo,
    Way,
    open_duo,
    open_vendor,
    told,
)
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream, open_upstream

pytestmark = pytest.mark.stack

WITHIN = 1.0
"""Seconds in which a change is felt everywhere."""
FAILURES = 5
"""In a row, after which an endpoint is left alone for ten seconds."""
FAILING = Script(status=500)


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    async with admin_client(product) as session:
        yield session


@pytest.fixture
async def local(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    """The environment's provider has told its models: one that never did may have any."""
    upstream.always(Script(tokens=1))
    await until(lambda: lists(api, "scripted"))


@pytest.fixture
async def duo(boss: aiohttp.ClientSession, api: aiohttp.ClientSession) -> AsyncIterator[Duo]:
    async with open_duo(boss, api) as two:
        yield two


async def lists(api: aiohttp.ClientSession, model: str) -> bool:
    """Whether a model is among those that can be asked for."""
    page = await told(api, "GET", "/v1/models")
    return model in [one["id"] for one in page["data"]]


@pytest.mark.parametrize("way", WAYS)
async def test_a_slow_provider_is_followed_by_the_other(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession, way: Way
) -> None:
    limits = {"first_token_timeout": 1, "total_timeout": 2}
    async with open_duo(boss, api, {"limits": limits}) as duo:
        assert (await duo.one.shown())["limits"] == limits
        duo.one.upstream.always(Script(first=60))

        status, body, _ = await duo.ask(way)

        assert status == 200
        assert "two0 " in body
        assert "one" not in body
        assert duo.counts == (1, 1)


async def test_an_endpoint_that_keeps_failing_is_left_alone_until_it_is_back(
    product: Product, duo: Duo
) -> None:
    duo.one.upstream.always(FAILING)

    async def is_left_alone() -> bool:
        before = duo.counts
        status, _, _ = await duo.ask()
        return status == 200 and duo.counts == (before[0], before[1] + 1)

    await until(is_left_alone)
    failed = duo.counts[0]

    async def is_told() -> bool:
        return "open" in [one["state"] for one in (await duo.one.shown())["health"]]

    await until(is_told)
    duo.one.upstream.always(Script(tokens=2, word="back"))

    async def is_back() -> bool:
        _, body, _ = await duo.ask()
        return "back0" in body

    await until(is_back)
    assert failed == FAILURES


async def test_each_endpoint_of_a_provider_gets_its_part(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    model = f"duo/{new_ulid().lower()}"
    async with open_upstream() as other, open_vendor(boss, "one", [model], more=[other]) as vendor:
        for _ in range(40):
            async with api.post(CHAT, json={**HELLO, "model": model}) as answer:
                assert answer.status == 200

        assert len(vendor.chats) + len(other.chats) == 40
        assert vendor.chats
        assert other.chats


async def test_the_cheapest_active_provider_is_meant(duo: Duo) -> None:
    slug = duo.model.partition("/")[2]
    await duo.two.price(duo.model, 100, 100)
    await duo.one.price(duo.model, 200, 200)

    async def goes_to(word: str, name: str) -> bool:
        _, body, _ = await duo.ask(model=name)
        return f"{word}0" in body

    for name in (slug, duo.model):
        await until(lambda name=name: goes_to("two", name), WITHIN)  # type: ignore[misc]  # a name bound here
    assert await goes_to("one", f"{duo.one.name}/{duo.model}")
    assert await goes_to("two", f"{duo.two.name}/{slug}")

    await duo.two.change(active=False)
    await until(lambda: goes_to("one", slug), WITHIN)


@pytest.mark.usefixtures("local")
async def test_models_of_an_inactive_provider_cannot_be_asked_for(duo: Duo) -> None:
    for vendor in (duo.one, duo.two):
        assert (await vendor.change(active=False))["active"] is False

    async def is_gone() -> bool:
        status, body, _ = await duo.ask()
        return status == 404 and "model_not_found" in body

    await until(is_gone, WITHIN)
    assert not await lists(duo.api, duo.model)
    before = duo.counts
    for name in (duo.model, f"{duo.one.name}/{duo.model}"):
        assert (await duo.ask(model=name))[0] == 404
    assert duo.counts == before

    await duo.one.change(active=True)

    async def is_there() -> bool:
        return (await duo.ask())[0] == 200

    await until(is_there, WITHIN)


async def test_a_key_is_replaced_and_cleared_within_a_second_and_never_shown(duo: Duo) -> None:
    other = "sk-other-0a1b2c3d4e5f6789"

    async def sends(header: str | None) -> bool:
        await duo.ask(model=f"{duo.one.name}/{duo.model}")
        return duo.one.chats[-1].headers.get("authorization") == header

    assert await sends(f"Bearer {KEY}")
    changed = await duo.one.change(api_key=other)
    await until(lambda: sends(f"Bearer {other}"), WITHIN)
    cleared = await duo.one.change(api_key=None)
    await until(lambda: sends(None), WITHIN)

    shown = str([changed, cleared, await duo.one.shown(), await told(duo.one.boss, "GET", PROVIDERS)])
    log = str(await told(duo.one.boss, "GET", f"/v1/admin/audit-logs?target_id={duo.one.id}"))
    assert (changed["key_hint"], cleared["key_hint"]) == (other[-4:], None)
    for text in (shown, log):
        assert KEY not in text
        assert other not in text
    assert "[redacted]" in log


async def test_a_request_costs_what_the_provider_that_answered_takes(
    product: Product, boss: aiohttp.ClientSession, duo: Duo
) -> None:
    if not product.ledgers:
        await product.add_ledger()
    ada = await registered(product)
    budget = {"unit": "micro_usd", "period": "total", "amount": 1_000_000}
    await told(boss, "PUT", f"/v1/admin/users/{ada.user_id}/budgets", budget)
    await duo.one.price(duo.model, 1_000_000, 10_000_000)
    await duo.two.price(duo.model, 2_000_000, 20_000_000)
    spent = 0

    async with ada.client() as session:
        for price, script in ((1, Script(tokens=3, usage="always")), (2, FAILING)):
            duo.one.upstream.always(script)

            async def costs(price: int = price) -> bool:
                nonlocal spent
                answer = await told(session, "POST", CHAT, {**HELLO, "model": duo.model})
                job = await ended(session, answer["id"])
                spent += job["usage"]["micro_usd"] or 0
                used = answer["usage"]
                prompt, said = used["prompt_tokens"], used["completion_tokens"]
                return bool(job["usage"]["micro_usd"] == price * (prompt + 10 * said))

            await until(costs)

    async def is_counted() -> bool:
        page = await told(boss, "GET", f"/v1/admin/users/{ada.user_id}/budgets")
        usage = await told(boss, "GET", f"/v1/admin/users/{ada.user_id}/usage")
        return [one["spent"] for one in page["data"]] == [spent] and usage["data"]["micro_usd"] == spent

    await until(is_counted)


async def ended(session: aiohttp.ClientSession, name: str) -> Json:
    """A job, once the ledger knows its use."""
    found: Json = {}

    async def is_known() -> bool:
        nonlocal found
        found = (await told(session, "GET", f"/v1/jobs/{name}"))["data"]
        return found["usage"] is not None

    await until(is_known)
    return found


async def test_who_has_not_the_model_is_not_asked(
    boss: aiohttp.ClientSession, api: aiohttp.ClientSession
) -> None:
    mine, theirs = f"duo/{new_ulid().lower()}", f"duo/{new_ulid().lower()}"
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(open_vendor(boss, "one", [mine]))
        two = await stack.enter_async_context(open_vendor(boss, "two", [theirs]))
        one.upstream.always(FAILING)

        async with api.post(CHAT, json={**HELLO, "model": mine}) as failed:
            error = error_in(await failed.json())
        async with api.post(CHAT, json={**HELLO, "model": theirs}) as answer:
            assert answer.status == 200

    assert (failed.status, error["code"]) == (502, "provider_error")
    assert len(two.chats) == 1
    assert 1 <= len(one.chats) <= 3


async def test_what_an_admin_set_of_a_model_outlives_a_synchronisation(duo: Duo) -> None:
    before = await duo.one.change_model(duo.model, display_name="The one", supports_images=True)
    after = await duo.one.change_model(duo.model, supports_images=False)
    catalog = f"/v1/admin/models/catalogs/{duo.model}"
    set_so = {"display_name": "Duo", "context_length": 1_234, "is_moderated": False, "tags": ["chat"]}
    await told(duo.one.boss, "PATCH", catalog, set_so)
    listed = f"duo/{new_ulid().lower()}"
    duo.one.upstream.listed = [duo.model, listed]
    await told(duo.one.boss, "POST", f"{PROVIDERS}/{duo.one.id}/sync")

    async def is_synced() -> bool:
        return listed in [model["provider_original_model_id"] for model in await duo.one.models()]

    await until(is_synced)
    (kept,) = [one for one in await duo.one.models() if one["provider_original_model_id"] == duo.model]
    known = await told(duo.one.boss, "GET", catalog)
    assert {name: known[name] for name in set_so} == set_so
    assert known["status"] == "updated"
    assert (before["supports_images"], after["supports_images"]) == (True, False)
    assert (kept["display_name"], kept["supports_images"]) == ("The one", False)


async def test_models_are_switched_off_and_really_on_again(duo: Duo) -> None:
    for enable in (False, True, False, True):
        body = {"enable": enable, "provider_id": duo.one.id}
        await told(duo.one.boss, "POST", f"{PROVIDER_MODELS}/bulk-toggle", body)

        async def is_felt(enable: bool = enable) -> bool:  # noqa: FBT001  a name bound here
            status, _, _ = await duo.ask(model=f"{duo.one.name}/{duo.model}")
            return (status == 200) == enable

        await until(is_felt, WITHIN)
        assert [model["active"] for model in await duo.one.models()] == [enable]


async def test_a_model_is_read_by_its_short_and_its_qualified_id(duo: Duo) -> None:
    slug = duo.model.partition("/")[2]

    for name in (slug, duo.model, f"{duo.two.name}/{duo.model}"):
        found = await told(duo.api, "GET", f"/v1/models/{name}")
        assert found["object"] == "model"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://10.0.0.1/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/v1",
    ],
)
async def test_an_admin_cannot_lead_the_worker_into_the_network(
    boss: aiohttp.ClientSession, url: str
) -> None:
    body = {"name": new_ulid().lower(), "vendor": "custom", "base_url": url}

    async with boss.post(PROVIDERS, json=body) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["type"]) == (400, "invalid_request_error")


async def test_a_guest_cannot_see_or_turn_any_provider(product: Product, duo: Duo) -> None:
    for method, path, body in (
        ("GET", PROVIDERS, None),
        ("GET", f"{PROVIDERS}/{duo.one.id}", None),
        ("PATCH", f"{PROVIDERS}/{duo.one.id}", {"base_url": "https://evil.example/v1"}),
        ("DELETE", f"{PROVIDERS}/{duo.one.id}", None),
        ("POST", f"{PROVIDER_MODELS}/bulk-toggle", {"enable": False}),
    ):
        async with duo.api.request(method, path, json=body) as answer:
            assert (answer.status, error_in(await answer.json())["code"]) == (403, "permission_denied")
    public = str(await told(duo.api, "GET", "/v1/models/providers"))
    assert KEY not in public
    assert duo.one.upstream.url not in public

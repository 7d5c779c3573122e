"""Webhooks, from the SDK's own calls to what a receiver gets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError

from contracts.ids import DELIVERY, WEBHOOK, new_id, new_ulid, response_id
from infra.database import Database, open_database
from infra.embedded.child import has_ended_within, stop_child
from infra.failpoints import Moment
from infra.store.users import locked_user
from infra.store.webhooks import next_delivery_due, record_event
from tests.acceptance.asking import Json, error_in
from tests.acceptance.people import Person, guest
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.receiver import BROKEN, GONE, Got, Receiver, answer, closing, hanging, open_receiver
from tests.upstream.script import Script
from tests.upstream.server import Upstream

COMPLETED = "response.completed"
PATH = "/v1/webhooks"
LEASE = 30.0
"""Seconds within which a delivery whose worker died is surely tried again."""

pytestmark = pytest.mark.usefixtures("webhook_worker")


@dataclass
class Tenant:
    """Somebody with webhooks, and what happens to their responses."""

    api: aiohttp.ClientSession
    sdk: AsyncOpenAI
    database: Database
    name: str

    async def begun(self, url: str, *types: str) -> Json:
        """A new endpoint."""
        body = {"name": "mine", "url": url, "event_types": list(types or (COMPLETED,))}
        async with self.api.post(PATH, json=body) as told:
            assert told.status == 201, await told.text()
            return await json_of(told)

    async def happens(self, extra_url: str | None = None) -> tuple[str, list[str]]:
        """A response completes; its id and its deliveries."""
        named = response_id(new_ulid())
        async with self.database.begin() as session:
            ids = await record_event(
                session,
                tenant=self.name,
                event_type=COMPLETED,
                object_id=named,
                now=datetime.now(UTC),
                extra_url=extra_url,
            )
        return named, ids

    async def got(self, path: str) -> Json:
        async with self.api.get(path) as told:
            assert told.status == 200, await told.text()
            return await json_of(told)

    async def ended(self, delivery_id: str, limit: float = LIMIT) -> Json:
        """A delivery, when it has ended."""
        found: list[Json] = []

        async def has_ended() -> bool:
            found[:] = [await self.got(f"{PATH}/deliveries/{delivery_id}")]
            return bool(found[0]["state"] != "pending")

        await until(has_ended, limit)
        return found[0]

    def unwrapped(self, got: Got, secret: str) -> str:
        """Of which object an event tells, as the SDK reads it."""
        event = self.sdk.webhooks.unwrap(got.body, got.headers, secret=secret)
        assert event.type == "response.completed"
        assert event.id == got.headers["webhook-id"]
        return event.data.id


async def json_of(told: aiohttp.ClientResponse) -> Json:
    body: Json = await told.json()
    return body


@pytest.fixture
async def somebody(product: Product) -> Person:
    return await guest(product)


@pytest.fixture
async def tenant(product: Product, somebody: Person) -> AsyncIterator[Tenant]:
    async with (
        somebody.client() as api,
        AsyncOpenAI(base_url=f"{product.url}/v1", api_key=somebody.access_token, max_retries=0) as sdk,
        open_database(product.servers.database) as database,
    ):
        async with database.begin() as session:
            user = await locked_user(session, somebody.user_id)
        assert user is not None
        yield Tenant(api, sdk, database, user.tenant)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened


async def test_the_sdk_looks_after_endpoints(tenant: Tenant, receiver: Receiver) -> None:
    hooks = tenant.sdk.webhooks

    made = await hooks.create(name="Tickets", url=receiver.url, event_types=["response.completed"])
    read = await hooks.retrieve(made.id)
    changed = await hooks.update(made.id, name="Others", event_types=["batch.failed", "response.failed"])
    listed = [one async for one in hooks.list()]
    rotated = await hooks.rotate_secret(made.id)
    types = await hooks.event_types.list()
    gone = await hooks.delete(made.id)

    assert made.signing_secret.startswith("whsec_")
    assert made.signing_secret_hint == f"whsec_...{made.signing_secret[-4:]}"
    assert (read.name, read.url, read.event_types) == ("Tickets", receiver.url, ["response.completed"])
    assert "signing_secret" not in read.to_dict()
    assert (changed.name, changed.url) == ("Others", receiver.url)
    assert [one.id for one in listed] == [made.id]
    assert rotated.signing_secret != made.signing_secret
    assert COMPLETED in types.data
    assert gone.deleted
    with pytest.raises(NotFoundError):
        await hooks.retrieve(made.id)


async def test_our_path_and_openais_are_the_same(tenant: Tenant, receiver: Receiver) -> None:
    made = await tenant.begun(receiver.url)

    ours = await tenant.got(f"{PATH}/{made['id']}")

    assert await tenant.got(f"/v1/webhook_endpoints/{made['id']}") == ours
    assert await tenant.got(PATH) == await tenant.got("/v1/webhook_endpoints")


async def test_what_ends_is_told_and_the_sdk_reads_it(tenant: Tenant, receiver: Receiver) -> None:
    made = await tenant.begun(receiver.url)

    named, [delivery] = await tenant.happens()
    told = await tenant.ended(delivery)

    [got] = receiver.got
    assert tenant.unwrapped(got, made["signing_secret"]) == named
    assert (told["state"], told["attempts"], told["last_status_code"]) == ("delivered", 1, 200)
    assert told["body"] == got.body
    assert told["event_id"] == got.headers["webhook-id"]


@pytest.mark.usefixtures("response_worker", "models")
async def test_a_response_that_completes_is_told_to_endpoints_and_to_its_own_address(
    tenant: Tenant, receiver: Receiver, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    made = await tenant.begun(receiver.url)
    own = await tenant.got(f"{PATH}/secret")

    async with open_receiver() as named:
        asked = await tenant.sdk.responses.create(
            model="scripted", input="Hi", background=True, metadata={"webhook_url": named.url}
        )

        async def both_know() -> bool:
            return bool(receiver.got and named.got)

        await until(both_know)

    assert tenant.unwrapped(receiver.got[0], made["signing_secret"]) == asked.id
    assert tenant.unwrapped(named.got[0], own["signing_secret"]) == asked.id
    assert receiver.got[0].headers["webhook-id"] == named.got[0].headers["webhook-id"]


async def test_a_receiver_that_fails_in_many_ways_gets_it_in_the_end(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await tenant.begun(receiver.url)
    receiver.plays(BROKEN, hanging, answer("302 Found", "Location: /elsewhere"))

    named, [delivery] = await tenant.happens()
    told = await tenant.ended(delivery)

    assert [one["status_code"] for one in told["tries"]] == [500, None, 302, 200]
    assert told["tries"][1]["error"] == "it did not answer within 1.5 seconds"
    assert {got.path for got in receiver.got} == {"/hook"}
    assert {tenant.unwrapped(got, made["signing_secret"]) for got in receiver.got} == {named}
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


async def test_what_was_given_up_is_delivered_when_it_is_asked_for_again(
    tenant: Tenant, receiver: Receiver
) -> None:
    await tenant.begun(receiver.url)
    receiver.usual = closing

    _, [delivery] = await tenant.happens()
    failed = await tenant.ended(delivery)
    receiver.usual = answer("204 No Content")
    async with tenant.api.post(f"{PATH}/deliveries/{delivery}/redeliver") as asked:
        again = await json_of(asked)
    told = await tenant.ended(delivery)

    assert (failed["state"], failed["attempts"]) == ("failed", 4)
    assert failed["last_error"] == "it closed the connection"
    assert (asked.status, again["state"], again["ended_at"]) == (200, "pending", None)
    assert (told["state"], told["attempts"], told["last_status_code"]) == ("delivered", 5, 204)
    page = await tenant.got(f"{PATH}/deliveries?state=delivered")
    assert [one["id"] for one in page["data"]] == [delivery]
    assert (await tenant.got(f"{PATH}/deliveries?state=failed"))["data"] == []


async def test_an_endpoint_that_is_gone_is_switched_off_and_can_be_on_again(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await tenant.begun(receiver.url)
    receiver.plays(GONE)

    _, [delivery] = await tenant.happens()
    told = await tenant.ended(delivery)

    async def is_off() -> bool:
        return not (await tenant.got(f"{PATH}/{made['id']}"))["is_enabled"]

    await until(is_off)
    assert (told["state"], told["attempts"]) == ("failed", 1)
    assert (await tenant.happens())[1] == []
    async with tenant.api.post(f"{PATH}/deliveries/{delivery}/redeliver") as refused:
        assert (refused.status, error_in(await refused.json())["code"]) == (409, "conflict")
    async with tenant.api.patch(f"{PATH}/{made['id']}", json={"is_enabled": True}) as changed:
        assert (await changed.json())["is_enabled"]
    assert len((await tenant.happens())[1]) == 1


async def test_after_a_rotation_both_secrets_count_where_that_was_asked_for(
    tenant: Tenant, receiver: Receiver
) -> None:
    made = await tenant.begun(receiver.url)
    hooks = tenant.sdk.webhooks

    kept = await hooks.rotate_secret(made["id"], keep_old_secret_active_for_24_hours=True)
    await tenant.ended((await tenant.happens())[1][0])
    last = await hooks.rotate_secret(made["id"])
    await tenant.ended((await tenant.happens())[1][0])

    first, second = receiver.got
    assert tenant.unwrapped(first, made["signing_secret"]) == tenant.unwrapped(first, kept.signing_secret)
    assert tenant.unwrapped(second, last.signing_secret)
    for secret in (made["signing_secret"], kept.signing_secret):
        with pytest.raises(Exception, match="signature"):
            tenant.unwrapped(second, secret)


async def test_a_test_tells_what_was_answered(tenant: Tenant, receiver: Receiver) -> None:
    made = await tenant.begun(receiver.url)
    hooks = tenant.sdk.webhooks
    receiver.plays(answer("201 Created"), BROKEN, closing)

    good = await hooks.test(made["id"], event_type="response.completed")
    bad = await hooks.test(made["id"], event_type="batch.failed")
    with pytest.raises(BadRequestError, match="it closed the connection"):
        await hooks.test(made["id"], event_type="response.completed")

    assert (good.status_code, good.event_type, good.webhook_endpoint_id) == (201, COMPLETED, made["id"])
    assert (bad.status_code, bad.event_type) == (500, "batch.failed")
    assert tenant.unwrapped(receiver.got[0], made["signing_secret"]).startswith("resp_")
    assert len(receiver.got) == 3


async def test_an_address_that_a_response_named_is_signed_with_the_tenants_own_secret(
    tenant: Tenant, receiver: Receiver
) -> None:
    async with tenant.api.post(f"{PATH}/secret/rotate") as asked:
        rotated = await json_of(asked)
    own = await tenant.got(f"{PATH}/secret")

    named, [delivery] = await tenant.happens(extra_url=receiver.url)
    told = await tenant.ended(delivery)

    assert own["signing_secret"] == rotated["signing_secret"]
    assert tenant.unwrapped(receiver.got[0], own["signing_secret"]) == named
    assert (told["webhook_endpoint_id"], told["url"]) == (None, receiver.url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://0x0a000001/",
        "ftp://example.com/",
        "https://user:word@example.com/",
        "no address",
    ],
)
async def test_an_address_that_is_refused_is_refused_at_once(tenant: Tenant, url: str) -> None:
    body = {"name": "mine", "url": url, "event_types": [COMPLETED]}

    async with tenant.api.post(PATH, json=body) as answered:
        error = error_in(await answered.json())

    assert (answered.status, error["code"], error["param"]) == (400, "address_refused", "url")
    assert (await tenant.got(PATH))["data"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_types", ["response.thought"]),
        ("event_types", []),
        ("name", ""),
        ("name", "x" * 121),
        ("url", 7),
    ],
)
async def test_what_is_no_endpoint_is_refused(tenant: Tenant, field: str, value: Any) -> None:
    body = {"name": "mine", "url": "https://example.com/", "event_types": [COMPLETED], field: value}

    async with tenant.api.post(PATH, json=body) as answered:
        error = error_in(await answered.json())

    assert answered.status == 400
    assert error["param"].startswith(field)


async def test_a_tenant_has_twenty_endpoints_and_no_more(tenant: Tenant) -> None:
    body = {"name": "mine", "url": "https://example.com/", "event_types": [COMPLETED]}

    async def status() -> int:
        async with tenant.api.post(PATH, json=body) as answered:
            await answered.read()
            return answered.status

    assert sorted(await asyncio.gather(*(status() for _ in range(23)))) == [201] * 20 + [409] * 3


async def test_a_stranger_sees_nothing_of_it(product: Product, tenant: Tenant, receiver: Receiver) -> None:
    made = await tenant.begun(receiver.url)
    _, [delivery] = await tenant.happens()
    stranger = await guest(product)

    async with AsyncOpenAI(base_url=f"{product.url}/v1", api_key=stranger.access_token, max_retries=0) as sdk:
        told = []
        for endpoint_id in (made["id"], new_id(WEBHOOK), "wh_1"):
            with pytest.raises(APIStatusError) as refused:
                await sdk.webhooks.retrieve(endpoint_id)
            told.append((refused.value.status_code, refused.value.message.replace(endpoint_id, "")))
        assert [one async for one in sdk.webhooks.list()] == []
    assert {status for status, _ in told} == {404}
    async with stranger.client() as api:
        for one in (delivery, new_id(DELIVERY)):
            async with api.get(f"{PATH}/deliveries/{one}") as answered:
                assert (answered.status, error_in(await answered.json())["code"]) == (404, "not_found")
        async with api.get(f"{PATH}/secret") as answered:
            theirs = await answered.json()
    assert theirs["signing_secret"] != (await tenant.got(f"{PATH}/secret"))["signing_secret"]


async def test_a_secret_is_not_kept_with_an_idempotency_key(tenant: Tenant, receiver: Receiver) -> None:
    body = {"name": "mine", "url": receiver.url, "event_types": [COMPLETED]}
    headers = {"Idempotency-Key": new_ulid()}

    async with tenant.api.post(PATH, json=body, headers=headers) as answered:
        first = await json_of(answered)
    async with tenant.api.post(PATH, json=body, headers=headers) as answered:
        second = await json_of(answered)

    assert first["signing_secret"] != second["signing_secret"]


@pytest.mark.parametrize("moment", [Moment.CLAIMED, Moment.ANSWERED])
async def test_a_delivery_whose_worker_is_killed_is_tried_again_and_ends_once(
    product: Product, tenant: Tenant, receiver: Receiver, moment: Moment
) -> None:
    await tenant.begun(receiver.url)
    await until(lambda: nothing_waits(tenant.database), LEASE)
    healthy, product.webhooks = product.webhooks, []
    await asyncio.gather(*(stop_child(child) for child in healthy))
    mortal = await product.add_webhooks(
        {"JAN_ENVIRONMENT": "test", "JAN_FAILPOINTS": f"{moment.value}=kill@1"}
    )
    product.webhooks.remove(mortal)

    _, [delivery] = await tenant.happens()
    assert await has_ended_within(mortal, LIMIT)
    await product.add_webhooks()
    told = await tenant.ended(delivery, LEASE)

    assert (told["state"], told["attempts"]) == ("delivered", 2)
    assert len(receiver.got) == (1 if moment is Moment.CLAIMED else 2)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert not await has_more(tenant, delivery, told)


async def nothing_waits(database: Database) -> bool:
    """Whether all that other tests recorded has ended: it would kill the worker before its time."""
    async with database.begin() as session:
        return await next_delivery_due(session, busy_receivers=(), busy_tenants=()) is None


async def has_more(tenant: Tenant, delivery: str, told: Json) -> bool:
    """Whether anything happens to it after its end."""
    return await tenant.ended(delivery) != told

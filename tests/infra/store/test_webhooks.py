"""Webhooks in the store, on a real database."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from contracts.ids import DELIVERY, EVENT, WEBHOOK, is_id, new_id, new_ulid, response_id
from contracts.wire.webhooks import Event
from infra.database import Database
from infra.sealing import SealBroken, Sealer
from infra.settings import SealSettings
from infra.store.resealing import reseal
from infra.store.webhook_endpoints import (
    WebhookEndpointRow,
    endpoint_count,
    keep_endpoint,
    new_endpoint,
    replace_secret,
    secrets_of,
    tenant_secret,
)
from infra.store.webhooks import DeliveriesOf, WebhookDeliveryRow, deliveries_of, record_event

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TENANT = "t1"
COMPLETED = "response.completed"
URL = "https://hooks.example.com/"


def sealer(*names: str) -> Sealer:
    return Sealer(SealSettings(keys=tuple(SecretStr(f"{name}:{name}-0123456789abcdef") for name in names)))


SEALER = sealer("one")


async def endpoint(
    store: Database, *types: str, tenant: str = TENANT, is_enabled: bool = True
) -> tuple[WebhookEndpointRow, str]:
    row, secret = new_endpoint(new_id(WEBHOOK), tenant, "mine", URL, SEALER, NOW)
    row.event_types, row.is_enabled = list(types or (COMPLETED,)), is_enabled
    async with store.begin() as session:
        await keep_endpoint(session, row)
    return row, secret


async def happened(store: Database, object_id: str, extra_url: str | None = None) -> list[str]:
    async with store.begin() as session:
        return await record_event(
            session, tenant=TENANT, event_type=COMPLETED, object_id=object_id, now=NOW, extra_url=extra_url
        )


async def recorded(store: Database, tenant: str = TENANT) -> list[WebhookDeliveryRow]:
    async with store.begin() as session:
        rows, _ = await deliveries_of(session, DeliveriesOf(tenant), limit=100, after=None, order="asc")
    return rows


async def test_those_who_want_to_know_are_told_and_nobody_else(store: Database) -> None:
    wanting, _ = await endpoint(store, "response.failed", COMPLETED)
    await endpoint(store, "response.failed")
    await endpoint(store, is_enabled=False)
    await endpoint(store, tenant="other")
    named = response_id(new_ulid())

    ids = await happened(store, named, "https://named.example.com/")

    rows = await recorded(store)
    assert [row.delivery_id for row in rows] == ids
    assert all(is_id(one, DELIVERY) for one in ids)
    assert {(row.endpoint_id, row.url) for row in rows} == {
        (wanting.endpoint_id, URL),
        (None, "https://named.example.com/"),
    }
    assert len({row.event_id for row in rows}) == 1
    event = Event.model_validate_json(rows[0].body)
    assert is_id(event.id, EVENT)
    assert (event.type, event.data.id, event.created_at) == (COMPLETED, named, int(NOW.timestamp()))
    assert await recorded(store, "other") == []


async def test_recorded_again_it_is_the_same(store: Database) -> None:
    await endpoint(store)
    named = response_id(new_ulid())

    first = await happened(store, named, URL)
    again = await asyncio.gather(*(happened(store, named, URL) for _ in range(3)))

    assert len(first) == 2
    assert again == [first] * 3
    assert len(await recorded(store)) == 2


async def test_nobody_is_told_where_nobody_wants_to_know(store: Database) -> None:
    assert await happened(store, response_id(new_ulid())) == []


async def test_what_was_rolled_back_is_not_told(store: Database) -> None:
    await endpoint(store)

    with suppress(LookupError):
        async with store.begin() as session:
            await record_event(
                session, tenant=TENANT, event_type=COMPLETED, object_id=response_id(new_ulid()), now=NOW
            )
            raise LookupError

    assert await recorded(store) == []


async def test_an_object_without_a_ulid_is_refused(store: Database) -> None:
    with pytest.raises(ValueError, match="ULID"):
        await happened(store, "resp_1")


async def test_those_who_count_endpoints_wait_for_each_other(store: Database) -> None:
    async def begun() -> int:
        async with store.begin() as session:
            count = await endpoint_count(session, TENANT)
            row, _ = new_endpoint(new_id(WEBHOOK), TENANT, "mine", URL, SEALER, NOW)
            await keep_endpoint(session, row)
            return count

    assert sorted(await asyncio.gather(*(begun() for _ in range(4)))) == [0, 1, 2, 3]


async def test_a_tenants_secret_is_made_once(store: Database) -> None:
    async def secret() -> list[str]:
        async with store.begin() as session:
            return secrets_of(await tenant_secret(session, TENANT, SEALER, NOW), SEALER, NOW)

    found = await asyncio.gather(*(secret() for _ in range(4)))

    assert len({one for [one] in found}) == 1


async def test_secrets_are_put_under_another_key_and_open_there_alone(store: Database) -> None:
    row, former = await endpoint(store)
    secret = replace_secret(row, SEALER, NOW, keeps_former=True)
    async with store.begin() as session:
        await keep_endpoint(session, await session.merge(row))
        await tenant_secret(session, TENANT, SEALER, NOW)

    await reseal(store, sealer("two", "one"))

    async with store.begin() as session:
        kept = await session.get(WebhookEndpointRow, row.endpoint_id)
        own = await tenant_secret(session, TENANT, SEALER, NOW)
    assert kept is not None
    assert secrets_of(kept, sealer("two"), NOW) == [secret, former]
    assert len(secrets_of(own, sealer("two"), NOW)) == 1
    with pytest.raises(SealBroken):
        secrets_of(kept, SEALER, NOW)

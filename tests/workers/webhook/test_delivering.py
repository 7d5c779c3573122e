"""Deliveries to receivers that behave, and to those that do not: a real database, real connections."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from openai import OpenAI

from infra.store.webhook_endpoints import keep_endpoint, replace_secret, secrets_of, tenant_secret
from infra.store.webhooks import keep_delivery, reopen
from tests.acceptance.waiting import until
from tests.receiver import BROKEN, GONE, OK, Got, Play, Receiver, answer, closing, endless, hanging
from tests.workers.webhook.desk import SEALER, TENANT, Desk, open_desk

pytestmark = pytest.mark.stack


def unwrapped(got: Got, secret: str) -> str:
    """The id of the object that it is about, as OpenAI's SDK reads it. Raises where it is not signed so."""
    with OpenAI(api_key="none") as client:
        event = client.webhooks.unwrap(got.body, got.headers, secret=secret)
    assert event.type == "response.completed"
    assert event.id == got.headers["webhook-id"]
    return event.data.id


async def test_what_is_delivered_is_signed_as_the_sdk_wants_it(desk: Desk, receiver: Receiver) -> None:
    _, secret = await desk.endpoint(receiver.url)
    [named] = await desk.happens("resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T")

    await desk.worker().deliver(named)

    [got] = receiver.got
    assert unwrapped(got, secret) == "resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
    assert got.headers["content-type"] == "application/json"
    row = await desk.row(named)
    assert (row.state, row.attempts, row.last_status, row.leased_until) == ("delivered", 1, 200, None)


async def test_a_delivery_that_has_ended_is_not_sent_again(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()

    for _ in range(3):
        await desk.worker().deliver(named)
    assert not await desk.worker().deliver_next()

    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("play", "status", "error"),
    [
        (BROKEN, 500, None),
        (answer("302 Found", "Location: /elsewhere"), 302, None),
        (answer("404 Not Found"), 404, None),
        (closing, None, "it closed the connection"),
        (hanging, None, "it did not answer within 0.5 seconds"),
        (b"what ever\r\n\r\n", None, "it does not speak HTTP as it should"),
        (answer("200 OK", "X-Long: " + "x" * 10_000), None, "it does not speak HTTP as it should"),
    ],
)
async def test_what_fails_is_written_down_and_waits_for_its_next_try(
    desk: Desk, receiver: Receiver, play: bytes | Play, status: int | None, error: str | None
) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.plays(play)

    await desk.worker().deliver(named)
    await desk.worker().deliver(named)

    assert [got.path for got in receiver.got] == ["/hook"]
    row = await desk.row(named)
    assert (row.state, row.step, row.last_status, row.last_error) == ("pending", 1, status, error)
    assert row.next_at > datetime.now(UTC) + timedelta(seconds=50)
    assert [(one["status"], one["error"]) for one in row.tries] == [(status, error)]


async def test_a_body_without_an_end_is_not_read(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.plays(endless)

    await desk.worker().deliver(named)

    assert (await desk.row(named)).state == "delivered"


async def test_a_later_try_has_the_same_id_and_a_signature_of_its_own(desk: Desk, receiver: Receiver) -> None:
    _, secret = await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.plays(BROKEN, OK)

    await desk.worker().deliver(named)
    await desk.hasten(named)
    assert await desk.worker().deliver_next()

    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert unwrapped(first, secret) == unwrapped(second, secret)
    assert (await desk.row(named)).state == "delivered"


async def test_the_last_try_fails_it_and_leaves_a_letter(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.usual = BROKEN

    for _ in range(3):
        await desk.hasten(named)
        await desk.worker().deliver(named)

    row = await desk.row(named)
    assert (row.state, row.attempts, len(row.tries)) == ("failed", 3, 3)
    assert row.ended_at is not None
    assert desk.buried.letters == [(named, "it answered 500")]


async def test_gone_switches_the_endpoint_off_and_ends_what_waits_for_it(
    desk: Desk, receiver: Receiver
) -> None:
    endpoint, _ = await desk.endpoint(receiver.url)
    [first], [second] = await desk.happens(), await desk.happens()
    receiver.plays(GONE)

    await desk.worker().deliver(first)
    await desk.worker().deliver(second)

    assert not await desk.is_enabled(endpoint)
    assert [(await desk.row(one)).state for one in (first, second)] == ["failed", "failed"]
    assert len(receiver.got) == 1
    assert await desk.happens() == []


async def test_workers_side_by_side_make_each_try_once(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    named = [one for _ in range(5) for one in await desk.happens()]
    workers = [desk.worker() for _ in range(4)]

    await asyncio.gather(*(worker.deliver(one) for worker in workers for one in named))
    while await workers[0].deliver_next():
        pass

    assert len(receiver.got) == len({got.headers["webhook-id"] for got in receiver.got}) == 5


async def test_a_delivery_whose_worker_died_is_tried_again_when_the_lease_is_over(
    desk: Desk, receiver: Receiver
) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.plays(hanging)
    dying = asyncio.ensure_future(desk.worker().deliver(named))
    await until(lambda: asyncio.sleep(0, len(receiver.got) == 1))
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    assert not await desk.worker().deliver_next()
    row = await desk.row(named)
    assert row.leased_until is not None
    assert await desk.worker().due_at() == row.leased_until
    await desk.hasten(named)
    assert await desk.worker().deliver_next()

    assert (await desk.row(named)).state == "delivered"


async def test_a_delivery_that_loses_every_worker_is_given_up(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.usual = hanging
    for count in (1, 2, 3):
        await desk.hasten(named)
        dying = asyncio.ensure_future(desk.worker().deliver(named))
        await until(lambda: asyncio.sleep(0, len(receiver.got) == count))  # noqa: B023  awaited here
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    await desk.hasten(named)

    await desk.worker().deliver(named)

    row = await desk.row(named)
    assert (row.state, row.attempts, len(receiver.got)) == ("failed", 3, 3)
    assert desk.buried.letters == [(named, "its tries were lost, one after the other")]


async def test_a_try_that_was_overtaken_changes_nothing(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    receiver.plays(hanging, OK)
    slow = asyncio.ensure_future(desk.worker().deliver(named))
    await until(lambda: asyncio.sleep(0, len(receiver.got) == 1))
    await desk.hasten(named)

    await desk.worker().deliver(named)
    await slow

    row = await desk.row(named)
    assert (row.state, row.attempts, len(row.tries)) == ("delivered", 2, 1)


async def test_a_slow_receiver_holds_up_nobody_else(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    slow = [one for _ in range(6) for one in await desk.happens()]
    receiver.usual = hanging
    worker = desk.worker()
    hung = [asyncio.ensure_future(worker.deliver(one)) for one in slow]
    await until(lambda: asyncio.sleep(0, len(receiver.got) == 4))
    quick = Receiver()
    server = await asyncio.start_server(quick.serve, "127.0.0.1", 0)
    quick.port = server.sockets[0].getsockname()[1]
    await desk.endpoint(quick.url, tenant="other")
    [other] = await desk.happens(tenant="other")

    assert await worker.deliver_next()

    assert (await desk.row(other, "other")).state == "delivered"
    await asyncio.gather(*hung)
    assert receiver.most_at_once == 4
    server.close()


async def test_both_secrets_sign_while_the_former_one_counts(desk: Desk, receiver: Receiver) -> None:
    endpoint, former = await desk.endpoint(receiver.url)
    now = datetime.now(UTC)
    async with desk.database.begin() as session:
        secret = replace_secret(endpoint, SEALER, now, keeps_former=True)
        await keep_endpoint(session, await session.merge(endpoint))
    [named] = await desk.happens()

    await desk.worker().deliver(named)

    [got] = receiver.got
    assert unwrapped(got, former) == unwrapped(got, secret)
    assert len(secrets_of(endpoint, SEALER, now + timedelta(hours=23))) == 2
    assert secrets_of(endpoint, SEALER, now + timedelta(hours=25)) == [secret]


async def test_an_address_that_a_response_named_is_told_with_the_tenants_secret(
    desk: Desk, receiver: Receiver
) -> None:
    [named] = await desk.happens(extra_url=receiver.url)

    await desk.worker().deliver(named)

    async with desk.database.begin() as session:
        row = await tenant_secret(session, TENANT, SEALER, datetime.now(UTC))
    [secret] = secrets_of(row, SEALER, datetime.now(UTC))
    assert unwrapped(receiver.got[0], secret)


async def test_nothing_is_sent_to_a_network_that_is_refused(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()

    async with open_desk(desk.database, networks=()) as outside:
        await outside.worker().deliver(named)

    assert receiver.got == []
    row = await desk.row(named)
    assert row.state == "pending"
    assert row.last_error == "url cannot be used: its address is in a network that is refused"


async def test_a_name_that_leads_to_a_refused_network_is_not_asked(desk: Desk) -> None:
    await desk.endpoint("http://localhost.localdomain/hook")
    [named] = await desk.happens()

    async with open_desk(desk.database, networks=()) as outside:
        await outside.worker().deliver(named)

    assert (await desk.row(named)).last_status is None


async def test_a_delivery_that_is_asked_for_again_begins_anew(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [named] = await desk.happens()
    await desk.worker().deliver(named)
    row = await desk.row(named)
    reopen(row, datetime.now(UTC))
    async with desk.database.begin() as session:
        await keep_delivery(session, await session.merge(row))

    assert await desk.worker().deliver_next()

    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    assert (await desk.row(named)).state == "delivered"


async def test_old_deliveries_are_forgotten_but_not_those_that_wait(desk: Desk, receiver: Receiver) -> None:
    await desk.endpoint(receiver.url)
    [done], [waiting] = await desk.happens(), await desk.happens()
    await desk.worker().deliver(done)
    desk.settings = desk.settings.model_copy(update={"retention": 0.0})

    assert not await desk.worker().forget_some()

    assert (await desk.row(waiting)).state == "pending"
    with pytest.raises(AssertionError):
        await desk.row(done)

"""Files on their way in, while processes are killed that hold them: each is taken in once, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import psutil
import pytest
from sqlmodel import select

from contracts.ids import new_ulid
from infra.database import Database, open_database
from infra.embedded.child import has_ended_within, stop_child
from infra.failpoints import Moment
from infra.objects import ObjectStore, open_objects
from infra.settings import MIB, DatabaseSettings, KafkaSettings, ObjectSettings
from infra.store.media import MERGED, STORED, MediaGarbageRow, MediaRow, used_bytes
from tests.acceptance.asking import Json, error_in
from tests.acceptance.edges import own_edge
from tests.acceptance.pictures import MEDIA, PREPARE, UPLOAD, asked, form, picture, uploaded
from tests.acceptance.waiting import LIMIT, until
from tests.faults.test_moments import ends_in, events_of, has_ended, mortal_edge, plan
from tests.product import Product

pytestmark = pytest.mark.stack

TAKEOVER = 60.0
"""Seconds for a dead worker's session of 6 s and its successor's start."""
MOMENTS = (Moment.CLAIMED, Moment.SEEN, Moment.KEPT, Moment.CLOSED, Moment.TOLD, Moment.DONE)
SWEEPING = {"JAN_MEDIA_SWEEP_SECONDS": "0.2"}
FILES = 200
SIZE = 5_000_000
AT_ONCE_LIMIT = 100.0
"""Seconds for all of them."""
MOST_GROWTH = 400 * MIB
"""What a process may take more than before: far less than the files together."""


@pytest.fixture
async def stored(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with open_database(database) as opened:
        yield opened


@pytest.fixture
async def bucket(objects: ObjectSettings) -> AsyncIterator[ObjectStore]:
    async with open_objects(objects) as opened:
        yield opened


@pytest.fixture
async def without_worker(product: Product) -> AsyncIterator[Product]:
    """The product, for a test that starts the workers of media itself."""
    await stop_all(product)
    yield product
    await stop_all(product)


async def stop_all(product: Product) -> None:
    while product.media:
        await stop_child(product.media.pop())


async def rows_of(stored: Database, tenant: str) -> Sequence[MediaRow]:
    async with stored.begin() as session:
        return (await session.exec(select(MediaRow).where(MediaRow.tenant == tenant))).all()


async def tenant_of(api: aiohttp.ClientSession) -> str:
    async with api.get("/auth/me") as answer:
        told = await answer.json()
    return str(told["principal_id"] if "principal_id" in told else told["id"])


async def is_swept(stored: Database, bucket: ObjectStore, tenant: str, count: int) -> None:
    """Wait until the tenant has so many objects, and nothing is left to be deleted."""

    async def holds() -> bool:
        objects = await bucket.keys(f"media/{tenant}/")
        async with stored.begin() as session:
            left = (await session.exec(select(MediaGarbageRow.object_key))).all()
        return len(objects) == count and not any(f"/{tenant}/" in key for key in left)

    await until(holds, TAKEOVER)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_file_is_taken_in_once_whenever_its_worker_dies(
    without_worker: Product,
    api: aiohttp.ClientSession,
    stored: Database,
    bucket: ObjectStore,
    kafka: KafkaSettings,
    moment: Moment,
) -> None:
    mortal = await without_worker.add_media(plan(moment, 1))
    without_worker.media.clear()
    data = picture()

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(sent(api, data))
        assert await has_ended_within(mortal, LIMIT)
        await without_worker.add_media(SWEEPING)

    told, job_id = asking.result()
    assert told["bytes"] == len(data)
    async with api.get(f"{MEDIA}/{told['id']}/content") as answer:
        assert await answer.read() == data
    tenant = await tenant_of(api)
    (row,) = await rows_of(stored, tenant)
    assert (row.media_id, row.state) == (told["id"], STORED)
    await is_swept(stored, bucket, tenant, 1)
    await until(lambda: has_ended(kafka, job_id), TAKEOVER)
    assert len(ends_in(await events_of(kafka, job_id))) == 1


async def test_a_duplicate_whose_worker_died_behind_its_record_is_told_the_first_ones_id(
    without_worker: Product, api: aiohttp.ClientSession, stored: Database, bucket: ObjectStore
) -> None:
    data = picture()
    first = await without_worker.add_media(SWEEPING)
    original = await uploaded(api, data)
    await stop_child(first)
    mortal = await without_worker.add_media(plan(Moment.KEPT, 1))
    without_worker.media.clear()

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(sent(api, data))
        assert await has_ended_within(mortal, LIMIT)
        await without_worker.add_media(SWEEPING)

    told, _ = asking.result()
    assert (told["id"], told["deduped"]) == (original["id"], True)
    tenant = await tenant_of(api)
    assert sorted(row.state for row in await rows_of(stored, tenant)) == [MERGED, STORED]
    await is_swept(stored, bucket, tenant, 1)
    async with stored.begin() as session:
        assert await used_bytes(session, tenant) == len(data)


async def test_a_file_whose_edge_died_before_its_job_was_produced_leaves_nothing(
    without_worker: Product, api: aiohttp.ClientSession, stored: Database, bucket: ObjectStore
) -> None:
    tenant = await tenant_of(api)
    short = {"JAN_MEDIA_UPLOAD_SECONDS": "1"}

    async with mortal_edge(without_worker, Moment.PUT, short) as url:
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.post(url + UPLOAD, data=form(picture()), headers=dict(api.headers))
    assert len(await bucket.keys(f"media/{tenant}/")) == 1
    await without_worker.add_media(SWEEPING)

    await is_swept(stored, bucket, tenant, 0)
    assert await rows_of(stored, tenant) == []
    async with stored.begin() as session:
        assert await used_bytes(session, tenant) == 0


async def test_a_repeated_request_finishes_what_a_dead_edge_began(
    without_worker: Product, api: aiohttp.ClientSession, stored: Database
) -> None:
    data = picture()
    headers = {"Idempotency-Key": new_ulid(), **dict(api.headers)}
    await without_worker.add_media(SWEEPING)

    async with mortal_edge(without_worker, Moment.PUT) as url:
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.post(url + UPLOAD, data=form(data), headers=headers)
    async with api.post(UPLOAD, data=form(data), headers=headers, timeout=_PATIENT) as answer:
        told = await answer.json()

    assert answer.status == 200, told
    (row,) = await rows_of(stored, await tenant_of(api))
    assert row.media_id == told["id"]


async def test_while_the_store_is_away_nothing_is_accepted_and_nothing_held(
    without_worker: Product, api: aiohttp.ClientSession, stored: Database
) -> None:
    await without_worker.add_media()
    tenant = await tenant_of(api)

    async with own_edge(without_worker, JAN_S3_ENDPOINT="http://127.0.0.1:9") as url:
        for path, body in ((UPLOAD, {"data": form(picture())}), (MEDIA, {"json": asked(picture())})):
            async with api.post(url + path, headers=dict(api.headers), **body) as answer:
                error = error_in(await answer.json())
            assert (answer.status, error["code"]) == (503, "dependency_down")
            assert "Retry-After" in answer.headers

    assert await rows_of(stored, tenant) == []
    async with stored.begin() as session:
        assert await used_bytes(session, tenant) == 0
    assert (await uploaded(api, picture()))["status"] == "ready"


async def test_a_worker_without_the_store_says_so_and_a_file_sent_by_its_client_is_not_lost(
    without_worker: Product, api: aiohttp.ClientSession
) -> None:
    data = picture()
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        prepared = await answer.json()
    async with aiohttp.ClientSession() as nobody, nobody.put(prepared["upload_url"], data=data) as answer:
        assert answer.status == 200
    blind = await without_worker.add_media({"JAN_S3_ENDPOINT": "http://127.0.0.1:9"})

    async with api.post(f"{MEDIA}/{prepared['id']}/complete", timeout=_PATIENT) as answer:
        error = error_in(await answer.json())
    assert (answer.status, error["code"]) == (503, "dependency_down")
    await stop_child(blind)
    without_worker.media.clear()
    await without_worker.add_media()

    async with api.post(f"{MEDIA}/{prepared['id']}/complete", timeout=_PATIENT) as answer:
        told = await answer.json()
    assert (answer.status, told["bytes"]) == (200, len(data))


@pytest.mark.timeout(300)
async def test_two_hundred_uploads_at_once_take_little_memory(
    without_worker: Product, api: aiohttp.ClientSession, stored: Database
) -> None:
    patient = {"JAN_DATABASE_TIMEOUT": "90"}  # all wait for the tenant's row, on a machine that may be busy
    worker = await without_worker.add_media(patient)
    async with (
        own_edge(without_worker, **patient) as url,
        aiohttp.ClientSession(url, headers=dict(api.headers), timeout=_PATIENT) as client,
    ):
        edge = without_worker.edges[-1]
        await uploaded(client, picture())
        before = {name: peak(child.pid) for name, child in (("edge", edge), ("worker", worker))}

        answers = await asyncio.gather(*(large(client, number) for number in range(FILES)))
        after = {name: peak(child.pid) for name, child in (("edge", edge), ("worker", worker))}

    assert len({told["id"] for told in answers}) == FILES
    assert {told["bytes"] for told in answers} == {SIZE}
    grown = {name: after[name] - before[name] for name in before}
    print("; ".join(f"{name} grew by {size / MIB:.0f} MiB" for name, size in grown.items()))
    assert max(grown.values()) < MOST_GROWTH


_PATIENT = aiohttp.ClientTimeout(total=3 * TAKEOVER)


async def sent(api: aiohttp.ClientSession, data: bytes) -> tuple[Json, str]:
    """The media of a file, and the job that took it in."""
    async with api.post(UPLOAD, data=form(data), timeout=_PATIENT) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told, answer.headers["X-Job-Id"]


def peak(pid: int) -> int:
    """The most memory that a process and its children held, in bytes."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(_peak(one.pid) for one in family)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


async def large(api: aiohttp.ClientSession, number: int) -> Json:
    """A bitmap that no other upload is, sent from a piece of memory that all share."""
    boundary = f"b{new_ulid()}"

    async def body() -> AsyncIterator[bytes]:
        told = 'Content-Disposition: form-data; name="file"; filename="a.bmp"\r\nContent-Type: image/bmp'
        yield f"--{boundary}\r\n{told}\r\n\r\n".encode()
        yield _BITMAP[:_HEAD] + number.to_bytes(4, "big")
        for at in range(_HEAD + 4, SIZE, 65_536):
            yield _BITMAP[at : at + 65_536]
        yield f"\r\n--{boundary}--\r\n".encode()

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    timeout = aiohttp.ClientTimeout(total=AT_ONCE_LIMIT)
    async with api.post(UPLOAD, data=body(), headers=headers, timeout=timeout) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told


_HEAD = 54
_WIDTH, _HEIGHT = 1_000, 1_666
_PIXELS = bytes(_WIDTH * _HEIGHT * 3)
_BITMAP = (
    b"BM"
    + (_HEAD + len(_PIXELS)).to_bytes(4, "little")
    + bytes(4)
    + _HEAD.to_bytes(4, "little")
    + (40).to_bytes(4, "little")
    + _WIDTH.to_bytes(4, "little")
    + _HEIGHT.to_bytes(4, "little")
    + (1).to_bytes(2, "little")
    + (24).to_bytes(2, "little")
    + bytes(24)
    + _PIXELS
)
_BITMAP += bytes(SIZE - len(_BITMAP))

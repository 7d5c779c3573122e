"""The object store on a real S3."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from contracts.ids import new_ulid
from infra.objects import MAX_OBJECT, ObjectError, ObjectMissing, ObjectStore, ObjectTooLarge, open_objects
from infra.settings import MIB, ObjectSettings

pytestmark = pytest.mark.stack


@pytest.fixture
async def bucket(objects: ObjectSettings) -> AsyncIterator[ObjectStore]:
    async with open_objects(objects) as opened:
        await opened.ensure_bucket()
        yield opened


@pytest.mark.parametrize("size", [1, 300 * 1024, 9 * MIB], ids=["1 B", "300 KiB", "9 MiB"])
async def test_object_is_read_as_it_was_written(bucket: ObjectStore, size: int) -> None:
    key = f"t/tenant/{new_ulid()}"
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    reference = await bucket.put(key, data, "application/json")

    assert (reference.key, reference.size) == (key, size)
    assert await bucket.get(key) == data


async def test_second_put_replaces_the_first(bucket: ObjectStore) -> None:
    key = new_ulid()
    await bucket.put(key, b"one", "text/plain")

    await bucket.put(key, b"two", "text/plain")

    assert await bucket.get(key) == b"two"


async def test_deleted_object_is_missing_and_may_be_deleted_again(bucket: ObjectStore) -> None:
    key = new_ulid()
    await bucket.put(key, b"one", "text/plain")

    await bucket.delete(key)
    await bucket.delete(key)

    with pytest.raises(ObjectMissing) as missing:
        await bucket.get(key)
    assert missing.value.detail.status == 404


async def test_many_calls_at_once_do_not_block_the_loop(bucket: ObjectStore) -> None:
    keys = [new_ulid() for _ in range(40)]

    await asyncio.gather(*(bucket.put(key, key.encode(), "text/plain") for key in keys))

    assert await asyncio.gather(*(bucket.get(key) for key in keys)) == [key.encode() for key in keys]


async def test_object_too_large_for_memory_is_refused(bucket: ObjectStore) -> None:
    with pytest.raises(ObjectTooLarge):
        await bucket.put(new_ulid(), bytes(MAX_OBJECT + 1), "text/plain")


async def test_bucket_is_made_once_whoever_asks(objects: ObjectSettings) -> None:
    fresh = objects.model_copy(update={"bucket": f"b-{new_ulid().lower()}"})
    async with open_objects(fresh) as opened:
        with pytest.raises(ObjectError, match="no such bucket"):
            await opened.ping()

        made = await asyncio.gather(*(opened.ensure_bucket() for _ in range(4)))

        assert any(made)
        assert await opened.ensure_bucket() is False
        await opened.ping()


async def test_wrong_secret_is_an_error_of_the_store(objects: ObjectSettings) -> None:
    stranger = objects.model_copy(update={"access_key": "stranger"})
    async with open_objects(stranger) as opened:
        with pytest.raises(ObjectError) as refusal:
            await opened.put(new_ulid(), b"x", "text/plain")

    assert refusal.value.detail.status == 503


async def test_store_that_refuses_connections_is_an_error(objects: ObjectSettings) -> None:
    nowhere = objects.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    async with open_objects(nowhere) as opened:
        with pytest.raises(ObjectError, match="does not answer"):
            await opened.get("key")


async def test_store_that_is_silent_is_waited_for_no_longer_than_the_limit(objects: ObjectSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = objects.model_copy(
            update={"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout": 0.1}
        )
        async with open_objects(mute) as opened, asyncio.timeout(5):
            with pytest.raises(ObjectError, match="does not answer"):
                await opened.get("key")


async def test_closing_leaves_no_thread_behind(objects: ObjectSettings) -> None:
    async with open_objects(objects) as opened:
        await opened.ensure_bucket()
        mine = [thread for thread in threading.enumerate() if thread.name.startswith("objects")]

    for thread in mine:
        await asyncio.to_thread(thread.join, 5)
    assert mine
    assert not any(thread.is_alive() for thread in mine)

"""The object store on a real S3."""

import asyncio
import socket
import threading
import tracemalloc
from pathlib import Path

import pytest

from contracts.ids import new_ulid
from infra.objects import (
    MAX_OBJECT,
    MOST_DELETED,
    PART,
    PIECE,
    THREADS,
    ObjectError,
    ObjectMissing,
    ObjectStore,
    ObjectTooLarge,
    open_objects,
)
from infra.settings import MIB, ObjectSettings

pytestmark = pytest.mark.stack


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


async def test_bucket_is_made_once_whoever_asks(store: ObjectSettings) -> None:
    fresh = store.model_copy(update={"bucket": f"b-{new_ulid().lower()}"})
    async with open_objects(fresh) as opened:
        with pytest.raises(ObjectError, match="no such bucket"):
            await opened.ping()

        made = await asyncio.gather(*(opened.ensure_bucket() for _ in range(4)))

        assert any(made)
        assert await opened.ensure_bucket() is False
        await opened.ping()


async def test_wrong_secret_is_an_error_of_the_store(store: ObjectSettings) -> None:
    stranger = store.model_copy(update={"access_key": "stranger"})
    async with open_objects(stranger) as opened:
        with pytest.raises(ObjectError) as refusal:
            await opened.put(new_ulid(), b"x", "text/plain")

    assert refusal.value.detail.status == 503


async def test_store_that_refuses_connections_is_an_error(store: ObjectSettings) -> None:
    nowhere = store.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    async with open_objects(nowhere) as opened:
        with pytest.raises(ObjectError, match="does not answer"):
            await opened.get("key")


async def test_store_that_is_silent_is_waited_for_no_longer_than_the_limit(store: ObjectSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = store.model_copy(
            update={"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout": 0.1}
        )
        async with open_objects(mute) as opened, asyncio.timeout(5):
            with pytest.raises(ObjectError, match="does not answer"):
                await opened.get("key")


async def test_closing_leaves_no_thread_behind(store: ObjectSettings) -> None:
    async with open_objects(store) as opened:
        await opened.ensure_bucket()
        mine = [thread for thread in threading.enumerate() if thread.name.startswith("objects")]

    for thread in mine:
        await asyncio.to_thread(thread.join, 5)
    assert mine
    assert not any(thread.is_alive() for thread in mine)


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 12 * MIB + 7])
async def test_a_file_goes_there_and_back(bucket: ObjectStore, tmp_path: Path, size: int) -> None:
    key = f"media/t1/{new_ulid()}"
    sent, got = tmp_path / "sent", tmp_path / "got"
    _write(sent, size)

    reference = await bucket.put_file(key, sent, "image/png")
    read = await bucket.get_file(key, got, size)

    assert (reference.size, read) == (size, size)
    assert _read(got) == _read(sent)
    stat = await bucket.stat(key)
    assert (stat.size, stat.content_type) == (size, "image/png")


async def test_a_file_that_is_too_large_is_not_read_on(bucket: ObjectStore, tmp_path: Path) -> None:
    key = new_ulid()
    await bucket.put(key, bytes(3 * MIB), "image/png")

    with pytest.raises(ObjectTooLarge, match="2,097,152"):
        await bucket.get_file(key, tmp_path / "got", 2 * MIB)


async def test_an_object_is_read_piece_by_piece_from_anywhere(bucket: ObjectStore) -> None:
    key = new_ulid()
    data = bytes(range(256)) * (10 * MIB // 1024)
    await bucket.put(key, data, "image/png")

    pieces = [piece async for piece in bucket.read(key)]

    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == PIECE
    assert b"".join([piece async for piece in bucket.read(key, 5, 1_500_000)]) == data[5:1_500_005]
    assert [piece async for piece in bucket.read(key, 5, 0)] == []


async def test_readers_that_wait_or_leave_keep_nothing_from_others(bucket: ObjectStore) -> None:
    key = new_ulid()
    await bucket.put(key, bytes(2 * MIB), "image/png")
    readers = [bucket.read(key) for _ in range(THREADS + 4)]

    for reader in readers:
        await anext(reader)
    others = await asyncio.gather(*(bucket.stat(key) for _ in range(THREADS)))
    left = [len(b"".join([piece async for piece in reader])) for reader in readers[::2]]

    assert {other.size for other in others} == {2 * MIB}
    assert set(left) == {2 * MIB - PIECE}


async def test_a_large_file_is_in_memory_part_by_part(bucket: ObjectStore, tmp_path: Path) -> None:
    key = new_ulid()
    _write(tmp_path / "sent", 40 * MIB)

    tracemalloc.start()
    try:
        await bucket.put_file(key, tmp_path / "sent", "image/png")
        await bucket.get_file(key, tmp_path / "got", 40 * MIB)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 3 * PART


async def test_what_is_not_there_has_no_stat_and_no_bytes(bucket: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing):
        await bucket.stat("nobody")
    with pytest.raises(ObjectMissing):
        await bucket.get_file("nobody", tmp_path / "got", 1)
    with pytest.raises(ObjectMissing):
        await anext(bucket.read("nobody"))


async def test_objects_are_listed_page_by_page_and_deleted_at_once(bucket: ObjectStore) -> None:
    folder = f"list/{new_ulid()}"
    keys = [f"{folder}/{number % 3}/{number:03}" for number in range(25)]
    await asyncio.gather(*(bucket.put(key, b"x", "text/plain") for key in keys))

    first = await bucket.keys(f"{folder}/", most=10)
    rest = await bucket.keys(f"{folder}/", after=first[-1].key, most=100)

    assert [entry.key for entry in [*first, *rest]] == sorted(keys)
    assert {entry.size for entry in first} == {1}
    assert await bucket.delete_all([*keys, f"{folder}/nobody"]) == []
    assert await bucket.keys(f"{folder}/") == []
    assert await bucket.delete_all([]) == []


async def test_more_objects_than_one_request_takes_are_listed_and_deleted(bucket: ObjectStore) -> None:
    folder = f"many/{new_ulid()}"
    keys = [f"{folder}/{number:04}" for number in range(MOST_DELETED + 5)]
    await asyncio.gather(*(bucket.put(key, b"x", "text/plain") for key in keys))

    first = await bucket.keys(f"{folder}/")
    rest = await bucket.keys(f"{folder}/", after=first[-1].key)

    assert [entry.key for entry in first + rest] == keys
    assert len(rest) == 5
    assert await bucket.delete_all(keys) == []
    assert await bucket.keys(f"{folder}/") == []


async def test_pages_follow_each_other_whatever_is_in_the_keys(bucket: ObjectStore) -> None:
    folder = f"page/{new_ulid()}"
    names = ("a/1", "a-b/1", "a.b/1", "a/2", "a-b/2", "a0", "a!x/1", "ab c+%/ü", "é&<>/1", "A/1")
    keys = sorted(f"{folder}/{name}" for name in names)
    await asyncio.gather(*(bucket.put(key, b"x", "text/plain") for key in keys))

    pages = [await bucket.keys(f"{folder}/", most=3)]
    while pages[-1]:
        pages.append(await bucket.keys(f"{folder}/", after=pages[-1][-1].key, most=3))

    assert sorted(entry.key for page in pages for entry in page) == keys
    assert await bucket.delete_all(keys) == []
    assert await bucket.keys(f"{folder}/") == []


def _write(path: Path, size: int) -> None:
    path.write_bytes((bytes(range(251)) * (size // 251 + 1))[:size])


def _read(path: Path) -> bytes:
    return path.read_bytes()

"""Media of chats on a real database: what a provider is told of them, and what is refused."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from contracts.envelope import Caller, Envelope, Lane
from contracts.errors import ApiError
from contracts.ids import media_id, new_ulid
from contracts.jobs import CompletionJob
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.objects import ObjectError, ObjectMissing
from infra.presigning import Presigner
from infra.settings import DatabaseSettings, MediaSettings, ObjectSettings
from infra.store.media import AWAITING, STORED, MediaRow, object_key
from tests.infra.store.scratch import scratch_database
from workers.completion.media import StoredMedia
from workers.completion.memory import Patience

pytestmark = pytest.mark.stack

Json = dict[str, Any]
TENANT = "t1"
MOST = 100
BYTES = b"0123456789"


class MemoryObjects:
    """A store; it is away when it is told so."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.read: list[str] = []
        self.is_away = False

    async def get(self, key: str) -> bytes:
        if self.is_away:
            raise ObjectError("The object store does not answer")
        if key not in self.held:
            raise ObjectMissing
        self.read.append(key)
        return self.held[key]


class Tenant:
    """A tenant's media, and what a job makes of them."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self.objects = MemoryObjects()
        settings = MediaSettings(inline_bytes=MOST, link_seconds=77)
        presigner = Presigner(ObjectSettings(public_endpoint="https://files.example"))
        self.media = StoredMedia(store, self.objects, presigner, settings, Patience(0.0))

    async def image(self, data: bytes = BYTES, *, tenant: str = TENANT, state: str = STORED) -> str:
        named, now = media_id(new_ulid()), datetime.now(UTC)
        key = object_key(tenant, named)
        row = MediaRow(
            media_id=named,
            tenant=tenant,
            user_id="u",
            state=state,
            object_key=key,
            mime="image/png",
            bytes=len(data),
            filename="a.png",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        async with self.store.begin() as session:
            session.add(row)
        if state == STORED:
            self.objects.held[key] = data
        return named

    async def told(
        self, *given: str, history: tuple[str, ...] = (), ways: tuple[str, ...] = ("inline",)
    ) -> Any:
        """The images as a provider reads them that is asked the last of these ways."""
        body = {"messages": [*images(*history), *images(*given)]}
        async with self.media.of(envelope(), {"messages": images(*given)}, body) as pictures:
            told = [await pictures.told(pictures.body, way) for way in ways]
        return [part for message in told[-1]["messages"] for part in message["content"]]

    async def refusal(self, *given: str, **more: Any) -> tuple[str | None, str | None, int]:
        with pytest.raises(ApiError) as raised:
            await self.told(*given, **more)
        detail = raised.value.detail
        assert detail.param == "messages" or detail.status == 503
        return detail.code, detail.message, detail.status


@pytest.fixture
async def tenant(database: DatabaseSettings) -> AsyncIterator[Tenant]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as store:
            yield Tenant(store)


def images(*urls: str) -> list[Json]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": parts}] if parts else []


def envelope() -> Envelope[CompletionJob]:
    now = datetime.now(UTC)
    return Envelope(
        job_id=new_ulid(),
        kind="completion",
        tenant=TENANT,
        caller=Caller(user_id="u", tenant=TENANT, roles=()),
        lane=Lane.DEFAULT,
        asked_at=now,
        deadline=now + timedelta(minutes=1),
        job=CompletionJob(model="m"),
    )


def urls(parts: list[Json]) -> list[str]:
    return [part["image_url"]["url"] for part in parts]


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def words(named: str) -> Json:
    return {"type": "text", "text": f"[image {named} is no longer available]"}


async def test_each_provider_is_told_in_its_own_way_and_objects_are_read_once(tenant: Tenant) -> None:
    named = await tenant.image()
    key = object_key(TENANT, named)

    assert urls(await tenant.told(named, ways=("inline", "link", "inline"))) == [data_url(BYTES)]
    assert tenant.objects.read == [key]
    (link,) = urls(await tenant.told(named, ways=("inline", "link")))
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "files.example", f"/jan/{key}")
    assert "X-Amz-Expires=77" in parts.query


async def test_links_need_no_object(tenant: Tenant) -> None:
    named = await tenant.image()
    tenant.objects.is_away = True

    assert urls(await tenant.told(named, ways=("link",)))[0].startswith("https://files.example/")


async def test_a_body_without_media_asks_nobody(tenant: Tenant) -> None:
    body = {"messages": images("https://example.com/a.png")}
    nowhere = DatabaseSettings(url="postgresql://jan:jan@127.0.0.1:1/jan", timeout=1)

    async with open_database(nowhere) as away:
        tenant.media = StoredMedia(
            away, tenant.objects, Presigner(ObjectSettings()), MediaSettings(), Patience(0.0)
        )
        async with tenant.media.of(envelope(), body, body) as pictures:
            assert await pictures.told(pictures.body, "inline") is body


@pytest.mark.parametrize("way", ["inline", "link"])
async def test_what_the_client_names_must_be_there(tenant: Tenant, way: str) -> None:
    theirs, unknown = await tenant.image(tenant="t2"), media_id(new_ulid())
    awaited, mine = await tenant.image(state=AWAITING), await tenant.image()

    for named in (theirs, unknown):
        code, message, status = await tenant.refusal(mine, named, ways=(way,))
        assert (code, status) == ("media_not_found", 404)
        assert named in str(message)
    code, message, status = await tenant.refusal(mine, awaited, ways=(way,))
    assert (code, status) == ("invalid_value", 400)
    assert awaited in str(message)
    assert tenant.objects.read == []


@pytest.mark.parametrize("way", ["inline", "link"])
async def test_of_what_a_history_names_and_has_no_more_words_are_left(tenant: Tenant, way: str) -> None:
    theirs, unknown, mine = await tenant.image(tenant="t2"), media_id(new_ulid()), await tenant.image()

    told = await tenant.told(mine, history=(theirs, unknown), ways=(way,))

    assert told[:2] == [words(theirs), words(unknown)]
    assert told[2]["type"] == "image_url"


async def test_what_is_deleted_while_it_is_sent_is_gone_in_the_same_way(tenant: Tenant) -> None:
    named, mine = await tenant.image(), await tenant.image()
    del tenant.objects.held[object_key(TENANT, named)]

    told = await tenant.told(mine, history=(named,))
    code, _, status = await tenant.refusal(named)

    assert told[0] == words(named)
    assert (code, status) == ("media_not_found", 404)


async def test_a_store_that_is_away_is_told(tenant: Tenant) -> None:
    named = await tenant.image()
    tenant.objects.is_away = True

    code, _, status = await tenant.refusal(named)

    assert (code, status) == ("dependency_down", 503)


async def test_bytes_count_as_often_as_they_are_sent(tenant: Tenant) -> None:
    one, two = await tenant.image(), await tenant.image()

    assert len(await tenant.told(*[one, two] * 5)) == MOST // len(BYTES)
    code, message, status = await tenant.refusal(*[one, two] * 5, one)

    assert (code, status) == ("body_too_large", 413)
    assert "110 bytes" in str(message)
    assert urls(await tenant.told(*[one, two] * 6, ways=("link",)))


async def test_images_of_a_request_are_counted(tenant: Tenant) -> None:
    named = await tenant.image(b"")

    assert len(await tenant.told(*[named] * 1_000)) == 1_000
    code, _, status = await tenant.refusal(*[named] * 1_001, ways=("link",))

    assert (code, status) == ("invalid_value", 400)


async def test_what_is_held_is_let_go_with_the_job(tenant: Tenant) -> None:
    named = await tenant.image(b"x" * MOST)

    for _ in range(5):  # were it kept, the third would wait for ever
        assert urls(await tenant.told(named)) == [data_url(b"x" * MOST)]
    with pytest.raises(RuntimeError):
        await _failing(tenant, named)
    assert await tenant.told(named)


async def _failing(tenant: Tenant, named: str) -> None:
    body = {"messages": images(named)}
    async with tenant.media.of(envelope(), body, body) as pictures:
        await pictures.told(pictures.body, "inline")
        raise RuntimeError

"""Media by each way into the running product, and out of it again."""

import asyncio
import hashlib
import json
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from contracts.ids import is_media_id, media_id, new_ulid
from tests.acceptance.asking import Json, error_in
from tests.acceptance.edges import own_edge
from tests.acceptance.pictures import (
    MEDIA,
    PREPARE,
    UPLOAD,
    asked,
    data_url,
    flat,
    form,
    picture,
    read,
    served,
    uploaded,
)
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("media_worker")]


@pytest.fixture
async def others(product: Product) -> Any:
    """Another tenant."""
    headers = {"Authorization": f"Bearer {await product.token()}"}
    timeout = aiohttp.ClientTimeout(total=LIMIT)
    async with aiohttp.ClientSession(product.url, headers=headers, timeout=timeout) as session:
        yield session


def is_shown(told: Json, data: bytes, *, deduped: bool = False) -> bool:
    assert is_media_id(told["id"])
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert (told["bytes"], told["mime"], told["status"]) == (len(data), "image/png", "ready")
    assert (told["width"], told["height"], told["deduped"]) == (40, 30, deduped)
    assert told["expires_at"] - told["created_at"] > 29 * 86_400
    return True


async def status_of(answering: Any) -> tuple[int, Json]:
    async with answering as answer:
        return answer.status, error_in(await answer.json())


async def test_a_form_is_taken_in(api: aiohttp.ClientSession) -> None:
    data = picture()

    told = await uploaded(api, data, "../grün.png")

    assert is_shown(told, data)
    assert told["filename"] == "grün.png"
    assert await read(told["presigned_url"]) == data


@pytest.mark.parametrize("size", [(40, 30), (800, 600)])
async def test_a_data_url_is_taken_in(api: aiohttp.ClientSession, size: tuple[int, int]) -> None:
    data = picture(size=size)

    body = BytesIO(json.dumps(asked(data, filename="a.png")).encode())
    async with api.post(MEDIA, data=body, headers={"Content-Type": "application/json"}) as answer:
        told = await answer.json()

    assert answer.status == 200, told
    assert (told["bytes"], told["width"]) == (len(data), size[0])
    assert await read(told["presigned_url"]) == data


@pytest.mark.parametrize("kind", ["remote_url", "remoteUrl", "REMOTE"])
async def test_a_remote_file_is_taken_in(api: aiohttp.ClientSession, kind: str) -> None:
    data = picture()

    async with served(data) as url, api.post(MEDIA, json={"source": {"type": kind, "url": url}}) as answer:
        told = await answer.json()

    assert answer.status == 200, told
    assert is_shown(told, data)


@pytest.mark.parametrize("way", ["put", "form"])
@pytest.mark.parametrize("use", ["complete", "show", "presign", "content", "resolve"])
async def test_a_client_sends_its_file_to_the_store_itself(
    api: aiohttp.ClientSession, way: str, use: str
) -> None:
    data = picture()
    async with api.post(PREPARE, json={"content_type": "image/png", "bytes": len(data)}) as answer:
        prepared = await answer.json()
    assert answer.status == 200, prepared
    named = prepared["id"]
    assert prepared["jan_id"] == named
    assert prepared["upload_url"] == prepared["presigned_url"]

    await sent(prepared, data, way)
    told = await used(api, named, use)

    assert told == data
    async with api.get(f"{MEDIA}/{named}") as answer:
        assert is_shown(await answer.json(), data)


async def sent(prepared: Json, data: bytes, way: str) -> None:
    async with aiohttp.ClientSession() as nobody:
        if way == "put":
            sending = nobody.put(
                prepared["upload_url"], data=data, headers={"Content-Type": prepared["mime_type"]}
            )
        else:
            filled = aiohttp.FormData()
            for name, value in prepared["presigned_post"]["fields"].items():
                filled.add_field(name, value)
            filled.add_field("file", data, filename="a.png", content_type=prepared["mime_type"])
            sending = nobody.post(prepared["presigned_post"]["url"], data=filled)
        async with sending as answer:
            assert answer.status in (200, 204), await answer.text()


async def used(api: aiohttp.ClientSession, named: str, use: str) -> bytes:
    """The bytes of media, by a first use of one kind."""
    if use == "content":
        async with api.get(f"{MEDIA}/{named}/content") as answer:
            return await answer.read()
    if use == "resolve":
        async with api.post(f"{MEDIA}/resolve", json={"ids": [named]}) as answer:
            return await read((await answer.json())["media"][0]["presigned_url"])
    if use == "presign":
        async with api.get(f"{MEDIA}/{named}/presign") as answer:
            return await read((await answer.json())["url"])
    asking = api.post(f"{MEDIA}/{named}/complete") if use == "complete" else api.get(f"{MEDIA}/{named}")
    async with asking as answer:
        return await read((await answer.json())["presigned_url"])


@pytest.mark.parametrize("way", ["put", "form"])
async def test_what_is_sent_again_behind_the_look_at_it_changes_nothing(
    api: aiohttp.ClientSession, way: str
) -> None:
    data, script = picture(), b"<script>alert(1)</script>"
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        prepared = await answer.json()
    await sent(prepared, data, way)
    first = await used(api, prepared["id"], "complete")

    await sent(prepared, script, way)

    assert first == data
    for use in ("complete", "show", "presign", "content", "resolve"):
        assert await used(api, prepared["id"], use) == data


async def test_what_was_not_sent_yet_says_so(api: aiohttp.ClientSession) -> None:
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        named = (await answer.json())["id"]

    async with api.get(f"{MEDIA}/{named}") as answer:
        assert ((await answer.json())["status"], answer.status) == ("awaiting_upload", 200)
    for asking in (
        api.post(f"{MEDIA}/{named}/complete"),
        api.get(f"{MEDIA}/{named}/presign"),
        api.get(f"{MEDIA}/{named}/content"),
        api.post(f"{MEDIA}/resolve", json={"ids": [named]}),
    ):
        status, error = await status_of(asking)
        assert (status, error["code"]) == (400, "invalid_value")
        assert named in error["message"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_media_type"),
        (picture("JPEG"), 400, "invalid_value"),
        (picture()[:-30], 400, "invalid_value"),
    ],
    ids=["svg", "another type", "truncated"],
)
async def test_what_was_sent_by_put_is_looked_at_like_any_file(
    api: aiohttp.ClientSession, data: bytes, status: int, code: str
) -> None:
    async with api.post(PREPARE, json={"mime_type": "image/png"}) as answer:
        prepared = await answer.json()
    await sent(prepared, data, "put")

    told, error = await status_of(api.post(f"{MEDIA}/{prepared['id']}/complete"))

    assert (told, error["code"]) == (status, code)
    assert (await status_of(api.get(f"{MEDIA}/{prepared['id']}")))[0] == 404


async def test_more_than_was_agreed_is_refused_when_it_is_completed(api: aiohttp.ClientSession) -> None:
    async with api.post(PREPARE, json={"mime_type": "image/png", "bytes": 10}) as answer:
        prepared = await answer.json()
    await sent(prepared, picture(), "put")

    told, error = await status_of(api.post(f"{MEDIA}/{prepared['id']}/complete"))

    assert (told, error["code"]) == (413, "body_too_large")
    assert (await status_of(api.get(f"{MEDIA}/{prepared['id']}")))[0] == 404


async def test_the_same_bytes_are_the_same_media(
    api: aiohttp.ClientSession, others: aiohttp.ClientSession
) -> None:
    data = picture()
    first = await uploaded(api, data)

    async with api.post(MEDIA, json=asked(data)) as answer:
        again = await answer.json()
    theirs = await uploaded(others, data)

    assert (again["id"], again["deduped"]) == (first["id"], True)
    assert theirs["id"] != first["id"]
    assert theirs["deduped"] is False


async def test_thirty_at_once_are_one(api: aiohttp.ClientSession) -> None:
    data = picture()

    told = await asyncio.gather(*(uploaded(api, data) for _ in range(30)))

    assert len({one["id"] for one in told}) == 1
    assert [one["deduped"] for one in told].count(False) == 1


async def test_who_does_not_wait_gets_a_job(api: aiohttp.ClientSession) -> None:
    data = picture()

    async with api.post(UPLOAD, data=form(data), headers={"Prefer": "respond-async, wait=5"}) as answer:
        told = await answer.json()

    assert answer.status == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == told["job_url"] == f"/v1/jobs/{told['job_id']}"
    assert told["id"] == media_id(told["job_id"])

    async def is_ready() -> bool:
        async with api.get(f"{MEDIA}/{told['id']}") as answer:
            return answer.status == 200 and (await answer.json())["status"] == "ready"

    await until(is_ready)
    async with api.get(told["job_url"]) as answer:
        assert (await answer.json())["data"]["state"] in ("queued", "running", "finished")


async def test_a_duplicate_that_nobody_waits_for_keeps_the_id_that_was_told(
    api: aiohttp.ClientSession,
) -> None:
    data = picture()
    first = await uploaded(api, data)

    async with api.post(UPLOAD, data=form(data), headers={"Prefer": "respond-async"}) as answer:
        told = await answer.json()

    async def is_ready() -> bool:
        async with api.get(f"{MEDIA}/{told['id']}") as answer:
            return answer.status == 200 and (await answer.json())["status"] == "ready"

    await until(is_ready)
    async with api.delete(f"{MEDIA}/{first['id']}") as answer:
        assert answer.status == 200
    async with api.get(f"{MEDIA}/{told['id']}/content") as answer:
        assert await answer.read() == data


@pytest.mark.parametrize("way", ["form", "ask"])
async def test_a_repeated_request_is_one_job(api: aiohttp.ClientSession, way: str) -> None:
    data = picture()
    headers = {"Idempotency-Key": new_ulid()}

    async def send(what: bytes) -> tuple[int, Json, str | None]:
        body = {"data": form(what)} if way == "form" else {"json": asked(what)}
        path = UPLOAD if way == "form" else MEDIA
        async with api.post(path, headers=headers, **body) as answer:
            return answer.status, await answer.json(), answer.headers.get("X-Job-Id")

    (first, told, job), (again, retold, same) = await send(data), await send(data)
    other, error, _ = await send(picture())

    assert (first, again, job) == (200, 200, same)
    assert (told["id"], told["deduped"]) == (retold["id"], retold["deduped"])
    assert (other, error_in(error)["code"]) == (422, "idempotency_key_reused")


async def test_an_image_of_a_share_is_read_by_whoever_has_its_link(
    api: aiohttp.ClientSession, product: Product
) -> None:
    data = picture()
    named = (await uploaded(api, data))["id"]
    image = {"type": "input_image", "image_url": f"data:image/png;{named}"}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "what is it?"}, image]},
        {"role": "assistant", "content": "a harbour"},
    ]
    async with api.post("/v1/conversations", json={"items": items}) as answer:
        one = (await answer.json())["id"]
    async with api.post(f"/v1/conversations/{one}/share", json={"include_images": True}) as answer:
        slug = (await answer.json())["slug"]

    async def seen() -> Json:
        async with (
            aiohttp.ClientSession(product.url) as nobody,
            nobody.get(f"/v1/public/shares/{slug}") as answer,
        ):
            told: Json = await answer.json()
            content: Json = told["snapshot"]["items"][0]["content"][1]
            return content

    assert await read((await seen())["image_url"]) == data
    async with api.delete(f"{MEDIA}/{named}") as answer:
        assert answer.status == 200
    assert await seen() == {"type": "input_text", "text": f"[image {named} is no longer available]"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(b""), 400, "invalid_value"),
        (form(b"no image"), 415, "unsupported_media_type"),
        (form(b"%PDF-1.7"), 415, "unsupported_media_type"),
        (form(picture(), mime="image/jpeg"), 400, "invalid_value"),
        (form(picture()[:-40]), 400, "invalid_value"),
        (form(bytes(20 * 1024 * 1024 + 1)), 413, "body_too_large"),
        (form(flat(20_000, 4_000)), 413, "body_too_large"),
    ],
    ids=["empty", "text", "pdf", "lies", "truncated", "too large", "a bomb"],
)
async def test_what_is_no_image_is_refused_and_leaves_nothing(
    api: aiohttp.ClientSession, body: aiohttp.FormData, status: int, code: str
) -> None:
    told, error = await status_of(api.post(UPLOAD, data=body))

    assert (told, error["code"], error["param"]) == (status, code, "file")
    async with api.get(MEDIA) as answer:
        assert (await answer.json())["data"] == []


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", 400, "address_refused"),
        ("http://10.0.0.5/a.png", 400, "address_refused"),
        ("http://metadata.internal.example.invalid/", 400, "invalid_value"),
        ("http://127.0.0.1:1/a.png", 400, "invalid_value"),
        ("file:///etc/passwd", 400, "address_refused"),
        ("http://user:secret@pictures.example/", 400, "address_refused"),
    ],
)
async def test_a_remote_file_that_cannot_be_fetched_is_an_error(
    api: aiohttp.ClientSession, url: str, status: int, code: str
) -> None:
    told, error = await status_of(api.post(MEDIA, json={"source": {"type": "remote_url", "url": url}}))

    assert (told, error["code"], error["param"]) == (status, code, "source.url")
    assert "secret" not in error["message"]


async def test_a_remote_file_that_lies_is_refused(api: aiohttp.ClientSession) -> None:
    async with served(picture("JPEG"), "image/png") as url:
        told, error = await status_of(api.post(MEDIA, json={"source": {"type": "remote_url", "url": url}}))

    assert (told, error["message"]) == (400, "The file is image/jpeg, and not what its sender says")


async def test_references_become_links(api: aiohttp.ClientSession) -> None:
    data = picture()
    named = (await uploaded(api, data))["id"]
    payload = {
        "messages": [{"image_url": {"url": named}}, f"see data:image/png;{named} and", 7, None],
        "other": f"data:image/jpeg;base64,{named}",
        "text": "jan_ is no id",
    }

    async with api.post(f"{MEDIA}/resolve", json={"payload": payload}) as answer:
        told = (await answer.json())["payload"]

    assert await read(told["messages"][0]["image_url"]["url"]) == data
    assert told["messages"][1].startswith("see http")
    assert named in told["messages"][1]
    assert told["messages"][2:] == [7, None]
    assert await read(told["other"]) == data
    assert told["text"] == "jan_ is no id"


async def test_an_unknown_id_is_named_and_nothing_is_resolved(
    api: aiohttp.ClientSession, others: aiohttp.ClientSession
) -> None:
    mine, theirs = (await uploaded(api, picture()))["id"], (await uploaded(others, picture()))["id"]

    for body in ({"ids": [mine, theirs]}, {"payload": {"a": mine, "b": f"data:image/png;{theirs}"}}):
        told, error = await status_of(api.post(f"{MEDIA}/resolve", json=body))

        assert (told, error["code"]) == (404, "media_not_found")
        assert theirs in error["message"]
        assert mine not in error["message"]


async def test_a_download_is_a_file_as_http_has_them(api: aiohttp.ClientSession) -> None:
    data = picture(size=(900, 700))
    told = await uploaded(api, data)
    path = f"{MEDIA}/{told['id']}/content"

    async with api.get(path) as answer:
        assert (answer.status, await answer.read()) == (200, data)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == 'inline; filename="a.png"'
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        etag = answer.headers["ETag"]
    async with api.head(path) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(data)))
    async with api.get(path, headers={"If-None-Match": f'"other", {etag}'}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    size = len(data)
    for asked_range, first, last in (
        ("bytes=0-9", 0, 9),
        ("bytes=1000000-", 1_000_000, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=5-{size * 2}", 5, size - 1),
    ):
        async with api.get(path, headers={"Range": asked_range, "If-Range": etag}) as answer:
            assert answer.status == 206
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
            assert await answer.read() == data[first : last + 1]
    for asked_range in ("bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=-"):
        async with api.get(path, headers={"Range": asked_range}) as answer:
            assert (answer.status, len(await answer.read())) == (200, size)
    async with api.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'}) as answer:
        assert answer.status == 200
    async with api.get(path, headers={"Range": f"bytes={size}-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
        assert error_in(await answer.json())["code"] == "range_not_satisfiable"


async def test_media_are_listed_and_deleted(
    api: aiohttp.ClientSession, others: aiohttp.ClientSession
) -> None:
    named = [(await uploaded(api, picture()))["id"] for _ in range(4)]
    theirs = (await uploaded(others, picture()))["id"]

    async with api.get(MEDIA, params={"limit": 3}) as answer:
        page = await answer.json()
    assert [one["id"] for one in page["data"]] == named[:0:-1]
    assert (page["has_more"], page["next_after"]) == (True, named[1])
    link = page["data"][0]["presigned_url"]
    async with api.delete(f"{MEDIA}/{named[3]}") as answer:
        assert await answer.json() == {"id": named[3], "object": "media.deleted", "deleted": True}
    async with aiohttp.ClientSession() as nobody, nobody.get(link) as answer:
        assert answer.status == 404
    body = {"ids": [named[0], named[1], theirs, "jan_nobody"]}
    async with api.post(f"{MEDIA}/bulk-delete", json=body) as answer:
        told = await answer.json()
    assert told == {"deleted": named[:2], "not_found": [theirs, "jan_nobody"], "deleted_count": 2}
    async with api.get(MEDIA) as answer:
        assert [one["id"] for one in (await answer.json())["data"]] == [named[2]]
    async with others.get(f"{MEDIA}/{theirs}") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("named", ["jan_nobody", media_id("0" * 26), "x" * 300, "%00", "a\nb"])
async def test_what_is_not_there_is_a_404(api: aiohttp.ClientSession, named: str) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/content"),
        ("GET", "/presign"),
        ("POST", "/complete"),
        ("DELETE", ""),
    ):
        told, error = await status_of(api.request(method, f"{MEDIA}/{named}{path}"))

        assert (told, error["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"mime_type": "image/svg+xml"}, 415, "mime_type"),
        ({"mime_type": "image/png", "bytes": 20_971_521}, 413, "bytes"),
        ({"mime_type": "image/png", "bytes": 0}, 400, "bytes"),
        ({}, 400, "mime_type"),
    ],
)
async def test_an_upload_that_will_not_do_is_refused_at_once(
    api: aiohttp.ClientSession, body: Json, status: int, param: str
) -> None:
    told, error = await status_of(api.post(PREPARE, json=body))

    assert (told, error["param"]) == (status, param)


async def test_a_tenants_storage_has_a_limit(media_worker: Product) -> None:
    async with own_edge(media_worker, JAN_MEDIA_TENANT_BYTES="9000") as url:
        headers = {"Authorization": f"Bearer {await media_worker.token()}"}
        async with aiohttp.ClientSession(url, headers=headers) as api:
            first = await uploaded(api, picture())
            told, error = await status_of(api.post(UPLOAD, data=form(picture(size=(60, 50)))))
            assert (told, error["code"]) == (413, "storage_quota_exceeded")
            async with api.delete(f"{MEDIA}/{first['id']}") as answer:
                assert answer.status == 200
            await uploaded(api, picture())


async def test_any_answer_can_be_had_in_the_envelope(api: aiohttp.ClientSession) -> None:
    headers = {"Accept": "application/vnd.jan.v1+json"}
    async with api.post(UPLOAD, data=form(picture()), headers=headers) as answer:
        told = json.loads(await answer.text())

    assert is_media_id(told["data"]["id"])


async def test_the_older_paths_and_the_surfaces_own_port_serve_the_same(
    api: aiohttp.ClientSession,
) -> None:
    data = picture()

    async with api.post("/media/v1/media/upload", data=form(data)) as answer:
        told = await answer.json()
    async with api.post(
        "/media/v1/media", json={"source": {"type": "dataUrl", "data_url": data_url(data)}}
    ) as answer:
        assert (await answer.json())["id"] == told["id"]
    async with api.post("/v1/media/upload-presigned", json={"mime_type": "image/jpg"}) as answer:
        assert (await answer.json())["mime_type"] == "image/jpeg"

"""Links and forms, used by plain HTTP as clients would."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from contracts.ids import new_ulid
from infra.objects import ObjectMissing, ObjectStore
from infra.presigning import Presigner, UnfitEndpoint, disposition
from infra.settings import ObjectSettings

MOST = 1_000


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.stack
async def test_a_link_reads_the_object_under_its_name_and_type(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key = f"media/t1/{new_ulid()}"
    await bucket.put(key, b"bytes", "application/octet-stream")
    link = Presigner(store).get(key, content_type="image/png", filename='a "b".png')

    async with http.get(link) as answer:
        assert (answer.status, await answer.read()) == (200, b"bytes")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"] == 'inline; filename="a _b_.png"'


@pytest.mark.stack
async def test_a_link_that_is_old_or_changed_reads_nothing(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key, other = f"media/t1/{new_ulid()}", f"media/t2/{new_ulid()}"
    for one in (key, other):
        await bucket.put(one, b"bytes", "image/png")
    signer = Presigner(store)
    before = datetime.now(UTC) - timedelta(seconds=301)
    links = [
        signer.get(key, content_type="image/png", now=before),
        signer.get(key, content_type="image/png").replace(key, other),
        signer.get(key, content_type="image/png").replace("image%2Fpng", "text%2Fhtml"),
        signer.put(key),
    ]

    for link in links:
        async with http.get(link) as answer:
            assert answer.status == 403, link


@pytest.mark.stack
async def test_a_link_writes_one_object(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key = f"media/t1/{new_ulid()}"

    async with http.put(Presigner(store).put(key), data=b"sent") as answer:
        assert answer.status == 200, await answer.text()

    assert await bucket.get(key) == b"sent"


@pytest.mark.stack
async def test_a_form_writes_one_object(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key = f"media/t1/{new_ulid()}"
    form = Presigner(store).post(key, content_type="image/png", least=1, most=MOST)

    async with http.post(form.url, data=filled(form.fields, b"x" * MOST)) as answer:
        assert answer.status in (200, 204), await answer.text()

    assert await bucket.get(key) == b"x" * MOST
    assert (await bucket.stat(key)).content_type == "image/png"


@pytest.mark.stack
async def test_a_form_that_is_old_or_changed_writes_nothing(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key = f"media/t1/{new_ulid()}"
    signer = Presigner(store)
    old = signer.post(key, content_type="image/png", least=1, most=MOST, seconds=-1)
    wider = signer.post(key, content_type="image/png", least=1, most=2 * MOST)
    form = signer.post(key, content_type="image/png", least=1, most=MOST)

    for fields in (old.fields, form.fields | {"policy": wider.fields["policy"]}):
        async with http.post(form.url, data=filled(fields, b"x")) as answer:
            assert answer.status in (400, 403), await answer.text()

    with pytest.raises(ObjectMissing):
        await bucket.stat(key)


@pytest.mark.stack
async def test_a_link_for_one_object_writes_no_other_and_not_for_ever(
    bucket: ObjectStore, store: ObjectSettings, http: aiohttp.ClientSession
) -> None:
    key, other = f"media/t1/{new_ulid()}", f"media/t1/{new_ulid()}"
    link = Presigner(store).put(key)
    reading = Presigner(store).get(key, content_type="image/png")

    for changed in (link.replace(key, other), link.replace("Expires=300", "Expires=600"), reading):
        async with http.put(changed, data=b"sent") as answer:
            assert answer.status == 403, changed

    for one in (key, other):
        with pytest.raises(ObjectMissing):
            await bucket.stat(one)


@pytest.mark.stack
@pytest.mark.parametrize(
    ("change", "size"),
    [({}, MOST + 1), ({}, 0), ({"Content-Type": "text/html"}, 10), ({"key": "media/t2/other"}, 10)],
    ids=["too large", "empty", "another type", "another key"],
)
async def test_a_form_holds_to_key_type_and_size(
    bucket: ObjectStore,
    store: ObjectSettings,
    http: aiohttp.ClientSession,
    change: dict[str, str],
    size: int,
) -> None:
    key = f"media/t1/{new_ulid()}"
    form = Presigner(store).post(key, content_type="image/png", least=1, most=MOST)

    async with http.post(form.url, data=filled(form.fields | change, b"x" * size)) as answer:
        assert answer.status in (400, 403), await answer.text()

    for one in (key, "media/t2/other"):
        with pytest.raises(ObjectMissing):
            await bucket.stat(one)


def test_links_are_signed_for_the_address_that_clients_know() -> None:
    link = Presigner(ObjectSettings(public_endpoint="https://files.example:8443")).get(
        "k", content_type="a/b"
    )

    assert link.startswith("https://files.example:8443/jan/k?")
    assert "X-Amz-Expires=300" in link


@pytest.mark.parametrize(
    "address",
    [
        "https://files.example/path",
        "https://files.example//",
        "https://files.example?x=1",
        "https://files.example#x",
        "https://me:secret@files.example",
        "https://files.example:99999",
        "https://:443",
        "https://[::1",
        "ftp://files.example",
        "files.example",
        "",
    ],
)
def test_an_address_that_cannot_be_signed_for_is_refused(address: str) -> None:
    with pytest.raises(UnfitEndpoint, match="JAN_S3_PUBLIC_ENDPOINT") as refusal:
        Presigner(ObjectSettings(public_endpoint=address, endpoint=address))

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "address", ["http://[::1]:9000", "https://files.example/", "https://files.example:443"]
)
def test_an_address_of_host_and_port_is_signed_for(address: str) -> None:
    signer = Presigner(ObjectSettings(public_endpoint=address))

    form = signer.post("k", content_type="a/b", least=1, most=2)

    assert signer.put("k").startswith(f"{address.removesuffix('/').removesuffix(':443')}/jan/k?")
    assert form.url == f"{address.removesuffix('/')}/jan"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (None, "inline"),
        ("", "inline"),
        ("\r\n", "inline"),
        ("a.png", 'inline; filename="a.png"'),
        ("../../etc/passwd", 'inline; filename="passwd"'),
        ("C:\\x\\y.png", 'inline; filename="y.png"'),
        ('a"b\r\nX-Evil: 1.png', 'inline; filename="a_bX-Evil_ 1.png"'),
        ("grün.png", "inline; filename=\"gr_n.png\"; filename*=UTF-8''gr%C3%BCn.png"),
        ("\u202egnp.exe", 'inline; filename="gnp.exe"'),
    ],
)
def test_a_name_is_made_safe(name: str | None, told: str) -> None:
    assert disposition(name, "image/png") == told


def filled(fields: dict[str, str], data: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", data, filename="a.png", content_type=fields["Content-Type"])
    return form


@pytest.mark.parametrize("mime", ["text/csv", "text/html", "application/octet-stream", None])
def test_what_is_no_image_is_stored_and_not_shown(mime: str | None) -> None:
    assert disposition("a.csv", mime) == 'attachment; filename="a.csv"'
    assert disposition(None, mime) == "attachment"

"""Files on a connection, byte by byte: what is refused is not asked for, and what senders tell is cleaned."""

import json

import aiohttp
import pytest

from infra.settings import MIB
from tests.acceptance.asking import Json, error_in
from tests.acceptance.pictures import MEDIA, UPLOAD, asked, data_url, form, picture
from tests.acceptance.raw import open_raw
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("media_worker")]

FORM = "multipart/form-data; boundary=b0undary"
JSON = "application/json"


def part(data: bytes, mime: str = "image/png", name: str = 'filename="a.png"') -> bytes:
    head = (
        f'--b0undary\r\nContent-Disposition: form-data; name="file"; {name}\r\nContent-Type: {mime}\r\n\r\n'
    )
    return head.encode() + data + b"\r\n--b0undary--\r\n"


def head(path: str, token: str, kind: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {token}", f"Content-Type: {kind}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", *more, "", ""]).encode()


@pytest.mark.parametrize(("path", "kind"), [(UPLOAD, FORM), (MEDIA, JSON)])
async def test_a_file_that_is_too_large_is_refused_before_it_is_sent(
    product: Product, token: str, path: str, kind: str
) -> None:
    async with open_raw(product.url) as raw:
        await raw.send(head(path, token, kind, 64 * MIB, "Expect: 100-continue"))
        answer = await raw.answer()

    assert answer.status == 413
    assert error_in(answer.json)["code"] == "body_too_large"


@pytest.mark.parametrize(("path", "kind"), [(UPLOAD, FORM), (MEDIA, JSON)])
async def test_a_file_whose_sender_waits_for_leave_is_taken_in(
    product: Product, token: str, path: str, kind: str
) -> None:
    data = picture()
    body = part(data) if kind == FORM else json.dumps(asked(data)).encode()

    async with open_raw(product.url) as raw:
        await raw.send(head(path, token, kind, len(body), "Expect: 100-continue"))
        leave = await raw.head()
        await raw.send(body)
        answer = await raw.answer()

    assert (leave.status, answer.status) == (100, 200)
    assert answer.json["bytes"] == len(data)


@pytest.mark.parametrize("mime", ["image/png\x01", "image", "image/" + "x" * 80])
async def test_a_type_that_is_none_is_refused(product: Product, token: str, mime: str) -> None:
    body = part(picture(), mime)

    async with open_raw(product.url) as raw:
        await raw.send(head(UPLOAD, token, FORM, len(body)) + body)
        answer = await raw.answer()

    assert (answer.status, error_in(answer.json)["param"]) == (400, "file")


@pytest.mark.parametrize("kind", ["image/png\x00", "image/" + "x" * 80])
async def test_a_data_url_whose_type_is_none_is_refused(api: aiohttp.ClientSession, kind: str) -> None:
    source = {"type": "data_url", "data_url": data_url(picture(), kind)}

    async with api.post(MEDIA, json={"source": source}) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["param"]) == (400, "source.data_url")


@pytest.mark.parametrize("size", [(40, 30), (300, 200)], ids=["small", "large"])
async def test_the_name_of_a_data_url_is_cleaned(api: aiohttp.ClientSession, size: tuple[int, int]) -> None:
    body = asked(picture(size=size), filename="../../etc/\u202epass\u0007wd.png")

    async with api.post(MEDIA, json=body) as answer:
        told: Json = await answer.json()

    assert (answer.status, told["filename"]) == (200, "passwd.png")


async def test_a_name_may_come_as_rfc_5987_has_it(product: Product, token: str) -> None:
    body = part(picture(), name="filename*=UTF-8''gr%C3%BCn.png")

    async with open_raw(product.url) as raw:
        await raw.send(head(UPLOAD, token, FORM, len(body)) + body)
        answer = await raw.answer()

    assert (answer.status, answer.json["filename"]) == (200, "grün.png")


async def test_a_refused_file_is_followed_by_the_next_request(api: aiohttp.ClientSession) -> None:
    async with api.post(UPLOAD, data=form(bytes(22 * MIB))) as answer:
        assert answer.status == 413

    async with api.post(UPLOAD, data=form(picture())) as answer:
        assert answer.status == 200

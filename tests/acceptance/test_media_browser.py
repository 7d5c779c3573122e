"""A page in a real browser sends images to the store by `fetch`, from an origin of its own."""

import base64
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.asking import Json
from tests.acceptance.pictures import MEDIA, PREPARE, picture, served
from tests.api_edge.ops.browser import CHROMIUM, open_browser

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.usefixtures("media_worker"),
]

SEND_FORM = """(async (prepared, text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const form = new FormData();
  for (const [name, value] of Object.entries(prepared.presigned_post.fields)) form.append(name, value);
  form.append("file", new Blob([bytes], {type: prepared.mime_type}), "a.png");
  const answer = await fetch(prepared.presigned_post.url, {method: "POST", body: form});
  return answer.status;
})"""
SEND_PUT = """(async (prepared, text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const headers = {"Content-Type": prepared.mime_type};
  const answer = await fetch(prepared.upload_url, {method: "PUT", body: bytes, headers});
  return answer.status;
})"""
READ = """(async (link) => {
  const answer = await fetch(link);
  const image = await createImageBitmap(await answer.blob());
  return [answer.status, answer.headers.get("content-type"), image.width, image.height];
})"""


@pytest.mark.parametrize("script", [SEND_FORM, SEND_PUT], ids=["form", "put"])
async def test_a_page_sends_an_image_and_shows_it(
    api: aiohttp.ClientSession, tmp_path: Path, script: str
) -> None:
    data = picture()
    async with api.post(PREPARE, json={"mime_type": "image/png", "bytes": len(data)}) as answer:
        prepared = await answer.json()

    async with (
        served(b"<!doctype html><title>a page</title>", "text/html") as origin,
        open_browser(tmp_path) as page,
    ):
        await page.open(origin)
        status = await page.run(called(script, prepared, base64.b64encode(data).decode()))
        assert status in (200, 204), page.complaints
        async with api.post(f"{MEDIA}/{prepared['id']}/complete") as answer:
            told: Json = await answer.json()
        assert answer.status == 200, told
        seen = await page.run(called(READ, told["presigned_url"]))

    assert seen == [200, "image/png", 40, 30]


def called(script: str, *arguments: Any) -> str:
    """An expression that calls a function with JSON values."""
    return f"{script}({', '.join(map(json.dumps, arguments))})"

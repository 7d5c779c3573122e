"""Programs in the running product: by MCP, with sessions, and with files that become media."""

import sys
from typing import Any

import aiohttp
import pytest

from contracts.ids import new_ulid
from tests.acceptance.test_mcp import called, posted
from tests.product import Product

pytestmark = [
    pytest.mark.stack,
    pytest.mark.usefixtures("tool_worker"),
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is for Linux"),
]

Json = dict[str, Any]  # a JSON document


async def ran(api: aiohttp.ClientSession, code: str, **more: Any) -> Json:
    """The result of a program; skips where the product has no sandbox."""
    status, answer = await posted(api, called("python_exec", {"code": code, **more}))
    assert status == 200
    if "error" in answer or answer["result"]["isError"]:
        pytest.skip(f"no program can be run here: {answer}")
    found: Json = answer["result"]["structuredContent"]
    return found


async def test_a_program_runs_and_sees_nothing_of_the_product(
    product: Product, api: aiohttp.ClientSession
) -> None:
    code = (
        "import os; print(6 * 7); print([k for k in os.environ if k.startswith('JAN')], os.listdir('/work'))"
    )

    result = await ran(api, code)

    assert (result["stdout"], result["status"], result["exit_code"]) == ("42\n[] []\n", "ok", 0)


async def test_a_session_goes_on_with_its_files(product: Product, api: aiohttp.ClientSession) -> None:
    session = new_ulid()
    await ran(api, "open('n.txt', 'w').write('41')", session_id=session)

    result = await ran(api, "print(int(open('n.txt').read()) + 1)", session_id=session)

    assert (result["stdout"], result["session_id"]) == ("42\n", session)


async def test_a_file_that_is_left_is_media_which_a_browser_only_stores(
    product: Product, api: aiohttp.ClientSession
) -> None:
    page = f"<script>{new_ulid()}</script>"
    result = await ran(api, f"open('page.html', 'w').write({page!r})")

    (artifact,) = result["artifacts"]
    async with api.get(artifact["url"]) as answer:
        body, headers = await answer.text(), answer.headers
    async with api.get("/v1/media") as listed:
        names = {media["id"]: media["filename"] for media in (await listed.json())["data"]}

    assert body == page
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert names[artifact["id"]] == "page.html"

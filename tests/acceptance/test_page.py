"""The API's page of the running product in a real browser: it logs in, and calls."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from api_edge.ops.swagger import INDEX
from tests.api_edge.ops.browser import CHROMIUM, Page, open_browser
from tests.api_edge.ops.test_page import TOLD, authorize, log_in
from tests.product import Product

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: Debian's package chromium has it")

ME = "document.querySelector('[id^=operations-auth-read_me]')"
RESOLVED = "ui.getSystem().specSelectors.specResolvedSubtree(['paths', '/auth/me', 'get'])"
"""Swagger UI loses a click on Execute that comes before it has put in what an operation refers to."""


@pytest.fixture
async def page(product: Product, tmp_path: Path) -> AsyncIterator[Page]:
    """The page, open on the product."""
    async with open_browser(tmp_path) as opened:
        await opened.open(product.url + INDEX)
        await opened.until(ME)
        yield opened


async def who(page: Page) -> tuple[str, dict[str, object]]:
    """Try GET /auth/me; the status that the page shows, and the answer's body."""
    answer = f"{ME}.querySelector('.live-responses-table tbody')"
    await page.run(f"{ME}.querySelector('.opblock-summary-control').click()")
    await page.until(f"{RESOLVED} && {ME}.querySelector('.execute')")
    await page.run(f"{ME}.querySelector('.execute').click()")
    status = await page.until(f"{answer}?.querySelector('.response-col_status')?.innerText")
    body = await page.until(f"{answer}?.querySelector('.highlight-code code')?.innerText")
    return status.split(maxsplit=1)[0], json.loads(body)


async def test_a_guest_logs_in_by_one_button_and_calls(page: Page) -> None:
    await log_in(page)
    await page.until(TOLD)

    status, me = await who(page)

    assert status == "200"
    assert (me["is_guest"], me["auth_method"]) == (True, "jwt")
    assert str(me["username"]) in await page.run(TOLD)
    assert page.complaints == []


async def test_an_api_key_calls_as_well(page: Page, api: aiohttp.ClientSession) -> None:
    async with api.post("/auth/api-keys", json={"name": "for the page"}) as answer:
        key = (await answer.json())["key"]
    await authorize(page, key, scheme="api_key")

    status, me = await who(page)

    assert (status, me["auth_method"]) == ("200", "api_key")


async def test_nobody_is_told_to_log_in(page: Page) -> None:
    status, told = await who(page)

    assert status == "401"
    assert told["error"]

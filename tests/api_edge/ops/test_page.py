"""The API's page in a real browser: it shows the document, logs in, and tries a route."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api_edge.ops.swagger import INDEX
from tests.api_edge.ops.browser import CHROMIUM, Page, open_browser
from tests.api_edge.ops.small_edge import KEY, TOKEN, serving, small_app

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: Debian's package chromium has it")

GREET = "document.querySelector('#operations-Toy-greet')"
STATUS = f"{GREET}?.querySelector('.live-responses-table tbody .response-col_status')?.innerText"
BODY = "window.ui.getState().getIn(['oas3', 'requestData', '/v1/greetings', 'post', 'bodyValue'])"
"""The body as the page would send it; a moment after it is shown. No person is as quick as this test."""
TOLD = "document.getElementById('told').textContent"
TYPE = """
((input, text) => {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, text);
  input.dispatchEvent(new Event("input", {bubbles: true}));
})
"""
"""Types into an input as React notices it."""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """The page, open on a small edge."""
    async with serving(small_app([], None)) as url, open_browser(tmp_path) as opened:
        await opened.open(url + INDEX)
        yield opened


async def test_the_page_shows_each_route_of_the_document(page: Page) -> None:
    await page.until(GREET)

    paths = await page.run(
        "[...document.querySelectorAll('.opblock-summary-path')].map((one) => one.innerText)"
    )
    shown = {path.replace("\u200b", "") for path in paths}
    assert shown == {"/healthz", "/readyz", "/v1/version", "/v1/greetings"}
    assert "3.1" in await page.run("document.querySelector('.info').innerText")
    assert page.complaints == []


async def test_a_route_is_tried_with_the_token_that_was_entered_also_after_a_reload(page: Page) -> None:
    await page.until(GREET)
    await authorize(page, TOKEN)

    tried = await execute(page)
    await page.reopen()
    await page.until(GREET)
    again = await execute(page)

    assert (tried, again) == ("200", "200")
    body = await page.run(f"{GREET}.querySelector('.live-responses-table .highlight-code code').innerText")
    assert json.loads(body) == {"text": "Hi"}
    assert page.complaints == []


async def test_a_route_is_tried_with_an_api_key(page: Page) -> None:
    await page.until(GREET)
    await authorize(page, KEY, scheme="api_key")

    assert await execute(page) == "200"


async def test_one_button_logs_a_guest_in(page: Page) -> None:
    await page.until(GREET)
    await log_in(page)

    assert await page.until(TOLD) == "You are guest-1 for 5 minutes"
    assert await execute(page) == "200"
    assert page.complaints == []


async def test_a_login_that_is_refused_says_why(page: Page) -> None:
    await page.until(GREET)
    await log_in(page)
    await page.until(TOLD)

    await log_in(page)

    await page.until(f"{TOLD} === 'Too many guests; ask again later'")


async def test_a_wrong_token_is_told_on_the_page(page: Page) -> None:
    await page.until(GREET)
    await authorize(page, "a-wrong-one")

    assert await execute(page) == "401"


async def log_in(page: Page) -> None:
    """Press the button for guests."""
    await page.run("document.getElementById('guest').click()")


async def authorize(page: Page, token: str, scheme: str = "bearer") -> None:
    """Enter a token or a key behind the button for them."""
    place = (
        f"[...document.querySelectorAll('.auth-container')].find((one) => one.innerText.includes('{scheme}'))"
    )
    await page.run("document.querySelector('.btn.authorize').click()")
    await page.until(f"{place}?.querySelector('input')")
    await page.run(f"{TYPE}({place}.querySelector('input'), {json.dumps(token)})")
    await page.run(f"{place}.querySelector('.auth-btn-wrapper .authorize').click()")
    await page.until(f"{place}.innerText.includes('Authorized')")
    await page.run("document.querySelector('.auth-btn-wrapper .btn-done').click()")


async def execute(page: Page) -> str:
    """Try the route; the status that the page shows."""
    await page.run(f"{GREET}.querySelector('.opblock-summary-control').click()")
    await page.until(f"{GREET}.querySelector('.execute') && {BODY}")
    await page.run(f"{GREET}.querySelector('.execute').click()")
    status: str = await page.until(STATUS)
    return status.split(maxsplit=1)[0]

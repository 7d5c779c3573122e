"""The external issuer is a real Keycloak, with the realm that the product ships."""

import html
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

from tests.api_edge.ops.browser import CHROMIUM, open_browser
from tests.oidc.edge import arrive, open_login_edge
from tests.oidc.keycloak import PASSWORD, USER, Keycloak, KeycloakMissing, open_keycloak
from tests.product import Product

pytestmark = [
    pytest.mark.stack,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(600),
]
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
Json = dict[str, Any]


@dataclass
class Site:
    """An edge that knows a Keycloak, and the Keycloak."""

    url: str
    keycloak: Keycloak


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(product: Product) -> AsyncIterator[Site]:
    port = product.servers.place.ports.take(0)
    try:
        async with open_keycloak(product.servers.place, f"http://127.0.0.1:{port}") as keycloak:
            settings = {"JAN_OIDC_ISSUER": keycloak.issuer}
            async with open_login_edge(product, port, settings) as url:
                yield Site(url, keycloak)
    except KeycloakMissing as reason:
        pytest.skip(str(reason))


@pytest_asyncio.fixture(loop_scope="session")
async def browser(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps cookies and follows no redirect by itself."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def filled_in(browser: aiohttp.ClientSession, authorization_url: str) -> str:
    """Log in on Keycloak's page; where it leads back to.

    Its cookies are for TLS, or for this machine as browsers have it: aiohttp's jar would not send them.
    """
    async with browser.get(authorization_url) as page:
        (action,) = FORM.findall(await page.text())
        cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in page.cookies.values())
    typed = {"username": USER, "password": PASSWORD, "credentialId": ""}
    async with browser.post(
        html.unescape(action), data=typed, headers={"Cookie": cookies}, allow_redirects=False
    ) as answer:
        assert answer.status == 302, await answer.text()
        return answer.headers["Location"]


async def own_tokens(browser: aiohttp.ClientSession, site: Site) -> Json:
    """Keycloak's own tokens, as a client has them that goes to it directly."""
    verifier, callback = secrets.token_urlsafe(32), f"{site.url}/auth/callback"
    realm = f"{site.keycloak.issuer}/protocol/openid-connect"
    asked = {
        "response_type": "code",
        "client_id": "jan",
        "scope": "openid profile email",
        "redirect_uri": callback,
        "state": "x",
        "nonce": "n",
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    query = dict(parse_qsl(urlsplit(await filled_in(browser, f"{realm}/auth?{urlencode(asked)}")).query))
    form = {
        "grant_type": "authorization_code",
        "client_id": "jan",
        "code": query["code"],
        "redirect_uri": callback,
        "code_verifier": verifier,
    }
    async with browser.post(f"{realm}/token", data=form) as answer:
        tokens: Json = await answer.json()
        assert answer.status == 200, tokens
        return tokens


async def me(site: Site, token: str) -> tuple[int, Json]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{site.url}/auth/me", headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_login_through_keycloak_ends_with_a_session_that_works(
    browser: aiohttp.ClientSession, site: Site
) -> None:
    async with browser.get(f"{site.url}/auth/login") as answer:
        begun = await answer.json()

    async with browser.get(await filled_in(browser, begun["authorization_url"])) as answer:
        tokens = await answer.json()

    assert answer.status == 200, tokens
    status, who = await me(site, tokens["access_token"])
    assert (status, who["username"], who["is_guest"]) == (200, USER, False)


async def test_keycloaks_own_access_token_is_a_bearers_and_its_other_tokens_are_not(
    browser: aiohttp.ClientSession, site: Site
) -> None:
    tokens = await own_tokens(browser, site)

    status, who = await me(site, tokens["access_token"])
    _, again = await me(site, tokens["access_token"])

    assert (status, who["id"], who["roles"]) == (200, again["id"], ["user"])
    assert (await me(site, tokens["id_token"]))[0] == 401
    assert (await me(site, tokens["refresh_token"]))[0] == 401


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: Debian's package chromium has it")
async def test_login_on_keycloaks_page_in_a_real_browser(site: Site, tmp_path: Path) -> None:
    async with open_browser(tmp_path) as page:
        await page.open(f"{site.url}/auth/login?redirect_url={site.url}/healthz")
        await arrive(page, "document.querySelector('#kc-login')")
        await page.run(f"document.querySelector('#username').value = '{USER}'")
        await page.run(f"document.querySelector('#password').value = '{PASSWORD}'")

        await page.run("document.querySelector('#kc-login').click()")
        await arrive(page, "location.pathname === '/healthz' && location.hash.includes('access_token')")

        token = await page.run("new URLSearchParams(location.hash.slice(1)).get('access_token')")
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{site.url}/v1/models") as answer,
        ):
            assert answer.status == 200

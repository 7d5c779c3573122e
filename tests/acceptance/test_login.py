"""A login through an external issuer, on a real edge: as it should be, as attackers would have it, and in a
real browser."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from tests.api_edge.ops.browser import CHROMIUM, open_browser
from tests.oidc.edge import arrive, open_login_edge
from tests.oidc.server import CLIENT, KEY, NEXT_KEY, OidcServer, open_oidc_server, person
from tests.product import Product

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
ADMIN = "root@example.org"
ALLOWED = "https://app.example/welcome"

Json = dict[str, Any]


@dataclass
class Site:
    """An edge that knows an issuer, and the issuer."""

    url: str
    server: OidcServer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(product: Product) -> AsyncIterator[Site]:
    port = product.servers.place.ports.take(0)
    async with open_oidc_server() as server:
        settings = {
            "JAN_AUTH_ADMIN_EMAILS": ADMIN,
            "JAN_AUTH_REDIRECT_URLS": f"{ALLOWED},http://127.0.0.1:{port}/healthz",
            "JAN_OIDC_ISSUER": server.issuer,
            "JAN_OIDC_CLIENT_ID": CLIENT,
            "JAN_OIDC_KEY_PAUSE": "0",
        }
        async with open_login_edge(product, port, settings) as url:
            yield Site(url, server)


@pytest_asyncio.fixture(loop_scope="session")
async def server(site: Site) -> AsyncIterator[OidcServer]:
    """The issuer, which is good again after each test."""
    usual = dict(vars(site.server))
    site.server.codes = {}
    yield site.server
    vars(site.server).update(usual)


@pytest_asyncio.fixture(loop_scope="session")
async def browser(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps cookies and follows no redirect by itself."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site.url, cookie_jar=jar) as session:
        yield session


async def begin(browser: aiohttp.ClientSession, token: str | None = None, **query: str) -> dict[str, str]:
    """Begin a login; what the issuer is asked."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with browser.get("/auth/login", params=query, headers=headers) as answer:
        body = await answer.json()
    assert answer.status == 200, body
    asked = dict(parse_qsl(urlsplit(body["authorization_url"]).query))
    assert asked["state"] == body["state"]
    return asked


async def end(browser: aiohttp.ClientSession, query: Json) -> tuple[int, Json, aiohttp.ClientResponse]:
    async with browser.get("/auth/callback", params=query, allow_redirects=False) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if text else {}, answer


async def log_in(browser: aiohttp.ClientSession, server: OidcServer, token: str | None = None) -> Json:
    """A whole login; its tokens."""
    status, body, _ = await end(browser, server.answer_to(await begin(browser, token)))
    assert status == 200, body
    return body


async def me(browser: aiohttp.ClientSession, token: str) -> tuple[int, Json]:
    async with browser.get("/auth/me", headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status, await answer.json()


async def test_login_asks_the_issuer_with_pkce_state_and_nonce(
    browser: aiohttp.ClientSession, server: OidcServer, site: Site
) -> None:
    async with browser.get("/llm/auth/login") as answer:
        body = await answer.json()

    asked = dict(parse_qsl(urlsplit(body["authorization_url"]).query))
    assert body["authorization_url"].startswith(f"{server.issuer}/authorize?")
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
    assert asked["redirect_uri"] == f"{site.url}/auth/callback"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert len(asked["state"]) == len(asked["nonce"]) == 43
    assert asked["scope"].split() == ["openid", "profile", "email"]
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/auth/callback", "Max-Age=600"} <= set(cookie.split("; "))
    assert answer.headers["Cache-Control"] == "no-store"
    assert asked["nonce"] not in cookie


async def test_browser_that_asks_for_a_page_is_sent_to_the_issuer(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml"}
    async with browser.get("/auth/login", headers=headers, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"].split("?")[0]) == (
            302,
            f"{server.issuer}/authorize",
        )
        assert "jan_login=" in answer.headers["Set-Cookie"]


async def test_login_ends_with_a_session_that_works(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("lena", name="Lena")

    tokens = await log_in(browser, server)
    again = await log_in(browser, server)

    first, second = await me(browser, tokens["access_token"]), await me(browser, again["access_token"])
    assert tokens["refresh_token"].startswith("rt_")
    assert (first[0], first[1]["id"]) == (200, second[1]["id"])
    async with browser.get(
        "/v1/models", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    ) as answer:
        assert answer.status == 200


async def test_tokens_go_back_in_the_fragment_of_the_allowed_address(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    asked = await begin(browser, redirect_url=f"{ALLOWED}?tab=1#top")

    status, _, answer = await end(browser, server.answer_to(asked))

    url = urlsplit(answer.headers["Location"])
    fragment = parse_qs(url.fragment.partition("&")[2])
    assert (status, url._replace(fragment="").geturl()) == (302, f"{ALLOWED}?tab=1")
    assert fragment.keys() == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (await me(browser, fragment["access_token"][0]))[0] == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "redirect_url",
    [
        "https://evil.example/welcome",
        "http://app.example/welcome",
        "https://app.example:8443/welcome",
        "https://app.example/welcome/more",
        "https://app.example/welcome/../evil",
        "https://app.example.evil.example/welcome",
        "https://app.example@evil.example/welcome",
        "https://evil.example\\@app.example/welcome",
        "https://app.example\\.evil.example/welcome",
        "//evil.example/welcome",
        "/welcome",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/welcome\r\nSet-Cookie: a=b",
        "https://app.example/welcome\tx",
        " https://app.example/welcome",
        "https://app.example:x/welcome",
        "https://[app.example/welcome",
        "https://app.example/welcome?" + "x" * 3_000,
        "https://äpp.example/welcome",
        "",
    ],
)
async def test_address_of_a_stranger_is_refused(browser: aiohttp.ClientSession, redirect_url: str) -> None:
    async with browser.get("/auth/login", params={"redirect_url": redirect_url}) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["param"]) == (400, "redirect_url")
    assert "Set-Cookie" not in answer.headers


WRONG: dict[str, Json] = {
    "state missing": {"state": None},
    "state empty": {"state": ""},
    "state of another login": {"state": "x" * 43},
    "code missing": {"code": None},
    "code unknown": {"code": "guessed"},
    "code huge": {"code": "x" * 3_000},
    "iss of another issuer": {"iss": "https://evil.example"},
    "iss missing": {"iss": None},
    "refused": {"error": "access_denied", "error_description": "<script>alert(1)</script>\r\nX: y"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
async def test_answer_that_is_wrong_makes_no_session(
    browser: aiohttp.ClientSession, server: OidcServer, change: Json
) -> None:
    given = server.answer_to(await begin(browser)) | change

    status, body, answer = await end(
        browser, {name: value for name, value in given.items() if value is not None}
    )

    assert (status, body["error"]["code"], body["error"]["type"]) == (
        400,
        "login_failed",
        "invalid_request_error",
    )
    assert 'jan_login=""' in answer.headers["Set-Cookie"]
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "<script>" not in body["error"]["message"]


async def test_login_begun_in_another_browser_makes_no_session(
    browser: aiohttp.ClientSession, server: OidcServer, site: Site
) -> None:
    given = server.answer_to(await begin(browser))

    async with aiohttp.ClientSession(site.url) as stranger:
        status, body, _ = await end(stranger, given)

    assert (status, body["error"]["code"]) == (400, "login_failed")
    assert server.exchanges == 0 or given["code"] in server.codes


async def test_forged_cookie_makes_no_session(server: OidcServer, site: Site) -> None:
    async with aiohttp.ClientSession(site.url, cookies={"jan_login": "a.b.c.d.e"}) as stranger:
        status, body, _ = await end(stranger, {"code": "x", "state": "y", "iss": server.issuer})

    assert (status, body["error"]["code"]) == (400, "login_failed")


async def test_replayed_answer_makes_no_second_session(
    browser: aiohttp.ClientSession, server: OidcServer, site: Site
) -> None:
    given = server.answer_to(await begin(browser))
    (cookie,) = [cookie.value for cookie in browser.cookie_jar if cookie.key == "jan_login"]
    assert (await end(browser, given))[0] == 200

    again, _, _ = await end(browser, given)
    async with aiohttp.ClientSession(site.url, cookies={"jan_login": cookie}) as thief:
        stolen, body, _ = await end(thief, given)

    assert (again, stolen, body["error"]["code"]) == (400, 400, "login_failed")


async def test_parameter_given_twice_makes_no_session(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    given = server.answer_to(await begin(browser))

    async with browser.get("/auth/callback", params=[*given.items(), ("state", "x")]) as answer:
        assert answer.status == 400


ID_TOKENS: dict[str, Json] = {
    "nonce of another login": {"id_claims": {"nonce": "x"}},
    "nonce missing": {"id_claims": {"nonce": None}},
    "iss of another": {"id_claims": {"iss": "https://evil.example"}},
    "aud of another client": {"id_claims": {"aud": "other"}},
    "azp of another client": {"id_claims": {"aud": [CLIENT, "other"], "azp": "other"}},
    "several aud and no azp": {"id_claims": {"aud": [CLIENT, "other"], "azp": None}},
    "expired": {"id_claims": {"iat": 1_700_000_000, "exp": 1_700_000_300}},
    "at_hash of another token": {"id_claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    "sub missing": {"id_claims": {"sub": None}},
    "signed by a stranger": {"id_key": NEXT_KEY},
    "no token": {"tokens": {"id_token": "x.y.z"}},
}


@pytest.mark.parametrize("misdeed", ID_TOKENS.values(), ids=ID_TOKENS.keys())
async def test_id_token_that_is_wrong_makes_no_session(
    browser: aiohttp.ClientSession, server: OidcServer, misdeed: Json
) -> None:
    given = server.answer_to(await begin(browser))
    for name, value in misdeed.items():
        setattr(server, name, value)

    status, body, _ = await end(browser, given)

    assert (status, body["error"]["code"]) == (400, "login_failed"), body


@pytest.mark.parametrize("misdeed", [{"token_status": 500}, {"tokens": {"id_token": None}}])
async def test_broken_issuer_is_told_as_such(
    browser: aiohttp.ClientSession, server: OidcServer, misdeed: Json
) -> None:
    given = server.answer_to(await begin(browser))
    for name, value in misdeed.items():
        setattr(server, name, value)

    status, body, _ = await end(browser, given)

    assert (status, body["error"]["code"]) == (503, "dependency_down")


async def test_guest_who_logs_in_keeps_their_id(browser: aiohttp.ClientSession, server: OidcServer) -> None:
    server.person = person("gwen", name="Gwen")
    async with browser.post("/auth/guest-login") as answer:
        guest = await answer.json()

    tokens = await log_in(browser, server, guest["access_token"])
    later = await log_in(browser, server)

    _, who = await me(browser, tokens["access_token"])
    assert (who["id"], who["username"], who["is_guest"]) == (guest["user_id"], "gwen", False)
    assert who["roles"] == ["user"]
    assert (await me(browser, later["access_token"]))[1]["id"] == guest["user_id"]


async def test_second_guest_does_not_take_over_a_known_user(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("holly")
    first = await me(browser, (await log_in(browser, server))["access_token"])
    async with browser.post("/auth/guest-login") as answer:
        guest = await answer.json()

    tokens = await log_in(browser, server, guest["access_token"])

    assert (await me(browser, tokens["access_token"]))[1]["id"] == first[1]["id"] != guest["user_id"]
    assert (await me(browser, guest["access_token"]))[1]["is_guest"] is True


async def test_login_with_a_bad_token_is_refused(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/auth/login", headers={"Authorization": "Bearer x.y.z"}) as answer:
        assert answer.status == 401


async def test_access_token_of_the_issuer_makes_its_user_once_however_many_come_at_once(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("ivan")
    tokens = [server.access_token() for _ in range(30)]

    answers = await asyncio.gather(*(me(browser, token) for token in tokens))

    assert {status for status, _ in answers} == {200}
    assert len({body["id"] for _, body in answers}) == 1
    assert answers[0][1]["username"] == "ivan"


async def test_same_name_and_address_of_another_subject_is_another_user(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("judy")
    _, first = await me(browser, server.access_token())

    _, second = await me(browser, server.access_token(sub="judy-of-elsewhere"))

    assert first["id"] != second["id"]
    assert second["username"].startswith("judy-")


async def test_roles_are_those_of_the_token_that_the_product_knows(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("kate")

    _, plain = await me(browser, server.access_token())
    _, risen = await me(browser, server.access_token(realm_access={"roles": ["admin", "root"]}))

    assert (plain["roles"], plain["is_admin"]) == (["user"], False)
    assert (sorted(risen["roles"]), risen["is_admin"]) == (["admin", "user"], True)


@pytest.mark.parametrize(("verified", "is_admin"), [(True, True), (False, False), ("true", False)])
async def test_admin_of_the_settings_is_one_by_a_verified_address_only(
    browser: aiohttp.ClientSession, server: OidcServer, verified: object, *, is_admin: bool
) -> None:
    email = ADMIN if is_admin else ADMIN.upper()
    server.person = person(f"root-{verified}", email=email, email_verified=verified)

    tokens = await log_in(browser, server)

    assert (await me(browser, tokens["access_token"]))[1]["is_admin"] is is_admin


async def test_names_that_the_product_gives_itself_are_not_taken(
    browser: aiohttp.ClientSession, server: OidcServer
) -> None:
    server.person = person("some-admin", preferred_username="Admin")

    _, who = await me(browser, server.access_token())

    assert who["username"].startswith("Admin-")


async def test_rotated_key_is_learnt(browser: aiohttp.ClientSession, server: OidcServer) -> None:
    server.keys = [KEY, NEXT_KEY]

    status, _ = await me(browser, server.access_token(key=NEXT_KEY))

    assert status == 200


async def test_readiness_names_the_issuer(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/readyz") as answer:
        checks = {check["name"]: check for check in (await answer.json())["checks"]}

    assert checks["oidc"]["needed"] is False
    assert checks["oidc"]["ok"] is True


@pytest.mark.parametrize("path", ["/auth/login", "/auth/callback"])
async def test_without_an_external_issuer_there_is_no_login(product: Product, path: str) -> None:
    async with aiohttp.ClientSession(product.url) as client, client.get(path) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (404, "not_found")
    assert "JAN_OIDC_ISSUER" in body["error"]["message"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: Debian's package chromium has it")
async def test_login_in_a_real_browser_ends_with_a_token_that_works(
    server: OidcServer, site: Site, tmp_path: Path
) -> None:
    server.person = person("mona")
    async with open_browser(tmp_path) as page:
        await page.open(f"{site.url}/auth/login?redirect_url={site.url}/healthz")
        await arrive(page, "document.querySelector('#login')")

        await page.run("document.querySelector('#login').click()")
        await arrive(page, "location.pathname === '/healthz' && location.hash.includes('access_token')")

        token = await page.run("new URLSearchParams(location.hash.slice(1)).get('access_token')")
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{site.url}/v1/models") as answer,
        ):
            assert answer.status == 200
        assert await page.run("document.cookie") == ""

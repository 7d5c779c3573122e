"""A small OpenID Connect issuer for tests: it does what it should, until a test tells it otherwise."""

import asyncio
import html
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc import jwt

from infra.identity.keys import Algorithm, SigningKey, new_signing_key

BORN = datetime(2026, 1, 1, tzinfo=UTC)
KEY = new_signing_key(BORN)
NEXT_KEY = new_signing_key(BORN)
EC_KEY = new_signing_key(BORN, Algorithm.ES256)
CLIENT = "jan-browser"
AUDIENCE = "jan"

Claims = dict[str, Any]  # any JSON object


def person(subject: str, **claims: Any) -> Claims:
    """What the issuer knows of somebody."""
    email = f"{subject}@example.org"
    return {"sub": subject, "preferred_username": subject, "email": email, "email_verified": True} | claims


@dataclass
class OidcServer:
    """The issuer, and how it misbehaves."""

    issuer: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [KEY])
    person: Claims = field(default_factory=lambda: person("ann", name="Ann Example"))
    """Who logs in."""
    discovery: Claims = field(default_factory=dict)
    """What its discovery document says instead."""
    id_claims: Claims = field(default_factory=dict)
    """What its ID tokens say instead; None leaves a claim out."""
    id_key: SigningKey = KEY
    key_set: bytes | None = None
    """Served instead of its keys."""
    status: int = 200
    """Of its documents."""
    token_status: int = 200
    tokens: Claims = field(default_factory=dict)
    """What its token endpoint says instead."""
    key_readings: int = 0
    exchanges: int = 0
    codes: dict[str, Claims] = field(default_factory=dict)

    def access_token(self, *, key: SigningKey = KEY, header: Claims | None = None, **claims: Any) -> str:
        """An access token in the manner of Keycloak."""
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": [AUDIENCE, "account"],
            "typ": "Bearer",
            "azp": CLIENT,
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
            "sid": secrets.token_hex(8),
            "scope": "openid profile email",
            "realm_access": {"roles": ["offline_access", "user"]},
            **self.person,
        }
        return self._signed(usual | claims, key, header)

    def id_token(self, nonce: str | None) -> str:
        """The ID token of a login."""
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": CLIENT,
            "azp": CLIENT,
            "typ": "ID",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
        }
        return self._signed(usual | self.id_claims, self.id_key, None)

    def code(self, query: Claims) -> str:
        """A code for somebody who has logged in on its page."""
        code = secrets.token_hex(16)
        self.codes[code] = dict(query)
        return code

    def answer_to(self, query: Claims) -> Claims:
        """What it sends back with the browser."""
        return {"code": self.code(query), "state": query["state"], "iss": self.issuer}

    def application(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._page)
        app.router.add_post("/authorize", self._login)
        app.router.add_post("/token", self._token)
        return app

    def _signed(self, claims: Claims, key: SigningKey, header: Claims | None) -> str:
        kept = {name: value for name, value in claims.items() if value is not None}
        given = {"alg": key.algorithm.value, "kid": key.kid, "typ": "JWT"} | (header or {})
        loose = type(key.jwk).import_key(key.private_pem)  # for any algorithm of its kind
        return jwt.encode(given, kept, loose, algorithms=[given["alg"]])

    async def _discovery(self, _: web.Request) -> web.Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(document | self.discovery, status=self.status)

    async def _keys(self, _: web.Request) -> web.Response:
        self.key_readings += 1
        usual = json.dumps({"keys": [key.public() for key in self.keys]}).encode()
        body = usual if self.key_set is None else self.key_set
        return web.Response(body=body, status=self.status, content_type="application/json")

    async def _page(self, request: web.Request) -> web.Response:
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in request.query.items()
        )
        page = f"<form method=post>{fields}<button id=login>Log in</button></form>"
        return web.Response(text=f"<!doctype html><title>Issuer</title>{page}", content_type="text/html")

    async def _login(self, request: web.Request) -> web.Response:
        query = {name: str(value) for name, value in (await request.post()).items()}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(self.answer_to(query))}")

    async def _token(self, request: web.Request) -> web.Response:
        self.exchanges += 1
        form = await request.post()
        asked = self.codes.pop(str(form.get("code")), None)
        challenge = create_s256_code_challenge(str(form.get("code_verifier")))
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
            or form.get("client_id") != CLIENT
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        answer = {
            "access_token": self.access_token(),
            "id_token": self.id_token(asked.get("nonce")),
            "token_type": "Bearer",
        }
        return web.json_response(answer | self.tokens, status=self.token_status)


@asynccontextmanager
async def open_oidc_server(port: int = 0) -> AsyncIterator[OidcServer]:
    """The issuer on a port of its own, until the block ends."""
    server = OidcServer()
    runner = web.AppRunner(server.application(), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        server.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await asyncio.wait_for(runner.cleanup(), 10)

"""Nobody is who a header says; and a forged token is none, whatever port and path it knocks at."""

import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from joserfc.jwk import RSAKey

from contracts.ids import new_ulid
from infra.identity.keys import new_signing_key
from infra.settings import EdgeSettings
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.operations import operations
from tests.acceptance.waiting import LIMIT
from tests.infra.identity.forge import BORN, b64, forged, hs256, rsa
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

ADMIN = "01BX5ZZKBKACTAV9WEVGEMMVRZ"
SPOOFED = {
    **{
        f"X-User-{name}": ADMIN
        for name in ("Id", "Sub", "Subject", "Email", "Name", "Role", "Roles", "Tenant")
    },
    **{f"X-Principal-{name}": ADMIN for name in ("Id", "Roles", "Tenant")},
    **{f"X-Consumer-{name}": "admin" for name in ("Id", "Username", "Custom-Id", "Groups")},
    **{f"X-Auth-{name}": "admin" for name in ("User", "Method", "Request-User", "Request-Email")},
    **{
        f"X-Forwarded-{name}": "admin"
        for name in ("User", "Email", "Groups", "Access-Token", "Host", "Prefix")
    },
    **{
        f"X-{name}": "admin" for name in ("Role", "Roles", "Tenant-Id", "Authenticated-Userid", "Remote-User")
    },
    **{f"X-{name}": "/v1/version" for name in ("Original-URL", "Rewrite-URL", "Original-URI")},
    "X-Credential-Identifier": "admin",
    "X-Anonymous-Consumer": "false",
    "X-Is-Admin": "true",
    "Remote-User": "admin",
    "X_User_Id": ADMIN,
    "Forwarded": "for=127.0.0.1;by=admin",
    "X-Real-IP": "127.0.0.1",
    "X-Forwarded-For": "127.0.0.1",
}
SURFACES = {
    "gateway": ["/v1/models", "/llm/v1/models", "/auth/me", "/v1/users/me", "/v1/admin/nope"],
    "llm": ["/v1/models", "/llm/v1/models", "/auth/me", f"/v1/jobs/{ADMIN}"],
    "responses": ["/v1/responses/nope", "/responses/v1/responses", "/auth/me"],
    "media": ["/v1/media/nope", "/media/v1/media", "/auth/me"],
    "mcp": ["/v1/mcp", "/mcp", "/auth/me"],
}
FOREIGN = new_signing_key(BORN)
ATTACKS = [
    "alg none",
    "alg None",
    "HS256 with the public key",
    "foreign key under our kid",
    "foreign kid",
    "foreign key in jwk",
    "foreign key at jku",
    "foreign key at x5u",
    "kid a path",
    "payload swapped for an admin's",
    "signature cut off",
    "huge",
    "five parts",
]


@pytest.fixture
def ports(product: Product) -> dict[str, str]:
    """The address of each surface, the gateway's included."""
    given = product.edges[0].server.environment["JAN_EDGE_SURFACE_PORTS"]
    numbers = EdgeSettings.model_validate({"surface_ports": given}).surface_ports
    return {"gateway": product.url} | {name: f"http://127.0.0.1:{port}" for name, port in numbers.items()}


@pytest.fixture
async def nobody() -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP without credentials."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT)) as session:
        yield session


@pytest.mark.parametrize("surface", SURFACES)
async def test_no_header_makes_a_caller_of_nobody(
    nobody: aiohttp.ClientSession, ports: dict[str, str], surface: str
) -> None:
    for path in SURFACES[surface]:
        async with nobody.get(ports[surface] + path, headers=SPOOFED) as answer:
            error = error_in(await answer.json())

        assert (answer.status, error["code"]) == (401, "missing_credentials"), path


async def test_no_header_opens_any_guarded_operation(product: Product, nobody: aiohttp.ClientSession) -> None:
    for operation in await operations(product.url):
        if operation.is_guarded:
            async with nobody.request(
                operation.method, product.url + operation.at(), headers=SPOOFED, json={}
            ) as answer:
                assert answer.status == 401, operation


@pytest.mark.parametrize("path", ["/v1/models", "/v1/users/me", "/auth/me", "/v1/version"])
async def test_no_header_changes_what_a_caller_is_told(api: aiohttp.ClientSession, path: str) -> None:
    async with api.get(path) as plain:
        told = await plain.text()
    async with api.get(path, headers=SPOOFED) as spoofed:
        told_spoofed = await spoofed.text()

    assert (spoofed.status, told_spoofed) == (plain.status, told)
    assert spoofed.headers.get("X-Auth-Method") == plain.headers.get("X-Auth-Method")


async def test_no_header_makes_an_admin_of_a_guest(api: aiohttp.ClientSession) -> None:
    async with api.get("/v1/admin/nope", headers=SPOOFED) as answer:
        error = error_in(await answer.json())

    assert (answer.status, error["code"]) == (403, "permission_denied")


async def test_no_header_reaches_the_provider_or_the_job(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))

    async with api.post(CHAT, json=HELLO, headers=SPOOFED) as answer:
        assert answer.status == 200

    sent = {name.lower() for name in (await upstream.asked()).headers}
    assert sent & {name.lower() for name in SPOOFED} == set()


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_forged_token_is_refused_on_every_surface(
    nobody: aiohttp.ClientSession, ports: dict[str, str], token: str, attack: str
) -> None:
    forgery = (await forgeries(nobody, ports["gateway"], token))[attack]

    for surface, paths in SURFACES.items():
        for path in paths:
            headers = {"Authorization": f"Bearer {forgery}"}
            async with nobody.get(ports[surface] + path, headers=headers) as answer:
                error = error_in(await answer.json())
            assert (answer.status, error["code"]) == (401, "invalid_token"), (surface, path)
            assert forgery[:40] not in error["message"]


async def test_the_attacks_are_made_of_a_token_that_is_good(
    nobody: aiohttp.ClientSession, ports: dict[str, str], token: str
) -> None:
    assert (await forgeries(nobody, ports["gateway"], token)).keys() == set(ATTACKS)
    headers = {"Authorization": f"Bearer {token}"}

    async with nobody.get(f"{ports['gateway']}/v1/models", headers=headers) as answer:
        assert answer.status == 200


async def forgeries(nobody: aiohttp.ClientSession, url: str, token: str) -> dict[str, str]:
    """Attacks on this edge, made of a good token and of its public keys."""
    head, body, signature = token.split(".")
    header, claims = part(head), part(body)
    async with nobody.get(f"{url}/.well-known/jwks.json") as answer:
        keys = (await answer.json())["keys"]
    public = RSAKey.import_key(next(key for key in keys if key["kid"] == header["kid"])).as_pem(private=False)
    payload = json.dumps(claims).encode()
    admin = json.dumps({**claims, "roles": ["admin"]}).encode()

    def foreign(**more: object) -> bytes:
        return forged({**header, **more}, admin, rsa(FOREIGN))

    made = {
        "alg none": forged({**header, "alg": "none"}, admin, lambda _: b""),
        "alg None": forged({**header, "alg": "None"}, admin, lambda _: b"x"),
        "HS256 with the public key": forged({**header, "alg": "HS256"}, admin, hs256(public)),
        "foreign key under our kid": foreign(),
        "foreign kid": foreign(kid=FOREIGN.kid),
        "foreign key in jwk": foreign(kid=FOREIGN.kid, jwk=FOREIGN.public()),
        "foreign key at jku": foreign(kid=FOREIGN.kid, jku=f"{url}/jwks.json"),
        "foreign key at x5u": foreign(kid=FOREIGN.kid, x5u=f"{url}/cert.pem"),
        "kid a path": foreign(kid="../../dev/null"),
        "payload swapped for an admin's": f"{head}.{b64(admin).decode()}.{signature}".encode(),
        "signature cut off": f"{head}.{body}.".encode(),
        "huge": forged({**header, "x": "x" * 9_000}, payload, rsa(FOREIGN)),
        "five parts": f"{token}.{new_ulid()}.{new_ulid()}".encode(),
    }
    return {name: value.decode() for name, value in made.items()}


def part(text: str) -> Json:
    """A header or the claims of a token."""
    value: Json = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value

"""What the running edge's document shows works: each example, sent as it stands, is answered with success."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.asking import CHAT, HELLO, STREAM, error_in
from tests.acceptance.named import named
from tests.acceptance.pictures import form, picture
from tests.acceptance.waiting import LIMIT
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

pytestmark = pytest.mark.usefixtures("media_worker", "tool_worker", "response_worker", "webhook_worker")

Json = dict[str, Any]  # an OpenAPI document, and parts of it

ENVELOPE = "application/vnd.jan.v1+json"
WITHOUT_ISSUER = frozenset({"/auth/login", "/auth/callback"})
"""They need an external issuer, which tests of logins bring: here they say that there is none."""
BY_ADMINS = "/v1/admin/"
IN_SESSIONS = frozenset({("get", "/v1/mcp"), ("delete", "/v1/mcp")})
"""They need a header that names something; tried in test_mcp."""


@dataclass(frozen=True)
class Example:
    """A request as the document shows it."""

    method: str
    path: str
    body: object
    answers: Json
    is_form: bool = False


@dataclass(frozen=True)
class Guest:
    """Somebody new, so that an example which ends a session is no other's trouble."""

    session: aiohttp.ClientSession
    refresh_token: str

    async def send(self, example: Example, **headers: str) -> tuple[int, str, bytes]:
        """The status, the media type and the body of the answer."""
        real = await named(self.session, example.path, example.body)
        body = real.body
        if isinstance(body, dict) and "refresh_token" in body:  # no document can show one that works
            body = {**body, "refresh_token": self.refresh_token}
        kwargs: Json = {} if body is None else {"json": body}
        if example.is_form:
            kwargs = {"data": form(picture())}
        async with self.session.request(
            example.method, real.path, headers=headers, allow_redirects=False, **kwargs
        ) as answer:
            return answer.status, answer.content_type, await answer.read()


@pytest.fixture
async def document(product: Product) -> Json:
    async with aiohttp.ClientSession(product.url) as session, session.get("/openapi.json") as answer:
        told: Json = await answer.json()
    return told


@pytest.fixture
async def guests(product: Product, upstream: Upstream, models: list[str]) -> "Guests":
    upstream.always(Script(tokens=2))
    return Guests(product.url)


class Guests:
    """Makes them."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def one(self) -> Guest:
        """A new one; its session is to be closed."""
        async with (
            aiohttp.ClientSession(self._url) as session,
            session.post("/auth/guest-login") as answer,
        ):
            made = await answer.json()
        headers = {"Authorization": f"Bearer {made['access_token']}"}
        timeout = aiohttp.ClientTimeout(total=LIMIT)
        session = aiohttp.ClientSession(self._url, headers=headers, timeout=timeout)
        return Guest(session, made["refresh_token"])

    async def send(self, example: Example, **headers: str) -> tuple[int, str, bytes]:
        """What a new guest is answered."""
        guest = await self.one()
        async with guest.session:
            return await guest.send(example, **headers)


def examples(document: Json) -> Iterator[Example]:
    for path, methods in document["paths"].items():
        if path in WITHOUT_ISSUER or path.startswith(BY_ADMINS):
            continue
        for method, said in methods.items():
            if (method, path) in IN_SESSIONS:
                continue
            content = said.get("requestBody", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            yield Example(method.upper(), path, example, said["responses"], "multipart/form-data" in content)


async def test_every_example_works_and_is_answered_as_described(document: Json, guests: Guests) -> None:
    for example in examples(document):
        status, kind, body = await guests.send(example)

        assert 200 <= status < 300, (example.method, example.path, status, body)
        content = example.answers[str(status)].get("content", {})
        assert kind in content or not body, (example.method, example.path, kind)
        if kind == "application/json" and body:
            schema = {**content[kind]["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(json.loads(body))


async def test_any_json_can_be_had_in_the_envelope(document: Json, guests: Guests) -> None:
    for example in examples(document):
        answers = [answer for status, answer in example.answers.items() if status < "300"]
        if any("application/json" in answer.get("content", {}) for answer in answers):
            _, kind, body = await guests.send(example, Accept=ENVELOPE, **{"X-Request-Id": "mine"})

            assert kind == ENVELOPE, (example.method, example.path)
            told = json.loads(body)
            assert set(told) == {"data", "meta"}, (example.method, example.path)
            assert told["meta"] == {"request_id": "mine"}
            assert not isinstance(told["data"], dict) or set(told["data"]) != {"data", "meta"}


async def test_an_error_keeps_its_shape_where_the_envelope_is_asked_for(api: aiohttp.ClientSession) -> None:
    async with api.get("/v1/models/nobody", headers={"Accept": ENVELOPE}) as answer:
        error_in(await answer.json())

    assert (answer.status, answer.content_type) == (404, "application/json")


async def test_a_stream_stays_a_stream_where_the_envelope_is_asked_for(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with api.post(CHAT, json=STREAM, headers={"Accept": ENVELOPE}) as answer:
        text = await answer.text()

    assert answer.content_type == "text/event-stream"
    assert text.endswith("data: [DONE]\n\n")


async def test_a_repeated_answer_is_in_the_envelope_once(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with api.post(CHAT, json=HELLO) as answer:
        made = (await answer.json())["id"]
    headers = {"Accept": ENVELOPE, "Idempotency-Key": f"cancel-{made}"}
    told = []
    for _ in range(2):
        async with api.post(f"/v1/jobs/{made}/cancel", headers=headers) as answer:
            told.append(json.loads(await answer.read()))

    assert answer.headers["Idempotency-Replayed"] == "true"
    assert told[0] == told[1]
    assert told[0]["data"]["object"] == "job"

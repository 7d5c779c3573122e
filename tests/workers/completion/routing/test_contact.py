"""One endpoint of a provider: how it is asked, and how long its connections live."""

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from contracts.errors import ApiError
from contracts.jobs import Endpoint as Asked
from infra.registry.offers import Provider
from infra.registry.registry import Registry
from infra.sealing import Sealer
from infra.settings import SealSettings
from infra.store.providers import SEALED
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.routing.known import SEALER, SETTINGS, FixedRegistry, provider, registry
from workers.completion.core import upstream_body
from workers.completion.routing.contact import Contact, own_settings
from workers.completion.routing.directory import Directory, open_directory

BODY = upstream_body({"messages": [], "stream": True}, model="m")
WHOLE = upstream_body({"messages": [{"role": "user", "content": "hi"}]}, model="m")
KEY = "sk-0123456789"


def soon() -> float:
    return asyncio.get_running_loop().time() + 20.0


def keyed(url: str, **changes: object) -> Provider:
    return provider("a", url, sealed_key=SEALED.seal(SEALER, "prov_a", KEY), **changes)


async def ask(contact: Contact) -> None:
    contact.begin()
    client = await contact.client()
    await client.complete(Asked.CHAT, WHOLE, deadline=soon())
    await contact.end(None)


async def asked_once(known: Provider) -> Contact:
    async with open_directory(FixedRegistry(registry(known)), SETTINGS, SEALER) as routes:
        contact = routes.contact(known, known.endpoints[0])
        await ask(contact)
    return contact


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("bearer", "authorization", f"Bearer {KEY}"),
        ("api-key", "api-key", KEY),
        ("x-api-key", "x-api-key", KEY),
        ("none", "authorization", None),
    ],
)
async def test_a_key_goes_into_the_header_that_the_provider_wants(
    upstream: Upstream, auth: str, header: str, value: str | None
) -> None:
    await asked_once(keyed(upstream.url, auth=auth))

    assert upstream.requests[0].headers.get(header) == value
    assert sum(KEY in text for text in upstream.requests[0].headers.values()) == (value is not None)


async def test_the_query_of_a_base_stays_behind_the_path(upstream: Upstream) -> None:
    await asked_once(provider("a", upstream.url + "?api-version=2026-01-01"))

    assert upstream.requests[0].path == "/v1/chat/completions?api-version=2026-01-01"


async def test_a_provider_with_anthropics_api_is_asked_in_its_words(upstream: Upstream) -> None:
    await asked_once(keyed(upstream.url, auth="x-api-key", protocol="anthropic"))

    asked = upstream.requests[0]
    assert (asked.path, asked.headers["anthropic-version"]) == ("/v1/messages", "2023-06-01")
    assert asked.headers["x-api-key"] == KEY


async def test_the_least_limit_of_anthropics_models_is_the_registrys(upstream: Upstream) -> None:
    known = FixedRegistry(registry(keyed(upstream.url, auth="x-api-key", protocol="anthropic")))
    offers = [replace(offer, max_completion_tokens=77) for offer in known.current.offers]
    known.current = Registry(offers, known.current.providers)
    (anthropic,) = known.current.providers
    async with open_directory(known, SETTINGS, SEALER) as routes:
        client = await routes.contact(anthropic, anthropic.endpoints[0]).client()
        await client.complete(Asked.CHAT, upstream_body(json.loads(WHOLE), model="a-m"), deadline=soon())

    assert upstream.requests[0].json["max_tokens"] == 77


async def test_a_running_stream_outlives_its_provider(upstream: Upstream) -> None:
    upstream.always(Script(tokens=4, hold=3))
    known = FixedRegistry(registry(provider("a", upstream.url)))
    async with open_directory(known, SETTINGS, SEALER) as routes:
        old = _contact(routes, known)
        old.begin()
        async with (await old.client()).stream(Asked.CHAT, BODY, deadline=soon()) as batches:
            await anext(batches)
            known.current = registry(provider("a", upstream.url, revision=2))
            new = _contact(routes, known)
            routes.forget_others()
            await asyncio.sleep(0)
            upstream.requests[0].release()
            rest = [payload async for batch in batches for payload in batch]
        await old.end(None)

        assert new is not old
        assert rest[-1] == b"[DONE]"
        await upstream.requests[0].gone()


async def test_who_holds_a_contact_that_was_replaced_may_still_ask(upstream: Upstream) -> None:
    known = FixedRegistry(registry(provider("a", upstream.url)))
    async with open_directory(known, SETTINGS, SEALER) as routes:
        old = _contact(routes, known)
        await ask(old)
        known.current = registry(provider("a", upstream.url, revision=2))
        _contact(routes, known)
        await upstream.requests[0].gone()

        await ask(old)

        assert len(upstream.chats) == 2
        await upstream.requests[1].gone()


async def test_a_list_that_is_being_read_is_not_cut_by_a_change(upstream: Upstream) -> None:
    first = provider("a", upstream.url)
    known = FixedRegistry(registry(first))
    async with (
        open_directory(known, SETTINGS, SEALER) as routes,
        _contact(routes, known).held() as client,
    ):
        known.current = registry()
        routes.forget_others()
        await asyncio.sleep(0)

        assert [model.id for model in await client.models()] == ["scripted"]


@pytest.mark.parametrize("key", [KEY + "\nX-Evil: 1", "sk-\0"])
async def test_a_key_that_no_header_may_hold_cannot_be_used(upstream: Upstream, key: str) -> None:
    broken = provider("a", upstream.url, sealed_key=SEALED.seal(SEALER, "prov_a", key))

    assert await _refused(broken) == "provider_unreachable"


async def test_a_key_under_another_seal_cannot_be_used(upstream: Upstream) -> None:
    other = Sealer(SealSettings(keys=(SecretStr("other:0123456789abcdef"),)))
    broken = provider("a", upstream.url, sealed_key=SEALED.seal(other, "prov_a", KEY))

    assert await _refused(broken) == "provider_unreachable"
    assert upstream.requests == []


async def test_who_was_not_named_by_an_operator_may_not_stand_in_a_private_network(
    upstream: Upstream,
) -> None:
    untrusted = provider("a", upstream.url, is_trusted=False)

    assert await _refused(untrusted) == "provider_unreachable"
    assert upstream.requests == []


async def test_networks_that_an_operator_allows_are_open_to_all(upstream: Upstream) -> None:
    settings = SETTINGS.model_copy(update={"networks": ("127.0.0.0/8",)})
    untrusted = provider("a", upstream.url, is_trusted=False)
    async with open_directory(FixedRegistry(registry(untrusted)), settings, SEALER) as routes:
        await ask(routes.contact(untrusted, untrusted.endpoints[0]))

    assert len(upstream.chats) == 1


def test_a_provider_has_limits_of_its_own_and_no_others() -> None:
    wrong = {"connect_timeout": "1", "max_line": 0, "max_answer": True}
    given = {"token_timeout": 3.0, "url": "http://evil", "retries": 99, "name": "x"}
    own = provider("a", limits=given | wrong)

    settings = own_settings(own, own.endpoints[0], SETTINGS, SEALER)

    assert (settings.token_timeout, settings.connect_timeout) == (3.0, SETTINGS.connect_timeout)
    assert (settings.url, settings.name, settings.retries) == ("http://a.test/v1", "a", SETTINGS.retries)


def _contact(routes: Directory, known: FixedRegistry) -> Contact:
    (one,) = known.current.providers
    return routes.contact(one, one.endpoints[0])


async def _refused(known: Provider) -> str | None:
    async with open_directory(FixedRegistry(registry(known)), SETTINGS, SEALER) as routes:
        (candidate,) = await routes.candidates("jan/m", Asked.CHAT)
        with pytest.raises(ApiError) as caught:
            await (await candidate.client()).complete(Asked.CHAT, WHOLE, deadline=soon())
    assert KEY not in caught.value.detail.message
    return caught.value.detail.code

"""No secret turns up where it isn't kept: not in logs, topics, traces, metrics or errors, however a job ends.

The prompt is in the records of jobs, since workers live on it, and in their dead letters; nowhere else.
What a provider's error sentence repeats of it is told to its caller, and kept with the job's event for them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest

from contracts.ids import new_ulid
from contracts.topics import COMPLETION, EVENTS, RETRIES, catalogue, dead_topic
from infra.bus.dead import dead_topics
from infra.bus.producer import open_producer
from infra.bus.tail import read_topic
from infra.settings import DEFAULT_AUTH_SECRET, DEFAULT_SEAL_KEY
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json
from tests.acceptance.waiting import LIMIT, until
from tests.collector import Collector
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

TOPIC = next(iter(COMPLETION.values()))
HOLDERS = {topic.name for topic in [*COMPLETION.values(), *RETRIES.values()]}
HOLDERS |= {
    dead_topic(topic).name for topic in [*COMPLETION.values(), *RETRIES.values()] if topic.dead_letter
}
"""The topics whose records may hold a prompt."""
SHORTEST = 8


@dataclass
class Run:
    """What was secret in one run, and all that was answered."""

    secrets: dict[str, str]
    prompt: str
    repeated: str
    """A part of the prompt that the provider repeats in its errors."""
    answers: list[str] = field(default_factory=list)

    def found_in(self, text: str, *, prompt: bool = True, repeated: bool = True) -> list[str]:
        """The names of the secrets that a text holds."""
        wanted = dict(self.secrets)
        if prompt:
            wanted["prompt"] = self.prompt
        if repeated:
            wanted["repeated"] = self.repeated
        return [name for name, value in wanted.items() if value in text]


@pytest.fixture
async def run(product: Product, upstream: Upstream) -> AsyncIterator[Run]:
    """Jobs that end in every way, asked for with secrets that are known."""
    prompt = f"the secret word is xylophone-{new_ulid()}"
    async with aiohttp.ClientSession(product.url, timeout=aiohttp.ClientTimeout(total=LIMIT)) as session:
        async with session.post("/auth/guest-login") as answer:
            guest = await answer.json()
        run = Run(secrets_of(product, guest), prompt, f"repeated-{new_ulid()}")
        session.headers["Authorization"] = f"Bearer {guest['access_token']}"
        await ask_in_every_way(session, upstream, run)
        await bury(product, run.prompt)
        yield run


def test_the_secrets_are_long_enough_to_be_told_from_anything_else(product: Product) -> None:
    known = secrets_of(product, {"access_token": "x" * SHORTEST, "refresh_token": "x" * SHORTEST})

    assert [name for name, value in known.items() if len(value) < SHORTEST] == []


async def test_no_secret_turns_up_where_it_is_not_kept(
    product: Product, collector: Collector, run: Run
) -> None:
    found = {
        **await told_in_logs(product, run),
        **await told_in_topics(product, run),
        **await told_in_metrics(product, run),
        **{f"answer {text[:80]}": run.found_in(text, repeated=False) for text in run.answers},
        "traces": run.found_in(await asyncio.to_thread(traced, collector)),
    }

    assert {place: names for place, names in found.items() if names} == {}


def secrets_of(product: Product, guest: Json) -> dict[str, str]:
    """Everything that must be told to nobody, by name."""
    servers = product.servers
    address = urlsplit(servers.database.url.get_secret_value())
    return {
        "access token": guest["access_token"],
        "signature of the access token": guest["access_token"].rpartition(".")[2],
        "refresh token": guest["refresh_token"],
        "provider key": product.extra["JAN_PROVIDER_KEY"],
        "database password": f":{address.password}@{address.hostname}",
        "S3 secret": servers.objects.secret_key.get_secret_value(),
        "auth secret": product.extra.get("JAN_AUTH_SECRET", DEFAULT_AUTH_SECRET),
        "seal key": product.extra.get("JAN_SEAL_KEYS", DEFAULT_SEAL_KEY).partition(":")[2],
    }


async def ask_in_every_way(session: aiohttp.ClientSession, upstream: Upstream, run: Run) -> None:
    """Success, refusals of ours, and failures of the provider that repeat what it was sent."""
    told = f"{run.secrets['provider key']} was sent with {run.repeated}"
    error = json.dumps({"error": {"message": told, "type": "invalid_request_error", "code": "no"}}).encode()
    upstream.next(Script(tokens=1), Script(tokens=3))
    asked: Json = {**HELLO, "messages": [{"role": "user", "content": f"{run.prompt} {run.repeated}"}]}
    await post(session, run, asked)
    await post(session, run, {**STREAM, **asked}, {"Idempotency-Key": run.prompt})
    for status in (400, 401, 403, 429, 500):
        upstream.always(Script(status=status, body=error))
        await post(session, run, asked)
    for fault in ("reset", "bad_json", "error", "close"):
        upstream.always(Script(tokens=5, fault=fault, after=2))
        await post(session, run, {**asked, "stream": True})
    upstream.always(Script(raw=told.encode()))
    await post(session, run, asked)
    for wrong in ({**asked, "n": run.prompt}, {**asked, "stream": run.prompt}, {"messages": run.prompt}):
        await post(session, run, wrong)
    for header in ("Authorization", "X-API-Key"):
        await post(session, run, asked, {header: f"Bearer {run.secrets['access token']}x"})
    for path in ("/v1/nope", "/v1/models", "/v1/jobs/nope"):
        async with session.get(path, params={"token": run.secrets["access token"]}) as answer:
            run.answers.append(await answer.text())


async def post(
    session: aiohttp.ClientSession, run: Run, body: Json, headers: Mapping[str, str] | None = None
) -> None:
    """Ask, and remember what is answered if that is a failure: a success may repeat a prompt."""
    async with session.post(CHAT, json=body, headers=headers) as answer:
        run.answers.append(await answer.text())


async def bury(product: Product, prompt: str) -> None:
    """Make a dead letter of what is no job."""
    mark = new_ulid()
    async with open_producer(product.servers.kafka) as producer:
        await producer.send(TOPIC, mark.encode(), prompt.encode(), {"mark": mark})

    async def is_buried() -> bool:
        dead = read_topic(product.servers.kafka, dead_topic(TOPIC))
        return any([record.headers.get("mark") == mark async for record in dead])

    await until(is_buried)


async def told_in_logs(product: Product, run: Run) -> dict[str, list[str]]:
    logs = product.servers.place.home.logs

    def look() -> dict[str, list[str]]:
        return {log.name: run.found_in(log.read_text(errors="replace")) for log in logs.iterdir()}

    return await asyncio.to_thread(look)


async def told_in_topics(product: Product, run: Run) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for topic in [*catalogue(), *dead_topics()]:
        async for record in read_topic(product.servers.kafka, topic):
            text = repr((record.key, record.value, dict(record.headers)))
            if names := run.found_in(
                text, prompt=topic.name not in HOLDERS, repeated=topic.name not in HOLDERS | {EVENTS.name}
            ):
                found[f"{topic.name} {record.key!r}"] = names
            if names := run.found_in(repr(dict(record.headers))):
                found[f"headers in {topic.name} {record.key!r}"] = names
    return found


async def told_in_metrics(product: Product, run: Run) -> dict[str, list[str]]:
    rooms = [*product.workers, *product.ledgers, *product.retries]
    addresses = [product.url, *(child.server.address for child in rooms)]
    found = {}
    async with aiohttp.ClientSession() as session:
        for address in addresses:
            async with session.get(f"{address}/metrics") as answer:
                assert answer.status == 200
                found[f"{address}/metrics"] = run.found_in(await answer.text())
    return found


def traced(collector: Collector) -> str:
    """All that the spans say."""
    return "\n".join(collector.texts())

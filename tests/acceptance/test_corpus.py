"""Bad input is refused with its exact error, on every port, and leaves nothing behind."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from contracts.topics import COMPLETION
from infra.database import open_database
from infra.settings import EdgeSettings
from tests.acceptance.asking import error_in
from tests.acceptance.bad_input import Case, cases
from tests.acceptance.raw import Answer, open_raw
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

ALL = cases()
REFUSED = [case for case in ALL if case.status >= 400]
TABLES = ("users", "refresh_tokens", "api_keys", "denials", "idempotency", "budgets")
CHARACTERS_REFLECTED = 300
NEVER_TOLD = ("Traceback", "pydantic", ".py", "SELECT", "postgresql:", "127.0.0.1", "eyJ")


@pytest.fixture
async def tokens(product: Product) -> dict[str, str]:
    """Of two guests."""
    return {"token": await product.token(), "other": await product.token()}


@pytest.fixture
def ports(product: Product) -> dict[str, str]:
    """The gateway, and the surface's own port."""
    given = product.edges[0].server.environment["JAN_EDGE_SURFACE_PORTS"]
    llm = EdgeSettings.model_validate({"surface_ports": given}).surface_ports["llm"]
    return {"gateway": product.url, "llm": f"http://127.0.0.1:{llm}"}


def test_every_case_has_a_name_of_its_own_and_says_why_it_passes() -> None:
    names = [case.name for case in ALL]

    assert len(names) == len(set(names))
    unexplained = [
        case.name for case in ALL if case.status == 200 and "passes" in case.name and not case.row.get("why")
    ]
    assert unexplained == []


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("port", ["gateway", "llm"])
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
async def test_bad_input_is_answered_exactly(
    ports: dict[str, str], tokens: dict[str, str], upstream: Upstream, case: Case, port: str
) -> None:
    upstream.always(Script(tokens=1))

    answer = await ask(ports[port], case.sent(tokens))

    assert answer.status == case.status, answer.body[:CHARACTERS_REFLECTED]
    assert case.is_known_by(answer.headers["x-request-id"])
    assert answer.headers["content-type"].startswith("application/json")
    if case.status < 400:
        return
    error = error_in(answer.json)
    assert (error["type"], error["code"], error["param"]) == case.error
    assert error["request_id"] == answer.headers["x-request-id"]
    assert ("www-authenticate" in answer.headers) == (case.status == 401)
    assert ("allow" in answer.headers) == (case.status == 405)
    assert len(error["message"]) <= CHARACTERS_REFLECTED
    assert [word for word in NEVER_TOLD if word in error["message"]] == []


@pytest.mark.usefixtures("models")
async def test_what_is_refused_leaves_no_row_no_job_and_no_trace_of_a_bug(
    product: Product, ports: dict[str, str], tokens: dict[str, str], upstream: Upstream
) -> None:
    before = await traces(product)

    for case in REFUSED:
        await ask(ports["gateway"], case.sent(tokens))

    assert await traces(product) == before
    assert upstream.chats == []


async def ask(url: str, sent: bytes) -> Answer:
    """The answer to these bytes, which the server may give before it has read them all."""
    async with open_raw(url) as raw:
        writing = asyncio.create_task(raw.send(sent))
        try:
            return await raw.answer()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


async def traces(product: Product) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Rows, records of jobs, and what edges say of failures of their own."""
    return await rows(product), await records(product), complaints(product)


async def rows(product: Product) -> dict[str, int]:
    async with open_database(product.servers.database) as database, database.begin() as session:
        connection = await session.connection()
        return {
            table: (await connection.execute(text(f"select count(*) from {table}"))).scalar_one()  # noqa: S608
            for table in TABLES
        }


async def records(product: Product) -> dict[str, int]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=product.servers.kafka.bootstrap, group_id="corpus", enable_auto_commit=False
    )
    await consumer.start()
    try:
        await consumer.topics()
        counted = {}
        for topic in COMPLETION.values():
            parts = [
                TopicPartition(topic.name, number)
                for number in consumer.partitions_for_topic(topic.name) or ()
            ]
            counted[topic.name] = sum((await consumer.end_offsets(parts)).values())
        return counted
    finally:
        await consumer.stop()


def complaints(product: Product) -> list[str]:
    lines = [line for edge in product.edges for line in edge.log.read_text(errors="replace").splitlines()]
    return [line for line in lines if "Traceback" in line or is_error(line)]


def is_error(line: str) -> bool:
    return line[:1] == "{" and json.loads(line).get("level", "").upper() in {"ERROR", "CRITICAL"}

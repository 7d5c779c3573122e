"""The official JavaScript SDK, unmodified: its tests are written in JavaScript and run by node."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from infra.settings import inherited_environment
from tests.acceptance.javascript import FOLDER, node_program
from tests.acceptance.syncing import models_told
from tests.conftest import MODELS
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import open_upstream
from tests.upstream.turns import calls, says

FILES = ("sdk.test.mjs", "responses.test.mjs")
NAMES = [
    name
    for file in FILES
    for name in re.findall(r'^test\("([^"]+)"', (FOLDER / file).read_text(), re.MULTILINE)
]
RESULT = re.compile(r"^(ok|not ok) \d+ - (.*)$", re.MULTILINE)
RUN_LIMIT = 60
SCRIPTS = {
    "scripted": Script(tokens=5),
    "scripted-slow": Script(tokens=5, gap=0.3),
    "scripted-tool": Script(tokens=5, tool=True),
    "scripted-limited": Script(status=429, body=b"{}", headers=(("Retry-After", "20"),)),
    "scripted-broken": Script(status=500, body=b"{}"),
    "scripted-failing": Script(tokens=5, fault="error", after=3),
    "scripted-held": Script(hold=1),
    "scripted-json": says('{"name": "Oslo",', ' "people": 700000}'),
    "scripted-calling": calls(("weather", {"city": "Oslo"})),
}


@dataclass(frozen=True)
class Run:
    """What node's test runner said."""

    passed: Mapping[str, bool]
    output: str


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the SDK installed beside the tests."""
    return node_program("openai")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(product: Product, provider_port: int, node: str) -> AsyncIterator[Run]:
    """All tests of all files, run once."""
    async with open_upstream(port=provider_port) as upstream:
        upstream.listed = list(MODELS)
        upstream.models.update(SCRIPTS)
        await models_told(product)
        if not product.responses:
            await product.add_responses()
        if not product.webhooks:
            await product.add_webhooks()
        yield await _run(node, product.url, await product.token())


def test_node_ran_every_test_of_the_files(run: Run) -> None:
    assert sorted(run.passed) == sorted(NAMES), run.output


@pytest.mark.parametrize("name", NAMES)
def test_the_javascript_sdk(run: Run, name: str) -> None:
    assert run.passed.get(name), run.output


async def _run(node: str, url: str, token: str) -> Run:
    process = await asyncio.create_subprocess_exec(
        *(node, "--test", "--test-reporter=tap", "--test-concurrency=1", *FILES),
        cwd=FOLDER,
        env={**inherited_environment(), "JAN_TEST_URL": url, "JAN_TEST_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_LIMIT):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Run({name: word == "ok" for word, name in RESULT.findall(output)}, output)

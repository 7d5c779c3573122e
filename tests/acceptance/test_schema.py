"""The whole document under schemathesis: no failure of the server, nothing that the document does not say.

Half of what is sent is as the document wants it, half is not. The models and the jobs that it names are real
ones, so that what is wanted reaches the provider and comes back.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

Json = dict[str, Any]  # an OpenAPI document

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
EXAMPLES = 12
"""Requests that are made up for each operation, beside those that cover each rule of its schemas."""
ANSWER_SECONDS = 20
"""None takes so long but one that hangs."""
RUN_SECONDS = 300
ENDS_SESSIONS = r"^/auth/logout$"
"""Told with the run's own token, it would turn all that follows into 401."""


pytestmark = pytest.mark.usefixtures("media_worker", "tool_worker", "response_worker", "webhook_worker")


@pytest.fixture
async def document(product: Product, token: str, upstream: Upstream, tmp_path: Path) -> Path:
    """The edge's own document, with real names where it takes any."""
    upstream.always(Script(tokens=2))
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(product.url, headers=headers) as session:
        async with session.post(CHAT, json=HELLO) as answer:
            assert answer.status == 200
            completion = (await answer.json())["id"]
        async with session.get("/openapi.json") as answer:
            told = named(await answer.json(), completion)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(told))
    return file


def named(document: Json, completion: str) -> Json:
    """The document with this completion, and the scripted model, among what may be asked for."""
    chat = document["components"]["schemas"]["ChatCompletionRequest"]
    chat["properties"]["model"] = {"type": "string", "enum": ["scripted", "nobody"]}
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in ("job_id", "completion_id"):
                    parameter["schema"] = {"type": "string", "enum": [completion, "chatcmpl-1", "nobody"]}
    document["paths"][CHAT]["post"]["requestBody"]["content"]["application/json"]["example"] = HELLO
    return document


@pytest.mark.timeout(RUN_SECONDS + 30)
@pytest.mark.parametrize("choice", ["exclude", "include"])
async def test_nothing_happens_that_the_document_does_not_say(
    product: Product, token: str, document: Path, upstream: Upstream, choice: str
) -> None:
    already = len(upstream.chats)

    status, told = await schemathesis(product.url, token, document, f"--{choice}-path-regex", ENDS_SESSIONS)

    assert status == 0, told
    assert len(upstream.chats) > already or choice == "include"


async def schemathesis(url: str, token: str, document: Path, *more: str) -> tuple[int, str]:
    """Run it; its exit status, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "run", str(document), "--url", url),
        *("--header", f"Authorization: Bearer {token}", "--checks", CHECKS, "--mode", "all"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "20261122"),
        *("--request-timeout", str(ANSWER_SECONDS), "--generation-database", "none", "--no-shrink"),
        # One worker: two of them trip over CPython 3.11's ast, which is not safe in threads (issue 106905).
        *("--workers", "1", "--warnings", "off", "--no-color", *more),
        cwd=document.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")

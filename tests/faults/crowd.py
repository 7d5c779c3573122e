"""A crowd of clients, each with a text of its own, and what may become of them.

    whole    the text, once, in one piece
    refused  503 before anything was shown, with a code and a Retry-After
    broken   a beginning of the text, then an error event that says why

Everything else fails the test: a cut connection, a gap, a repeated or a foreign token, a bare 500, a hang.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp

from contracts.errors import CATALOGUE
from tests.acceptance.asking import CHAT, DONE, Json, error_in, payloads
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

LIMIT = 60.0
"""Seconds after which an answer counts as hanging."""
STREAMS, WHOLES = 8, 4
NAMES = tuple(f"crowd-{number}" for number in range(STREAMS + WHOLES))
CODES = frozenset(code.value for code in CATALOGUE)


class Outcome(StrEnum):
    """What became of a client."""

    WHOLE = "whole"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True)
class Answer:
    """What one client saw."""

    name: str
    script: Script
    is_stream: bool
    status: int
    headers: Mapping[str, str]
    text: str
    began: float
    ended: float

    @property
    def job_id(self) -> str:
        """The job that it was told of."""
        return self.headers["x-job-id"]

    @property
    def code(self) -> str:
        """The code of the error that it got."""
        last = payloads(self.text)[-1] if self.status == 200 else self.text
        return str(error_in(json.loads(last))["code"])

    def outcome(self) -> Outcome:
        """Which of the truthful ends it was. Raises AssertionError when it was none."""
        if self.status != 200:
            assert self.status == 503, (self.status, self.text)
            assert self.code in CODES
            assert "retry-after" in self.headers or self.code == "stream_lost", self.text
            return Outcome.REFUSED
        if not self.is_stream:
            content = json.loads(self.text)["choices"][0]["message"]["content"]
            assert content == wire.text(self.script), self.name
            return Outcome.WHOLE
        return self._outcome_of_stream()

    def _outcome_of_stream(self) -> Outcome:
        *given, last = payloads(self.text)
        chunks = [json.loads(payload) for payload in given]
        assert [chunk["x_seq"] for chunk in chunks] == list(range(len(chunks))), self.name
        shown, whole = "".join(map(_content, chunks)), wire.text(self.script)
        if last == DONE:
            assert shown == whole, self.name
            return Outcome.WHOLE
        assert self.code in CODES
        assert whole.startswith(shown), self.name
        return Outcome.BROKEN


@dataclass
class Crowd:
    """Clients that ask at once, and their answers."""

    url: str
    token: str
    upstream: Upstream
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every request."""
    answers: list[Answer] = field(default_factory=list)

    def tell(self, *, tokens: int, gap: float) -> None:
        """What the provider says from now on: to each client its own words, to half of them half as many."""
        self.upstream.requests.clear()
        for number, name in enumerate(NAMES):
            many = tokens if number % 2 else tokens // 2
            first = 0.0 if number < STREAMS else many * gap  # a whole answer takes as long as a stream
            self.upstream.models[name] = Script(
                word=f"w{number}-", tokens=many, gap=gap, first=first, usage="always"
            )

    async def ask(self) -> None:
        """Everyone asks, once; each answer is kept."""
        async with (
            aiohttp.ClientSession(
                self.url,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=aiohttp.ClientTimeout(total=LIMIT),
                connector=aiohttp.TCPConnector(limit=0),
            ) as api,
            asyncio.TaskGroup() as tasks,
        ):
            for number in range(len(NAMES)):
                tasks.create_task(self._ask(api, number))

    async def spoken(self, payloads: int) -> None:
        """Wait until the provider is in the middle of every stream."""
        async with asyncio.timeout(LIMIT):
            while True:
                streams = [chat for chat in self.upstream.chats if chat.json.get("stream")]
                if len(self.upstream.chats) >= len(NAMES) and min(one.sent for one in streams) >= payloads:
                    return
                await asyncio.sleep(0.01)

    def outcomes(self) -> Counter[Outcome]:
        """How many ended how. Raises AssertionError when one ended untruthfully."""
        return Counter(answer.outcome() for answer in self.answers)

    def job_ids(self) -> set[str]:
        """The jobs of those who were not refused."""
        return {answer.job_id for answer in self.answers if answer.status == 200}

    async def _ask(self, api: aiohttp.ClientSession, number: int) -> None:
        name, is_stream = NAMES[number], number < STREAMS
        body: Json = {"model": name, "stream": is_stream, "messages": [{"role": "user", "content": name}]}
        headers = dict(self.headers)
        if "Idempotency-Key" in headers:
            headers["Idempotency-Key"] += f"-{number}"
        began = time.monotonic()
        async with api.post(CHAT, json=body, headers=headers) as answer:
            text = await answer.text()
            given = {key.lower(): value for key, value in answer.headers.items()}
            self.answers.append(
                Answer(
                    name, self.upstream.models[name], is_stream, answer.status, given, text,
                    began, time.monotonic(),
                )
            )  # fmt: skip


def _content(chunk: Json) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])

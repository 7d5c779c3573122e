"""A provider that says to each ask a text of its own, and goes on behind what was said of it already."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic_core import from_json, to_json
from typing_extensions import override

from tests.acceptance.asking import Json
from tests.faults.history import Ask
from tests.upstream.request import Request
from tests.upstream.script import Script
from tests.upstream.server import Upstream


class CountingUpstream(Upstream):
    """The scripted provider, told by each request what to say."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.calls: Counter[str] = Counter()
        """How often it was asked for each text."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @override
    def _script_for(self, request: Request) -> Script:
        told = request.json["messages"][0]["content"]
        script = Script(**from_json(told), prefill=True)
        self.calls[script.word] += 1
        self.requests.clear()  # a long run would keep them all
        return script


def body_of(ask: Ask) -> Json:
    """The request of an ask."""
    told = {"word": ask.word, "tokens": ask.tokens, "gap": ask.gap}
    told |= {} if ask.is_stream else {"first": ask.gap * ask.tokens}
    content = to_json(told).decode()
    body: Json = {
        "model": "scripted",
        "messages": [{"role": "user", "content": content}],
        "service_tier": ask.lane,
    }
    return body | ({"stream": True, "stream_options": {"include_usage": True}} if ask.is_stream else {})


def word_of(body: Json) -> str:
    """The word of the ask that a request is of."""
    word: str = from_json(body["messages"][0]["content"])["word"]
    return word


@asynccontextmanager
async def open_counting(port: int = 0) -> AsyncIterator[CountingUpstream]:
    """A provider that listens until the block ends."""
    upstream = CountingUpstream(port)
    await upstream.accept()
    try:
        yield upstream
    finally:
        await upstream.close()

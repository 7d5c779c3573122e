"""The scripted upstream, a process of its own: `python -m tests.bench.upstream [--port N]`.

It speaks OpenAI's wire, fast enough that what stands before it is measured and not it: a Protocol of asyncio
with httptools on uvloop. The model's name carries the behaviour (behaviour.py). The content of each token is
the stamp of CLOCK_MONOTONIC at which it was written, so that its way through any gateway can be read on the
same machine. Its first line says where it listens; it stops when its standard input ends (unless --stay), at
SIGINT, or at SIGTERM.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop
from typing_extensions import override

from tests.bench import answers
from tests.bench.behaviour import Behaviour, behaviour_of

HOST = "127.0.0.1"
BURST_TOKENS = 64
"""Tokens written in one turn of the loop when there is no gap, so that streams share the process."""
MAX_TOKENS_BEHIND = 256
"""Tokens of one write when a paced stream is late."""


@dataclass
class Counts:
    """What the upstream has done since its start."""

    requests: int = 0
    open_streams: int = 0
    cut_streams: int = 0
    """Streams whose client left before the end."""


class Stream:
    """One streamed answer on its way."""

    def __init__(
        self, transport: asyncio.WriteTransport, counts: Counts, behaviour: Behaviour, *, has_usage: bool
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._counts = counts
        self._behaviour = behaviour
        self._left = behaviour.tokens
        self._gap = behaviour.gap
        self._template = answers.delta_template(counts.requests, behaviour)
        self._tail = answers.stream_tail(counts.requests, behaviour, has_usage=has_usage)
        self._due = self._loop.time() + behaviour.first
        self._timer: asyncio.Handle | None = None
        self._is_held = False

    def begin(self) -> None:
        """Send the head, and the first token when nothing delays it."""
        self._counts.open_streams += 1
        if self._behaviour.first_ms:
            self._transport.write(answers.STREAM_HEAD)
            self._wait()
        else:
            self._write(answers.STREAM_HEAD)

    def hold(self) -> None:
        """Stop: the reader is slow."""
        self._is_held = True
        self._stop()

    def go_on(self) -> None:
        """The reader has caught up."""
        self._is_held = False
        if self._left:
            self._wait()

    def cut(self) -> None:
        """The reader has left."""
        self._stop()
        if self._left:
            self._left = 0
            self._counts.open_streams -= 1
            self._counts.cut_streams += 1

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._gap or self._behaviour.first_ms:
            self._timer = self._loop.call_at(self._due, self._write)
        else:
            self._timer = self._loop.call_soon(self._write)

    def _write(self, head: bytes = b"") -> None:
        count = self._count_due()
        self._left -= count
        self._due += count * self._gap
        stamp = time.monotonic_ns()
        tokens = b"".join([self._template % (stamp + i) for i in range(count)])
        if self._left and not self._is_held:
            self._wait()
        if not self._left:
            tokens += self._tail
            self._counts.open_streams -= 1
        self._transport.write(head + tokens)

    def _count_due(self) -> int:
        if not self._gap:
            return min(self._left, BURST_TOKENS)
        behind = int((self._loop.time() - self._due) / self._gap)
        return min(self._left, MAX_TOKENS_BEHIND, 1 + max(0, behind))


class UpstreamProtocol(asyncio.Protocol):
    """One connection: requests one after the other, each answered whole or as a stream."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._stream: Stream | None = None
        self._url = b""
        self._body = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this; both asyncio and uvloop have set TCP_NODELAY by then."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.cut()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    @override
    def pause_writing(self) -> None:
        if self._stream is not None:
            self._stream.hold()

    @override
    def resume_writing(self) -> None:
        if self._stream is not None:
            self._stream.go_on()

    def on_message_begin(self) -> None:
        self._url = self._body = b""
        self._stream = None

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._url == b"/v1/chat/completions":
            self._complete()
        elif self._url == b"/v1/models":
            self._transport.write(answers.model_list())
        elif self._url == b"/stats":
            self._transport.write(answers.whole(200, vars(self._counts)))
        else:
            self._transport.write(answers.error(404, "not_found", "No such path"))

    def _complete(self) -> None:
        self._counts.requests += 1
        try:
            asked = json.loads(self._body)
        except ValueError:
            self._transport.write(answers.error(400, "bad_json", "The body is not JSON"))
            return
        behaviour = behaviour_of(str(asked.get("model")))
        if behaviour is None:
            self._transport.write(answers.error(404, "model_not_found", "Not mock-<ms>-<tokens>-<us>"))
        elif asked.get("stream"):
            has_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            self._open(behaviour, has_usage=has_usage)
        else:
            self._answer(behaviour)

    def _answer(self, behaviour: Behaviour) -> None:
        answer = answers.completion(self._counts.requests, behaviour)
        if behaviour.seconds > 0:
            asyncio.get_running_loop().call_later(behaviour.seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _open(self, behaviour: Behaviour, *, has_usage: bool) -> None:
        self._stream = Stream(self._transport, self._counts, behaviour, has_usage=has_usage)
        self._stream.begin()


async def open_upstream(port: int = 0) -> asyncio.Server:
    """Listen on loopback."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: UpstreamProtocol(counts), HOST, port, backlog=1024)


def port_of(server: asyncio.Server) -> int:
    """Where a server listens."""
    return int(server.sockets[0].getsockname()[1])


async def run(port: int, *, is_staying: bool) -> None:
    """Serve until told to stop."""
    server = await open_upstream(port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stopped.set)
    if not is_staying:
        loop.add_reader(sys.stdin.fileno(), stopped.set)
    print(f"http://{HOST}:{port_of(server)}/v1", flush=True)
    await stopped.wait()
    server.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--stay", action="store_true", help="serve on when standard input ends")
    asked = parser.parse_args()
    uvloop.run(run(asked.port, is_staying=asked.stay))


if __name__ == "__main__":
    main()

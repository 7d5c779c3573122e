"""One HTTP exchange of a client with an edge, from the connection to whatever ends it."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from contracts.ids import job_id_of
from tests.acceptance.asking import DONE, Json
from tests.faults.history import Close, Part

SILENCE = 30.0
"""Seconds without a byte, heartbeats included, after which a stream hangs."""
PATIENCE = 150.0
"""Seconds of one exchange: the longest ask takes 26, and a broker that restarts meanwhile 20 more."""
FAR = 1_000_000


@dataclass(frozen=True)
class Call:
    """What is sent, and how far its answer is read."""

    ask: int
    verb: str
    edge: int
    url: str
    headers: Mapping[str, str]
    body: Json | None = None
    """Of a POST; a GET has none."""
    is_stream: bool = True
    first_seq: int = 0
    job_id: str | None = None
    """The job, where it is known before the answer tells it."""
    leaves_after: int = FAR
    """Chunks after which the client goes away."""


@dataclass
class Reading:
    """What has come so far."""

    call: Call
    began: float = field(default_factory=time.monotonic)
    status: int | None = None
    job_id: str | None = None
    chunks: list[tuple[int, str]] = field(default_factory=list)
    text: str | None = None
    code: str | None = None

    def part(self, close: Close) -> Part:
        """The exchange, which has ended so."""
        call = self.call
        return Part(
            ask=call.ask,
            verb=call.verb,
            edge=call.edge,
            began=self.began,
            ended=time.monotonic(),
            close=close,
            status=self.status,
            job_id=self.job_id or call.job_id,
            first_seq=call.first_seq,
            chunks=tuple(self.chunks),
            text=self.text,
            code=self.code,
        )


async def exchange(session: aiohttp.ClientSession, call: Call) -> Part:
    """Send and read to the end. Never raises for the network."""
    reading = Reading(call)
    try:
        async with asyncio.timeout(PATIENCE):
            return reading.part(await _read(session, reading))
    except aiohttp.ClientConnectorError:
        return reading.part(Close.UNREACHED)
    except TimeoutError:
        return reading.part(Close.HUNG)
    except (aiohttp.ClientError, OSError):
        return reading.part(Close.CUT)


async def _read(session: aiohttp.ClientSession, reading: Reading) -> Close:
    call = reading.call
    method = "GET" if call.body is None else "POST"
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE if call.is_stream else PATIENCE)
    async with session.request(
        method, call.url, json=call.body, headers=call.headers, timeout=timeout
    ) as answer:
        reading.status = answer.status
        if answer.status != 200:
            reading.code = _code(await answer.json())
            return Close.ERROR
        if not call.is_stream:
            return _whole(reading, await answer.json())
        async for line in answer.content:
            close = _line(reading, line)
            if close is not None:
                return close
            if len(reading.chunks) >= call.leaves_after:
                return Close.LEFT
    return Close.SILENT


def _line(reading: Reading, line: bytes) -> Close | None:
    """Take a line of a stream; how the stream ends with it, if it does."""
    if not line.startswith(b"data: "):
        return None
    data = line[6:].decode().strip()
    if data == DONE:
        return Close.DONE
    chunk = json.loads(data)
    if "error" in chunk:
        reading.code = _code(chunk)
        return Close.ERROR
    reading.job_id = job_id_of(chunk["id"])
    delta = chunk["choices"][0]["delta"] if chunk["choices"] else {}
    reading.chunks.append((chunk["x_seq"], delta.get("content") or ""))
    return None


def _whole(reading: Reading, body: Json) -> Close:
    if "choices" in body:
        reading.job_id = job_id_of(body["id"])
        reading.text = body["choices"][0]["message"]["content"]
    return Close.DONE


def _code(body: Json) -> str:
    return str(body["error"]["code"])

"""Plays a script on a connection."""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol

from tests.upstream.connection import Connection
from tests.upstream.request import Request
from tests.upstream.script import Framing, Script
from tests.upstream.wire import Json

HEAD = -1
OVERLOADED = 529
"""Anthropic's own status."""
FAR_TOO_LONG = 10_000_000
"""A content length that no body of ours reaches."""
FRAMING: dict[Framing, dict[str, str]] = {
    "chunked": {"transfer-encoding": "chunked"},
    "until_close": {"connection": "close"},
    "short_length": {"content-length": str(FAR_TOO_LONG)},
}


class Wire(Protocol):
    """What is said, in one provider's words."""

    def payloads(self, script: Script, request: Json) -> Iterator[bytes]:
        """Those of a stream."""

    def completion(self, script: Script, request: Json) -> bytes:
        """A whole answer."""

    def name_of(self, payload: bytes) -> bytes:
        """The name of a payload's event; empty for none."""


async def play(connection: Connection, request: Request, script: Script, wire: Wire) -> None:
    """Answer a chat completion as the script says."""
    await _hold(request, script, HEAD)
    if await _misbehave(connection, script, HEAD):
        return
    if script.raw is not None:
        await connection.write(script.raw)
        connection.close()
    elif script.body is not None or script.status != HTTPStatus.OK:
        await answer(connection, script, script.body if script.body is not None else b"")
    elif request.json.get("stream"):
        await _Streaming(connection, request, script, wire).run()
    else:
        await _wait(script.first)
        await _hold(request, script, 0)
        if not await _misbehave(connection, script, 0):
            await answer(connection, script, wire.completion(script, request.json))


async def answer(connection: Connection, script: Script, body: bytes) -> None:
    """Answer with a whole body."""
    short = script.framing == "short_length"
    length = len(body) + FAR_TOO_LONG if short else len(body)
    usual = {"content-type": "application/json", "content-length": str(length)}
    await connection.write(_head(script, usual) + body)
    if short:
        connection.close()


class _Streaming:
    """One stream being written."""

    def __init__(self, connection: Connection, request: Request, script: Script, wire: Wire) -> None:
        self._connection = connection
        self._wire = wire
        self._request = request
        self._script = script
        self._chunked = script.framing == "chunked"

    async def run(self) -> None:
        script = self._script
        await self._connection.write(_head(script, self._headers()))
        if script.bom:
            await self._write(b"\xef\xbb\xbf")
        await _wait(script.first)
        for number, payload in enumerate(self._wire.payloads(script, self._request.json)):
            if number:
                await _wait(script.gap)
            await _hold(self._request, script, number)
            if number == script.after and await self._is_over():
                return
            await self._write(self._event(payload))
            self._request.sent += 1
        await self._end()

    async def _is_over(self) -> bool:
        """Do what the script's fault asks for; whether nothing follows it."""
        script = self._script
        match script.fault:
            case "bad_json":
                await self._write(self._event(b'{"id": "x", "choices": [{'))
            case "error":
                await self._write(self._event(script.error.encode()))
            case "huge_line":
                await self._write(b"data: " + b"x" * script.size)
            case "end":
                await self._end()
            case _:
                return await _misbehave(self._connection, script, script.after)
        return script.fault == "end"

    def _event(self, payload: bytes) -> bytes:
        name = self._wire.name_of(payload)
        return _event(self._script, payload, b"event: %b" % name if name else b"")

    async def _write(self, data: bytes) -> None:
        size = self._script.slice or len(data)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            await self._connection.write(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)
            if self._script.slice:
                await asyncio.sleep(0)

    async def _end(self) -> None:
        if self._script.lingers:
            await _for_ever()
        elif self._chunked:
            await self._connection.write(b"0\r\n\r\n")
        else:
            self._connection.close()

    def _headers(self) -> dict[str, str]:
        return {"content-type": "text/event-stream; charset=utf-8"} | FRAMING[self._script.framing]


async def _misbehave(connection: Connection, script: Script, number: int) -> bool:
    """Faults of the connection itself."""
    if script.after != number:
        return False
    match script.fault:
        case "reset":
            connection.reset()
        case "close":
            connection.close()
        case "silence":
            await _for_ever()
        case _:
            return False
    return True


def _event(script: Script, payload: bytes, name: bytes) -> bytes:
    newline = script.newline.encode()
    field = b"data: " if script.space else b"data:"
    parts = payload.replace(b",", b",\n").split(b"\n") if script.multiline else [payload]
    lines = [field + part for part in parts]
    if script.comments:
        lines = [b": a comment", name or b"event: chunk", *lines, b"id: 7", b"retry: 100"]
    elif name:
        lines = [name, *lines]
    return newline.join(lines) + newline * 2


def _head(script: Script, usual: dict[str, str]) -> bytes:
    headers = usual | {name.lower(): value for name, value in script.headers}
    phrase = "" if script.status == OVERLOADED else HTTPStatus(script.status).phrase
    lines = [f"HTTP/1.1 {script.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


async def _hold(request: Request, script: Script, number: int) -> None:
    if script.hold == number:
        await request.released.wait()


async def _wait(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)


async def _for_ever() -> None:
    """Until the client closes the connection, which cancels the answer."""
    await asyncio.Event().wait()

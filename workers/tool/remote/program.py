"""A server that is a program on this machine: one message a line, on its standard input and output.

The SDK's own transport gives the program the user's environment and reads lines of any length. This one gives
it PATH, a HOME of its own and the server's variables, and bounds what it sends. The program leads a group of
processes, which is killed as a whole when the block ends.
"""

import asyncio
import logging
import os
import signal
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError

from workers.tool.remote.watching import Watch

GRACE = 1.0
"""Seconds that a program has to end when its input ends."""
LOGGED_LINES = 100
"""Of what a program writes to its standard error."""
LOGGED_LETTERS = 500
FLOOD = 10_000
"""Messages between two answers."""

PipeT = TypeVar("PipeT")

log = logging.getLogger(__name__)


class Program:
    """A running program, as the transport of one conversation."""

    def __init__(self, name: str, process: Process, watch: Watch) -> None:
        self._name = name
        self._process = process
        self._watch = watch

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[TransportStreams]:
        """What it says, and where it hears us."""
        said, hears_us = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_say, told = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [asyncio.create_task(self._read(said)), asyncio.create_task(self._write(told))]
        try:
            async with said, hears_us, to_say, told:
                yield hears_us, to_say
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, said: anyio.abc.ObjectSendStream[SessionMessage | Exception]) -> None:
        output = _pipe(self._process.stdout)
        unanswered = size = 0
        async with said:
            while line := await self._line(output):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValidationError:
                    self._watch.tell("it says what is no message of the protocol")
                    return
                is_answer = isinstance(message, JSONRPCResponse | JSONRPCError)
                unanswered, size = (0, 0) if is_answer else (unanswered + 1, size + len(line))
                if unanswered > FLOOD or size > self._watch.most:
                    self._watch.tell("it sends messages without end")
                    return
                await said.send(SessionMessage(message))
        self._watch.tell("its program ended")

    async def _line(self, output: asyncio.StreamReader) -> bytes:
        try:
            return await output.readline()
        except ValueError:  # longer than the reader's limit
            self._watch.too_much()
            return b""

    async def _write(self, told: anyio.abc.ObjectReceiveStream[SessionMessage]) -> None:
        hears = _pipe(self._process.stdin)
        try:
            async for one in told:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                hears.write(text.encode() + b"\n")
                await hears.drain()
        except OSError:
            self._watch.tell("its program ended")


@asynccontextmanager
async def running_program(
    name: str, command: Sequence[str], variables: Mapping[str, str], watch: Watch
) -> AsyncIterator[Program]:
    """A program, until the block ends. Raises OSError where it cannot be started."""
    with tempfile.TemporaryDirectory(prefix="jan-mcp-", ignore_cleanup_errors=True) as home:
        environment = {"PATH": os.pathsep.join(os.get_exec_path()), "HOME": home, **variables}
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, cwd=home,
            start_new_session=True, limit=watch.most,
        )  # fmt: skip
        logging_it = asyncio.create_task(_log(name, process, list(variables.values())))
        try:
            yield Program(name, process, watch)
        finally:
            await _stay(asyncio.ensure_future(_end(process, logging_it)))


def _pipe(pipe: PipeT | None) -> PipeT:
    """One of the pipes that every program is opened with."""
    if pipe is None:
        message = "the program was opened without pipes"
        raise RuntimeError(message)
    return pipe


async def _end(process: Process, logging_it: asyncio.Task[None]) -> None:
    """End it and all that it began: politely, then not."""
    if process.stdin is not None:
        process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    logging_it.cancel()
    await asyncio.gather(logging_it, return_exceptions=True)
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()  # its pipes, too, which may hold what nobody reads
    await process.wait()


async def _stay(task: asyncio.Future[None]) -> None:
    """Until it is done, cancelled or not: nothing may be left running."""
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            was_cancelled = True
    if was_cancelled:
        raise asyncio.CancelledError


async def _log(name: str, process: Process, secrets: Sequence[str]) -> None:
    """The first lines of what it complains of; the rest is read and forgotten."""
    complaints = _pipe(process.stderr)
    count = 0
    while piece := await complaints.read(4_096):
        for line in piece.decode(errors="replace").splitlines():
            count += 1
            if count <= LOGGED_LINES:
                log.info("mcp_server_said", extra={"server": name, "line": hidden(line, secrets)})


def hidden(text: str, secrets: Sequence[str]) -> str:
    """A text that others wrote, without our secrets and not too long."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[redacted]")
    return text[:LOGGED_LETTERS]

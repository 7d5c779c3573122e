"""One connection on which script calls are pipelined: the hot path's own, beside the client's pool.

The client takes a connection, a timer and a retry for every call. Here a call costs one write, and answers
come in the order of the calls. A lost connection fails all that wait; who calls tries again, and the next
call connects.
"""

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Connection, ConnectionPool
from redis.exceptions import NoScriptError, RedisError, ResponseError

from infra.relay.redis import RelayDown, open_pool
from infra.relay.scripts import APPEND, CLAIM, HOLD, PLACE, RELEASE
from infra.settings import RedisSettings


@dataclass(frozen=True)
class Script:
    """A Lua script and the name by which the server knows it."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


APPEND_SCRIPT, CLAIM_SCRIPT = Script(APPEND), Script(CLAIM)
HOLD_SCRIPT, RELEASE_SCRIPT, PLACE_SCRIPT = Script(HOLD), Script(RELEASE), Script(PLACE)
RELAY_SCRIPTS = (APPEND_SCRIPT, CLAIM_SCRIPT, HOLD_SCRIPT, RELEASE_SCRIPT, PLACE_SCRIPT)


class ScriptLine:
    """Calls scripts. Opened by `open_line`."""

    def __init__(self, pool: ConnectionPool, limit: float, scripts: Sequence[Script] = RELAY_SCRIPTS) -> None:
        self._pool = pool
        self._scripts = scripts
        self._limit = limit
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._connection: Connection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def call(
        self, script: Script, keys: Sequence[str], args: Sequence[str | int | bytes]
    ) -> Any:  # Lua's
        """What a script answers. Raises RelayDown when the server does not answer in time, or refuses."""
        try:
            async with asyncio.timeout(self._limit):
                connection = self._connection or await self._connect()
                command = connection.pack_command("EVALSHA", script.sha, len(keys), *keys, *args)
                answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                self._waiting.append(answer)
                await connection.send_packed_command(command, check_health=False)
                return await answer
        except TimeoutError as error:
            await self._drop(RelayDown(f"no answer within {self._limit:g} s"))
            raise RelayDown(f"no answer within {self._limit:g} s") from error
        except (RedisError, OSError) as error:
            raise RelayDown(str(error)) from error

    async def close(self) -> None:
        """Disconnect; what waits fails."""
        await self._drop(RelayDown("closed"))

    async def _connect(self) -> Connection:
        async with self._opening:
            if self._connection is not None:
                return self._connection
            connection: Connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]  # as redis-py has it
            try:
                for script in self._scripts:
                    await connection.send_command("SCRIPT LOAD", script.text)
                    await connection.read_response()
            except BaseException:  # a server that still loads its data refuses: the pool has few places
                await connection.disconnect(nowait=True)
                await self._pool.release(connection)
                raise
            self._connection = connection
            self._reading = asyncio.get_running_loop().create_task(self._read(connection), name="relay line")
            return connection

    async def _read(self, connection: Connection) -> None:
        while True:
            try:
                answer = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except NoScriptError as error:  # the server forgot them: connect anew, which loads them
                await self._drop(RelayDown(str(error)), reading=False)
                return
            except ResponseError as error:
                self._settle(RelayDown(str(error)))
            except (RedisError, OSError) as error:
                await self._drop(RelayDown(str(error)), reading=False)
                return
            else:
                self._settle(answer)

    def _settle(self, answer: Any) -> None:  # whatever a script answers
        waiter = self._waiting.popleft()
        if waiter.done():
            return
        if isinstance(answer, RelayDown):
            waiter.set_exception(answer)
        else:
            waiter.set_result(answer)

    async def _drop(self, failure: RelayDown, *, reading: bool = True) -> None:
        connection, self._connection = self._connection, None
        if reading and self._reading is not None:
            self._reading.cancel()
        while self._waiting:
            self._settle(failure)
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)


@asynccontextmanager
async def open_line(
    settings: RedisSettings, scripts: Sequence[Script] = RELAY_SCRIPTS
) -> AsyncIterator[ScriptLine]:
    """A line for these scripts, which connects at its first call."""
    async with open_pool(settings, patient=True) as pool:
        line = ScriptLine(pool, settings.timeout, scripts)
        try:
            yield line
        finally:
            await line.close()

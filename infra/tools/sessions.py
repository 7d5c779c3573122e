"""Sessions of MCP clients, and which of their requests became which job: in Redis, so that any edge serves.

A session is no more than its name: every request brings its own credentials, and a name counts only for the
user who got it. Redis may forget them; a client is then told so by a 404 and begins anew, as the protocol has
it (modelcontextprotocol.io/specification/2025-11-25/basic/transports, section "Session Management").
"""

import hashlib
import json

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid

RequestId = str | int


class Sessions:
    """Begins, finds and ends them."""

    def __init__(self, redis: Redis, *, seconds: float, call_seconds: float) -> None:
        """`seconds` without a request after which a session is over; a call is known for `call_seconds`."""
        self._redis = redis
        self._seconds = int(seconds)
        self._call_seconds = int(call_seconds)

    async def begin(self, caller: Caller) -> str | None:
        """A new session's name; None while Redis is away: the client then goes without."""
        name = new_ulid().lower()
        try:
            await self._redis.set(_session(caller, name), b"", ex=self._seconds)
        except RedisError:
            return None
        return name

    async def is_known(self, caller: Caller, name: str) -> bool:
        """Whether a session goes on; it lives anew. Raises ApiError while Redis is away."""
        try:
            return bool(await self._redis.expire(_session(caller, name), self._seconds))
        except RedisError as error:
            raise _away() from error

    async def end(self, caller: Caller, name: str) -> None:
        """Forget a session. Raises ApiError while Redis is away."""
        try:
            await self._redis.delete(_session(caller, name))
        except RedisError as error:
            raise _away() from error

    async def note(self, caller: Caller, name: str, request_id: RequestId, job_id: str) -> None:
        """Remember which job a request became; where that fails, it cannot be cancelled by its id."""
        try:
            await self._redis.set(_call(caller, name, request_id), job_id, ex=self._call_seconds)
        except RedisError:
            return

    async def job_of(self, caller: Caller, name: str, request_id: RequestId) -> str | None:
        """The job that a request became, if that is known. Raises ApiError while Redis is away."""
        try:
            found = await self._redis.get(_call(caller, name, request_id))
        except RedisError as error:
            raise _away() from error
        return found.decode() if isinstance(found, bytes) else found


def _session(caller: Caller, name: str) -> str:
    return f"mcp:session:{caller.tenant}:{caller.user_id}:{name}"


def _call(caller: Caller, name: str, request_id: RequestId) -> str:
    told = hashlib.sha256(json.dumps(request_id).encode()).hexdigest()
    return f"mcp:call:{caller.tenant}:{caller.user_id}:{name}:{told}"


def _away() -> ApiError:
    return ApiError(
        ErrorCode.DEPENDENCY_DOWN, "The session cannot be looked up now; try again", retry_after=5
    )

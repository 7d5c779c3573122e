"""GET /v1/chat/completions/{id}: a completion's stream from any chunk on, or its result, from any edge."""

import asyncio
import logging
import time
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from api_edge.deps import Edge
from api_edge.llm.stored import StoredCompletions
from api_edge.middleware.identity import caller_of
from api_edge.relay.answer import send_body, send_stream, send_whole
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.ownership import named_job, no_such_job, owned
from api_edge.relay.rejoin import BeyondEnd, JobGone, rejoined
from api_edge.relay.running import GRACE_SECONDS
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CHAT_PREFIX, born_at

PATH = "/v1/chat/completions/{completion_id}"
CURSOR = "starting_after"
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})

log = logging.getLogger(__name__)


class ResumedCompletion:
    """The route, as an ASGI application."""

    def __init__(self, edge: Edge, stored: StoredCompletions | None = None) -> None:
        self._edge = edge
        self._stored = stored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        edge = self._edge
        scope["route_path"] = PATH
        caller = caller_of(scope)
        leaving = on_disconnect(scope)
        is_stream, first_seq = asked_of(scope["query_string"])
        completion_id = scope["path_params"]["completion_id"]
        if not completion_id.startswith(CHAT_PREFIX):
            raise no_such_job(completion_id)
        job_id = named_job(completion_id)
        if not is_stream and await self._has_sent_stored(caller, completion_id, send):
            return
        await owned(edge, completion_id, caller.tenant)
        left = born_at(job_id) + edge.settings.job_timeout + GRACE_SECONDS - time.time()
        until = asyncio.get_running_loop().time() + left
        try:
            async with rejoined(
                edge, job_id, caller.tenant, model="", until=until, first_seq=first_seq
            ) as running:
                if is_stream:
                    stayed = await send_stream(edge, running, scope["state"]["request_id"], receive, send)
                else:
                    stayed = await send_whole(edge, running, receive, send)
        except JobGone as error:
            raise no_such_job(completion_id) from error
        except BeyondEnd as error:
            message = f"{CURSOR} is beyond the end of this completion, which has {error.chunks} chunks"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param=CURSOR) from error
        if not stayed and leaving is OnDisconnect.CANCEL:
            await edge.stops.stop(job_id, caller.tenant)

    async def _has_sent_stored(self, caller: Caller, completion_id: str, send: Send) -> bool:
        """Answer with what is stored of a completion, if it is; while the database is away, nothing is."""
        if self._stored is None:
            return False
        try:
            found = await self._stored.find(caller, completion_id)
        except ApiError as error:
            log.warning("stored_completion_unread", extra={"error": str(error)})
            return False
        if found is None:
            return False
        await send_body(found.model_dump_json().encode(), send)
        return True


def asked_of(query: bytes) -> tuple[bool, int]:
    """Whether a stream is wanted, and the number of its first frame. Raises ApiError."""
    given = {
        name: values[-1] for name, values in parse_qs(query.decode("latin-1"), keep_blank_values=True).items()
    }
    stream = given.get("stream", "").lower()
    if stream not in TRUE | FALSE:
        raise ApiError(ErrorCode.INVALID_VALUE, "stream must be true or false", param="stream")
    if CURSOR not in given:
        return stream in TRUE, 0
    cursor = given[CURSOR]
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 10):  # noqa: PLR2004  digits of a seq
        message = f"{CURSOR} must be the x_seq of the last chunk that was read, 0 or more"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=CURSOR)
    if stream not in TRUE:
        message = f"{CURSOR} needs stream=true"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=CURSOR)
    return True, int(cursor) + 1

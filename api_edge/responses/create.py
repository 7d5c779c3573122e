"""POST /v1/responses."""

from dataclasses import dataclass, replace

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from api_edge.deps import Asked, Edge
from api_edge.idempotency.key import key_of
from api_edge.llm.calls import asked_by, read_call
from api_edge.middleware.identity import caller_of
from api_edge.relay.answer import send_body
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.rejoin import JobGone
from api_edge.relay.running import Running
from api_edge.relay.tracing import ended
from api_edge.responses.answering import send_response
from api_edge.responses.asking import Asker, Asking
from api_edge.responses.cancels import Cancels
from api_edge.responses.desk import ResponseDesk
from api_edge.responses.estimate import expected_of
from api_edge.responses.keeping import Accepted, Keeping
from api_edge.responses.stream import Streams
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import response_id
from contracts.responses.objects import response_object
from infra.limits.gate import Kind

PATH = "/v1/responses"


@dataclass(frozen=True)
class ResponseCall:
    """The hot route, as a plain ASGI function."""

    edge: Edge
    asker: Asker
    keeping: Keeping
    cancels: Cancels
    desk: ResponseDesk
    streams: Streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        edge, caller = self.edge, caller_of(scope)
        try:
            leaving, key = on_disconnect(scope), key_of(scope)
            body, raw = await read_call(edge, scope, receive)
            asking = await self.asker.asking(scope, body)
        except ApiError:
            await edge.limits.admit(scope, caller, Kind.RESPONSES)  # it costs a request all the same
            raise
        asked = _patient(asked_by(edge, scope, PATH, raw, key, leaving), asking, leaving)
        with ended(asked.span):
            expected = expected_of(asking, len(raw))
            await edge.limits.admit_job(scope, caller, asked.job_id, expected, asking.seconds)
            try:
                await self._submit(asked, asking, scope, receive, send)
            except ApiError as error:
                gone = error.__cause__
                if not isinstance(gone, JobGone) or asking.is_stream:
                    raise
                await self._answer_again(caller, str(gone), scope, send, error)

    async def _submit(self, asked: Asked, asking: Asking, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.keeping.submitted(asked, asking) as accepted:
            running = accepted.running
            scope["state"]["job_id"] = running.job_id
            scope["state"]["replayed"] = running.is_replay
            if asking.is_background and not asking.is_stream:
                await self._send_accepted(asked.caller, accepted, send)
                return
            try:
                has_stayed = await self._answer(asking, running, receive, send)
            except ApiError as error:
                if error.detail.code == ErrorCode.SERVER_DRAINING:  # its client knows no name to ask by
                    await self._leave(asked, running)
                raise
            if not has_stayed:
                await self._leave(asked, running)

    async def _answer(self, asking: Asking, running: Running, receive: Receive, send: Send) -> bool:
        if not asking.is_stream:
            return await send_response(self.edge, running, receive, send)
        is_kept = asking.wanted.store is not False
        return await self.streams.send(running, receive, send, is_kept=is_kept)

    async def _leave(self, asked: Asked, running: Running) -> None:
        if not asked.is_detached:  # what nobody waits for is not made any further
            await self.cancels.leave(response_id(running.job_id))

    async def _send_accepted(self, caller: Caller, accepted: Accepted, send: Send) -> None:
        """The object as it was written down: who has accepted it needs no database to say so."""
        if accepted.row is None:
            await self._send_kept(caller, accepted.running.job_id, send)
        else:
            await send_body(to_json(response_object(accepted.row, [])), send)

    async def _send_kept(self, caller: Caller, job_id: str, send: Send) -> None:
        """The object as it is now."""
        await send_body(to_json(await self.desk.show(caller.tenant, response_id(job_id))), send)

    async def _answer_again(
        self, caller: Caller, job_id: str, scope: Scope, send: Send, error: ApiError
    ) -> None:
        """The log of an earlier request's response is gone; where it is stored, it still is the answer.

        Raises the error where it is not.
        """
        try:
            scope["state"]["replayed"] = True
            await self._send_kept(caller, job_id, send)
        except ApiError as missing:
            if missing.detail.code != ErrorCode.NOT_FOUND:
                raise
            raise error from missing


def _patient(asked: Asked, asking: Asking, leaving: OnDisconnect | None) -> Asked:
    """Nobody waits at a connection for what is asked for in the background."""
    if not asking.is_background:
        return asked
    return replace(asked, is_detached=leaving is not OnDisconnect.CANCEL, is_patient=True)

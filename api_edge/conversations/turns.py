"""Edits of questions and answers that are made again: what of it calls a model, and what does not.

    POST /v1/conversations/{conversation_id}/items/{item_id}/edit         a call with `regenerate` alone
    POST /v1/conversations/{conversation_id}/items/{item_id}/regenerate   a call

Each goes to a branch of its own, which is then the active one; what was said before stays where it is. With a
call, the branch is made when the answer has ended well, with question and answer at once: a call that failed
leaves nothing half done, and its repetition by an Idempotency-Key makes no second branch.
"""

from typing import Any

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.conversations.turns_desk import Fork, TurnDesk, asked
from api_edge.deps import Edge
from api_edge.limits.estimate import expected_of_chat
from api_edge.llm.calls import ModelCall, Wanted
from api_edge.llm.chat import check_stored, checked
from api_edge.middleware.bodies import once_more
from api_edge.middleware.body import parse_json, read_body
from api_edge.middleware.identity import caller_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob
from contracts.wire.chat import ChatCompletionRequest
from contracts.wire.turns import AnswerRequest, EditRequest
from infra.limits.gate import Kind

ITEM = "/v1/conversations/{conversation_id}/items/{item_id}"
EDIT = f"{ITEM}/edit"
REGENERATE = f"{ITEM}/regenerate"
OF_EDIT = frozenset({"content", "regenerate"})

JsonObject = dict[str, Any]  # the provider's contract, open by nature


class TurnCalls:
    """Takes what calls a model before keys of requests are looked at, since jobs have their own, and leaves
    the rest to the application behind."""

    def __init__(self, rest: ASGIApp, edge: Edge, desk: TurnDesk) -> None:
        self._rest = rest
        self._edge = edge
        self._patterns = [(compile_path(path)[0], path) for path in (EDIT, REGENERATE)]
        self._regenerate = answering_again(edge, desk)
        self._edit = asking_again(edge, desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        path = self._path(scope)
        if path is None:
            await self._rest(scope, receive, send)
        elif path == EDIT:
            await self._edited(scope, receive, send)
        else:
            scope["route_path"] = path
            await self._regenerate(scope, receive, send)

    def _path(self, scope: Scope) -> str | None:
        """Which of the paths is asked for; its ids are then in the scope."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        for pattern, path in self._patterns:
            found = pattern.match(scope["path"])
            if found is not None:
                scope["path_params"] = found.groupdict()
                return path
        return None

    async def _edited(self, scope: Scope, receive: Receive, send: Send) -> None:
        edge, caller = self._edge, caller_of(scope)
        settings = edge.settings
        try:
            body = await read_body(scope, receive, limit=settings.max_body, seconds=settings.body_timeout)
        except ApiError:
            await edge.limits.admit(scope, caller, Kind.WRITES)
            raise
        if _asks_answer(body, settings.max_depth):
            scope["route_path"] = EDIT
            await self._edit(scope, once_more(body, receive), send)
            return
        await edge.limits.admit(scope, caller, Kind.WRITES)
        del scope["path_params"]
        await self._rest(scope, once_more(body, receive), send)


def answering_again(edge: Edge, desk: TurnDesk) -> ModelCall:
    """The route that makes an answer again."""

    async def check(scope: Scope, caller: Caller, body: JsonObject, size: int) -> Wanted:
        wanted = checked(AnswerRequest, body)
        fork = await desk.answered_again(caller.tenant, **scope["path_params"])
        return _wanted(wanted, fork, {**body, "messages": []}, size)

    return ModelCall(edge, REGENERATE, check)


def asking_again(edge: Edge, desk: TurnDesk) -> ModelCall:
    """The route that edits a question and has it answered."""

    async def check(scope: Scope, caller: Caller, body: JsonObject, size: int) -> Wanted:
        wanted = checked(EditRequest, body)
        asked(wanted.content)
        fork = await desk.asked_again(caller.tenant, **scope["path_params"])
        sent = {name: value for name, value in body.items() if name not in OF_EDIT}
        sent["messages"] = [{"role": "user", "content": wanted.content}]
        return _wanted(wanted, fork, sent, size)

    return ModelCall(edge, EDIT, check)


def _asks_answer(body: bytes, depth: int) -> bool:
    """Whether a call is asked for. What is no JSON is refused by the route that does without."""
    try:
        value = parse_json(body, depth=depth)
    except ApiError:
        return False
    return isinstance(value, dict) and value.get("regenerate") is True


def _wanted(wanted: AnswerRequest, fork: Fork, body: JsonObject, size: int) -> Wanted:
    model = wanted.model or fork.model
    if model is None:
        message = "model is required: which one answered before is not known"
        raise ApiError(ErrorCode.MISSING_PARAMETER, message, param="model")
    check_stored(wanted)
    keeps = {"is_kept": wanted.store is not False, "keeps_reasoning": wanted.store_reasoning is True}
    job = CompletionJob(
        model=model,
        stream=bool(wanted.stream),
        body={**body, "model": model},
        turn=fork.turn.model_copy(update=keeps),
        is_stored=wanted.store is True,
    )
    priced = ChatCompletionRequest.model_construct(**{**wanted.__dict__, "model": model})
    return Wanted(job, wanted.lane(), expected_of_chat(priced, size))

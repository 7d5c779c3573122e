"""POST /v1/chat/completions."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.types import Scope

from api_edge.deps import Conversations, Edge
from api_edge.errors import invalid_request
from api_edge.limits.estimate import expected_of_chat
from api_edge.llm.calls import ModelCall, Wanted
from contracts.base import WireShape
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CONVERSATION, PROJECT, is_id
from contracts.jobs import CompletionJob, Turn
from contracts.wire.chat import ChatCompletionRequest, ChatConversation
from contracts.wire.conversations import Metadata

PATH = "/v1/chat/completions"
STORED_METADATA: TypeAdapter[Metadata] = TypeAdapter(Metadata)

JsonObject = dict[str, Any]  # the provider's contract, open by nature
ShapeT = TypeVar("ShapeT", bound=WireShape)


def chat_completions(edge: Edge) -> ModelCall:
    """The hot route."""

    async def check(_scope: Scope, caller: Caller, body: JsonObject, size: int) -> Wanted:
        wanted = checked(ChatCompletionRequest, body)
        check_stored(wanted)
        turn = await turn_of(edge.conversations, caller.tenant, wanted)
        job = CompletionJob(
            model=wanted.model,
            stream=bool(wanted.stream),
            body=body,
            turn=turn,
            is_stored=wanted.store is True,
        )
        return Wanted(job, wanted.lane(), expected_of_chat(wanted, size))

    return ModelCall(edge, PATH, check)


def checked(shape: type[ShapeT], body: JsonObject) -> ShapeT:
    """The request, with the types of its known fields checked. Raises ApiError naming the field."""
    try:
        return shape.model_validate(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error, body) from error


def check_stored(wanted: ChatCompletionRequest) -> None:
    """Check what is of a completion that is stored alone. Raises ApiError naming the field."""
    if wanted.store is not True or wanted.metadata is None:
        return
    try:
        STORED_METADATA.validate_python(wanted.metadata, strict=True)
    except ValidationError as error:
        message = "metadata has at most 16 names of 64 characters, with values of 512"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="metadata") from error


async def turn_of(conversations: Conversations, tenant: str, wanted: ChatCompletionRequest) -> Turn | None:
    """The place of a completion in its conversation, if it has one. Raises ApiError: 400, 404 or 503."""
    asked = wanted.conversation
    if asked is None:
        return None
    ask = ChatConversation(id=asked) if isinstance(asked, str) else asked
    turn = await (
        _begun(conversations, tenant, ask) if ask.id is None else _place(conversations, tenant, ask.id)
    )
    keeps = {"is_kept": wanted.store is not False, "keeps_reasoning": wanted.store_reasoning is True}
    return turn.model_copy(update=keeps)


async def _place(conversations: Conversations, tenant: str, conversation_id: str) -> Turn:
    if not is_id(conversation_id, CONVERSATION):
        message = "conversation must be the id of a conversation, such as conv_01J..., or an object with it"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="conversation")
    return await conversations.place(tenant, conversation_id)


async def _begun(conversations: Conversations, tenant: str, ask: ChatConversation) -> Turn:
    """A new conversation, which is named by its job."""
    if ask.project_id is not None:
        if not is_id(ask.project_id, PROJECT):
            message = "conversation.project_id must be the id of a project"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="conversation.project_id")
        await conversations.check_project(tenant, ask.project_id)
    return Turn(
        conversation_id="",
        is_new=True,
        title=ask.title,
        project_id=ask.project_id,
        referrer=ask.referrer,
        metadata=ask.metadata,
    )

"""The jobs: one frozen value for each kind of work that the edge hands to a worker."""

from enum import StrEnum
from typing import Any, Literal

from contracts.base import Message
from contracts.envelope import Envelope


class ObjectRef(Message):
    """Where a payload waits that is too large for a record (the claim check); `size` in bytes."""

    bucket: str
    key: str
    size: int


class Endpoint(StrEnum):
    """What is asked of the provider; the value is the path behind its `/v1/`."""

    CHAT = "chat/completions"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"


class Turn(Message):
    """The place in a conversation where a chat completion goes on: what the model is to remember, and where
    the question and the answer are appended when it has ended well."""

    conversation_id: str
    """Empty for a new one, which is named by its job."""
    branch: str = "MAIN"
    after: int = 0
    """The seq of the branch's last item when the job was asked for: what came later is not remembered."""
    is_new: bool = False
    """Whether the conversation is made with this turn."""
    title: str | None = None
    """The conversation's, or a new one's; None: made of its first question."""
    project_id: str | None = None
    """Of a new conversation."""
    referrer: str | None = None
    """Of a new conversation."""
    metadata: dict[str, str] | None = None
    """Of a new conversation."""
    new_branch: str | None = None
    """The branch that this turn begins behind `after`, and which is then the active one."""
    question_id: str | None = None
    """The item that is answered, where the job asks nothing itself."""
    is_kept: bool = True
    """Whether the turn is appended."""
    keeps_reasoning: bool = False


class ClaimChecked(Message):
    """A job with a body, which waits in the object store while it is too large for a record (the claim check:
    www.enterpriseintegrationpatterns.com/StoreInLibrary.html)."""

    body: dict[str, Any] | None = None  # open by nature: what a client sent
    body_ref: ObjectRef | None = None


class ResponseTurn(Message):
    """The model turn of a response that a completion job does: what is asked stands in the database, and its
    outcome is written there."""

    response_id: str
    number: int
    """0 for the first."""


class CompletionJob(ClaimChecked):
    """A call to a model: the request body as the client sent it."""

    kind: Literal["completion"] = "completion"
    model: str
    stream: bool = False
    endpoint: Endpoint = Endpoint.CHAT
    turn: Turn | None = None
    is_stored: bool = False
    """Whether the completion can be read later, as OpenAI's `store` has it."""
    response: ResponseTurn | None = None
    is_counted: bool = False
    """Whether nothing but the tokens of a response's input is wanted; the body is its draft."""


class MediaSource(StrEnum):
    """Where the bytes of media come from."""

    STORE = "store"
    """They lie in the object store, where the edge put them."""
    UPLOADED = "uploaded"
    """The client put them into the object store, and can write there again while its link is good."""
    REMOTE = "remote"
    """They are to be fetched."""


class MediaJob(Message):
    """A file to be taken in: looked at, hashed, stored once for its tenant, and recorded."""

    kind: Literal["media"] = "media"
    media_id: str
    source: MediaSource
    url: str | None = None
    """Of a remote source."""
    mime: str | None = None
    """What its sender says it is."""
    keeps_id: bool = False
    """Whether the id was told already: a duplicate then keeps it, and shares the object."""


class MediaResult(Message):
    """What a media job that ended well tells."""

    media_id: str
    """The job's own, or that of the same bytes that were there already."""
    is_duplicate: bool = False


class ToolJob(ClaimChecked):
    """A call of a tool; the body is its arguments."""

    kind: Literal["tool"] = "tool"
    tool: str
    approved: bool = False
    """Whether the call's user allows it: said by who asks us, never by a model."""
    response_id: str | None = None
    """The response whose model called it."""
    call_id: str | None = None
    """As that model named the call."""


class ResponseJob(Message):
    """A response is to go on: it was asked for, one of its steps has ended, its time is over, or it is to be
    stopped. What is to be done next, its row tells; the same word twice changes nothing."""

    kind: Literal["response"] = "response"
    response_id: str
    is_cancelled: bool = False
    """Whether nobody wants it any more."""


class WebhookJob(Message):
    """A webhook is to be delivered now. What is sent, and where, its row tells; the same word twice changes
    nothing."""

    kind: Literal["webhook"] = "webhook"
    delivery_id: str


CompletionEnvelope = Envelope[CompletionJob]
MediaEnvelope = Envelope[MediaJob]
ToolEnvelope = Envelope[ToolJob]
ResponseEnvelope = Envelope[ResponseJob]
WebhookEnvelope = Envelope[WebhookJob]
JobEnvelope = CompletionEnvelope | MediaEnvelope | ToolEnvelope | ResponseEnvelope | WebhookEnvelope

"""The jobs: one frozen value for each kind of work that the edge hands to a worker."""

from typing import Any, Literal

from contracts.base import Message
from contracts.envelope import Envelope


class ObjectRef(Message):
    """Where a payload waits that is too large for a record (the claim check); `size` in bytes."""

    bucket: str
    key: str
    size: int


class CompletionJob(Message):
    """A chat completion: the request body as the client sent it, inline or behind a claim check."""

    kind: Literal["completion"] = "completion"
    model: str
    stream: bool = False
    body: dict[str, Any] | None = None  # the provider's contract, open by nature
    body_ref: ObjectRef | None = None


CompletionEnvelope = Envelope[CompletionJob]

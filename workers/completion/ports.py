"""What completions need of others; the handler is wired with it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.events import Ending
from contracts.jobs import CompletionJob, Endpoint
from workers.completion.core import Candidate
from workers.runtime.attempt import Attempt

JsonObject = dict[str, Any]  # the provider's contract, open by nature


class Preparation(Protocol):
    """Makes of a body what the provider is to get."""

    async def __call__(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """The body with what was missing in it. Raises ApiError."""


class Keeper(Protocol):
    """Keeps answers beyond the relay."""

    def wants(self, job: CompletionJob) -> bool:
        """Whether this job's answer is to be kept."""

    def named(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """What the answer tells beside the completion: where it is kept."""

    async def keep(
        self,
        envelope: Envelope[CompletionJob],
        attempt: int,
        body: JsonObject,
        payloads: Sequence[bytes],
    ) -> None:
        """Keep an answer that ended well, before its end is told: the body as the client sent it, and the
        payloads of all chunks, or of the whole. It may be told again, by a later attempt. Raises ApiError."""


class NoKeeper:
    """Nothing is kept."""

    def wants(self, job: CompletionJob) -> bool:  # noqa: ARG002
        """Nothing."""
        return False

    def named(
        self,
        envelope: Envelope[CompletionJob],  # noqa: ARG002
        body: JsonObject,  # noqa: ARG002
    ) -> JsonObject:
        """Nowhere."""
        return {}

    async def keep(
        self,
        envelope: Envelope[CompletionJob],
        attempt: int,
        body: JsonObject,
        payloads: Sequence[bytes],
    ) -> None:
        """Nothing."""


class Illustrated(Protocol):
    """One job's body, and the media that it names."""

    @property
    def body(self) -> JsonObject:
        """The body, in which words stand for what is there no more."""

    async def told(self, body: JsonObject, way: str) -> JsonObject:
        """A body with media as a provider reads them: `inline` or by `link`. Raises ApiError."""


class ChatMedia(Protocol):
    """Media that chats name."""

    def of(
        self, envelope: Envelope[CompletionJob], given: JsonObject, body: JsonObject
    ) -> AbstractAsyncContextManager[Illustrated]:
        """The media of a job: those that its client names in what was `given` must be there, those of the
        history that the prepared body holds may be gone. Raises ApiError naming the first that cannot be
        used."""


@dataclass(frozen=True)
class Plain:
    """A body without media."""

    body: JsonObject

    async def told(self, body: JsonObject, way: str) -> JsonObject:  # noqa: ARG002
        """As it is."""
        return body


class NoChatMedia:
    """Nothing is looked for."""

    @asynccontextmanager
    async def of(
        self,
        envelope: Envelope[CompletionJob],  # noqa: ARG002
        given: JsonObject,  # noqa: ARG002
        body: JsonObject,
    ) -> AsyncIterator[Illustrated]:
        """The body as it is."""
        yield Plain(body)


class Counting(Protocol):
    """Counts what would be asked."""

    async def run(self, attempt: Attempt[CompletionJob]) -> Ending:
        """Do a job that is counted, its answer included. Raises ApiError."""


class NoCounting:
    """Nothing is counted."""

    async def run(self, attempt: Attempt[CompletionJob]) -> Ending:  # noqa: ARG002
        """Refused."""
        raise ApiError(ErrorCode.INTERNAL, "Nobody counts here")


class Routes(Protocol):
    """Whom to ask for a model."""

    async def candidates(self, model: str, endpoint: Endpoint) -> Sequence[Candidate]:
        """Everybody who offers it, the cheapest provider first. Raises ApiError where nobody does."""

    def ordered(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The same, as they are to be asked now: who is ill comes last."""

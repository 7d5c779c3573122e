"""Counts what a response would be asked with, and makes none: `POST /v1/responses/input_tokens`."""

from contracts.events import Ending
from contracts.frames import FrameKind
from contracts.jobs import CompletionJob
from contracts.responses.draft import ResponseDraft
from workers.completion.core.jsontext import write
from workers.completion.core.trimming import chat_tokens
from workers.completion.responses.material import draft_material
from workers.completion.responses.preparing import ResponseChats
from workers.runtime.attempt import Attempt
from workers.runtime.payloads import Payloads, body_of


class ResponseCounting:
    """Does completion jobs that are counted."""

    def __init__(self, chats: ResponseChats, payloads: Payloads) -> None:
        self._chats = chats
        self._payloads = payloads

    async def run(self, attempt: Attempt[CompletionJob]) -> Ending:
        """Answer with the tokens of the first turn's chat. No provider is asked to speak. Raises ApiError."""
        envelope = attempt.envelope
        model = envelope.job.model
        draft = ResponseDraft.model_validate(await body_of(self._payloads, envelope.job))
        chat = await self._chats.made(
            lambda session: draft_material(session, envelope.tenant, model, draft), 0, envelope.deadline
        )
        tokens = await chat_tokens(chat, self._chats.counter(model))
        answer = {"object": "response.input_tokens", "input_tokens": tokens}
        attempt.send(FrameKind.RESULT, write(answer))
        return Ending(model=model)

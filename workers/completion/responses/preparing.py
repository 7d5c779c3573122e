"""Makes the chats of responses: a turn's, as a preparation of its body, and that of one that is counted."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from contracts.envelope import Envelope
from contracts.jobs import CompletionJob
from infra.database import Database, Transaction
from infra.registry.offers import Offer
from workers.completion.core.history import instructions
from workers.completion.core.jsontext import JsonObject
from workers.completion.core.trimming import ChatCounter, budget_of, tools_told, trimmed, turns_of
from workers.completion.memory.patience import Patience
from workers.completion.memory.tokenizers import Tokenizers
from workers.completion.responses.chat import chat_of, with_prompt
from workers.completion.responses.material import Material, turn_material

Reading = Callable[[Transaction], Awaitable[Material]]
"""Reads what a chat is made of. Raises ApiError."""


class ResponseChats:
    """Makes the chats that turns of responses are."""

    def __init__(
        self,
        database: Database,
        offers: Callable[[str], Sequence[Offer]],
        tokenizers: Tokenizers,
        patience: Patience | None = None,
    ) -> None:
        """`offers` says who may be asked for a model's name."""
        self._database = database
        self._offers = offers
        self._tokenizers = tokenizers
        self._patience = patience or Patience()

    async def made(self, read: Reading, number: int, deadline: datetime) -> JsonObject:
        """The chat of a turn, 0 for the first. Raises ApiError."""

        async def once() -> Material:
            async with self._database.begin() as session:
                return await read(session)

        material = await self._patience.until_done(once, deadline)
        asked = chat_of(material, number)
        if material.plan.is_trimmed:
            asked["messages"] = await self._trimmed(material.model, asked)
        return with_prompt(asked) if material.plan.is_prompted else asked

    def counter(self, model: str) -> ChatCounter:
        """Who counts a model's tokens."""
        return self._tokenizers.of(self._offers(model))

    async def _trimmed(self, model: str, body: JsonObject) -> list[JsonObject]:
        """`truncation: auto`: the oldest turns are left out until the rest fits."""
        messages: list[JsonObject] = body["messages"]
        lengths = [offer.context_length for offer in self._offers(model) if offer.context_length]
        if not lengths:
            return messages
        first = instructions(messages, None)
        turns = turns_of(messages[len(first) :])
        older = [message for turn in turns[:-1] for message in turn]
        last = turns[-1] if turns else []
        fixed = [*first, *last, *tools_told(body)]
        kept = await trimmed(older, fixed, budget_of(min(lengths), body), self.counter(model))
        return [*first, *kept, *last]


class ResponsePreparation:
    """Tells a model what its response holds."""

    def __init__(self, chats: ResponseChats) -> None:
        self._chats = chats

    async def __call__(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """The body of a turn; any other job's as it is. Raises ApiError."""
        turn = envelope.job.response
        if turn is None:
            return body
        return await self._chats.made(
            lambda session: turn_material(session, envelope.tenant, turn), turn.number, envelope.deadline
        )

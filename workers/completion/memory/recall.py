"""What a completion in a conversation is told of it, as a preparation of its body."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob, Turn
from infra.database import Database, Transaction
from infra.registry.offers import Offer
from infra.store.conversations import conversation_at
from infra.store.items import ItemRow
from infra.store.turns import instruction_of, remembered_items
from workers.completion.core.history import instructions, is_repeated, remembered, woven
from workers.completion.core.items import Item, items_of, messages_of
from workers.completion.core.jsontext import JsonObject, write
from workers.completion.core.trimming import BYTES_PER_TOKEN, budget_of, tools_told, trimmed, turns_of
from workers.completion.memory.patience import Patience
from workers.completion.memory.tokenizers import Tokenizers

MAX_ITEMS = 2_048
"""Of a history, however large the context."""
MAX_BYTES = 16 * 1024 * 1024
REPEATED = 4
"""An item is at most so many times as long as the message that it was, or `LEAST_BYTES` longer."""
LEAST_BYTES = 4_096
OURS = ("conversation", "store", "store_reasoning")
"""Fields that are done here, and asked of no provider."""
OF_STORE = ("metadata",)
"""Of a completion that is stored here. OpenAI takes it with its own `store` alone."""


@dataclass(frozen=True)
class Stored:
    """What is stored of a conversation, as far as it matters."""

    items: Sequence[Item] = ()
    is_all: bool = True
    instruction: str | None = None


class Recall:
    """Tells a model what its conversation and its project hold."""

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

    async def __call__(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """The body with the history in its messages. Raises ApiError."""
        job = envelope.job
        if job.turn is None:
            return _without(body, (*OURS, *OF_STORE)) if job.is_stored else body
        stored = await self._stored(envelope, job.turn, body)
        messages = await self._messages(envelope.job, stored, body)
        if not messages:
            raise ApiError(ErrorCode.NOT_FOUND, "What was to be answered is not there any more")
        done = (*OURS, *OF_STORE) if job.is_stored else OURS
        return _without(body, done) | {"messages": messages}

    async def _stored(self, envelope: Envelope[CompletionJob], turn: Turn, body: JsonObject) -> Stored:
        most = self._most_bytes(envelope.job.model, body)

        async def read() -> Stored:
            async with self._database.begin() as session:
                return await _read(session, envelope.tenant, turn, most)

        return await self._patience.until_done(read, envelope.deadline)

    def _most_bytes(self, model: str, body: JsonObject) -> int:
        """How much of a history can matter: what fits, and what the request may repeat."""
        context = self._context(model)
        if context is None:
            return MAX_BYTES
        repeated = REPEATED * len(write({"messages": body["messages"]})) + LEAST_BYTES
        return min(max(budget_of(context, body) * BYTES_PER_TOKEN, repeated), MAX_BYTES)

    def _context(self, model: str) -> int | None:
        lengths = [offer.context_length for offer in self._offers(model) if offer.context_length]
        return min(lengths, default=None)

    async def _messages(self, job: CompletionJob, stored: Stored, body: JsonObject) -> list[JsonObject]:
        asked: list[JsonObject] = body["messages"]
        if (
            job.turn is not None and job.turn.new_branch is not None
        ):  # an edited question may be written as an item
            asked = messages_of(items_of(asked))
        elif stored.is_all and is_repeated(stored.items, asked):
            return woven(asked, [], stored.instruction)
        history = remembered(stored.items, asked)
        last = [] if asked else _last_turn(history)
        older = history[: len(history) - len(last)]
        fixed = [*instructions(asked, stored.instruction), *last, *asked, *tools_told(body)]
        kept = await self._kept(job.model, older, fixed, body)
        return woven(asked, [*kept, *last], stored.instruction)

    async def _kept(
        self, model: str, history: list[JsonObject], fixed: list[JsonObject], body: JsonObject
    ) -> list[JsonObject]:
        context = self._context(model)
        if context is None or not history:
            return history
        counter = self._tokenizers.of(self._offers(model))
        return await trimmed(history, fixed, budget_of(context, body), counter)


def item_of(row: ItemRow) -> Item:
    """What a row says."""
    return Item(row.type, row.data, row.role, row.call_id)


async def _read(session: Transaction, tenant: str, turn: Turn, most: int) -> Stored:
    project_id, items, is_all = turn.project_id, list[ItemRow](), True
    if not turn.is_new:
        row = await conversation_at(session, tenant, turn.conversation_id)
        if row is None:
            return Stored()
        project_id = row.project_id
        full = _Full(most)
        items, is_all = await remembered_items(
            session, turn.conversation_id, turn.branch, turn.after, full.with_more
        )
    instruction = None if project_id is None else await instruction_of(session, tenant, project_id)
    return Stored([item_of(row) for row in items], is_all, instruction)


class _Full:
    """Says when enough was read."""

    def __init__(self, most_bytes: int) -> None:
        self._bytes = most_bytes
        self._items = MAX_ITEMS

    def with_more(self, rows: Sequence[ItemRow]) -> bool:
        """Whether these, too, make it enough."""
        self._items -= len(rows)
        self._bytes -= sum(len(write(row.data)) for row in rows)
        return self._items <= 0 or self._bytes <= 0


def _last_turn(history: Sequence[JsonObject]) -> list[JsonObject]:
    turns = turns_of(history)
    return turns[-1] if turns else []


def _without(body: JsonObject, names: Sequence[str]) -> JsonObject:
    return {name: value for name, value in body.items() if name not in names}

"""Makes the chat of a response's turn, as a preparation of its body: all that was said, and the tools."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob, ResponseTurn
from contracts.responses.plan import OfferKind, ResponsePlan
from contracts.responses.prompted import prompted
from infra.database import Database, Transaction
from infra.registry.offers import Offer
from infra.store.conversations import conversation_at
from infra.store.items import ItemRow
from infra.store.response_items import chained_items, said_of
from infra.store.responses import ResponseRow
from infra.store.turns import instruction_of, remembered_items
from workers.completion.core.history import instructions
from workers.completion.core.jsontext import JsonObject, write
from workers.completion.core.telling import Told, chat_messages
from workers.completion.core.trimming import budget_of, trimmed, turns_of
from workers.completion.memory.patience import Patience
from workers.completion.memory.tokenizers import Tokenizers

MAX_ITEMS = 2_048
"""Of a conversation, however long it is."""
GONE = ApiError(ErrorCode.NOT_FOUND, "The response is not there any more")


@dataclass(frozen=True)
class Material:
    """What stands in the database."""

    row: ResponseRow
    told: Sequence[Told]
    instruction: str | None = None
    """That of the conversation's project."""
    plan: ResponsePlan = field(default_factory=ResponsePlan)


class ResponsePreparation:
    """Tells a model what its response holds."""

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
        """The body of a turn; any other job's as it is. Raises ApiError."""
        turn = envelope.job.response
        if turn is None:
            return body

        async def read() -> Material:
            async with self._database.begin() as session:
                return await _read(session, envelope.tenant, turn)

        material = await self._patience.until_done(read, envelope.deadline)
        asked = body_of_turn(material, turn)
        if material.plan.is_trimmed:
            asked["messages"] = await self._trimmed(material.row.model, asked)
        return _with_prompt(asked) if material.plan.is_prompted else asked

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
        tools = [{"role": "tools", "content": write({"tools": body.get("tools", [])}).decode()}]
        counter = self._tokenizers.of(self._offers(model))
        kept = await trimmed(older, [*first, *last, *tools], budget_of(min(lengths), body), counter)
        return [*first, *kept, *last]


def body_of_turn(material: Material, turn: ResponseTurn) -> JsonObject:
    """The chat of a turn, with all that was said."""
    row, plan = material.row, material.plan
    first = [text for text in (material.instruction, row.asked.get("instructions")) if isinstance(text, str)]
    messages: list[JsonObject] = [{"role": "system", "content": text} for text in first]
    messages += chat_messages(material.told)
    body: JsonObject = {"model": row.model, "messages": messages, **plan.chat}
    functions = _functions(plan, row.calls)
    if functions:
        body["tools"] = list(functions)
        if turn.number and body.get("tool_choice") not in (None, "none"):
            body["tool_choice"] = "auto"  # what was to be called has been called
    else:
        body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
    return body | {"stream": True, "stream_options": {"include_usage": True}}


_OF_TOOLS = ("tool_choice", "parallel_tool_calls")


def _functions(plan: ResponsePlan, calls: int) -> Sequence[JsonObject]:
    """The tools that may still be called: ours only within `max_tool_calls`."""
    if plan.max_calls is None or calls < plan.max_calls:
        return plan.functions
    clients = {offered.name for offered in plan.offered if offered.kind is OfferKind.FUNCTION}
    return [one for one in plan.functions if one["function"]["name"] in clients]


def _with_prompt(body: JsonObject) -> JsonObject:
    """The same for a model that knows no calls: the tools stand in its instruction."""
    tools = body.get("tools") or []
    if not tools or body.get("tool_choice") == "none":
        return {name: value for name, value in body.items() if name not in ("tools", *_OF_TOOLS)}
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        tools = [one for one in tools if one["function"]["name"] == wanted]
    return prompted(body, tools, must_call=choice == "required" or isinstance(choice, dict))


async def _read(session: Transaction, tenant: str, turn: ResponseTurn) -> Material:
    row = await session.get(ResponseRow, turn.response_id)
    if row is None or row.tenant != tenant:
        raise GONE
    chained = await chained_items(session, tenant, turn.response_id)
    told = [Told(one.item, one.said) for one in chained]
    instruction = None
    if row.conversation_id is not None:
        earlier, instruction = await _conversation(session, tenant, row)
        told = [*earlier, *told]
    return Material(row, told, instruction, ResponsePlan.model_validate(row.plan))


async def _conversation(session: Transaction, tenant: str, row: ResponseRow) -> tuple[list[Told], str | None]:
    """What was said in the response's conversation before it was asked for, and the project's instruction."""
    found = await conversation_at(session, tenant, row.conversation_id or "")
    if found is None:
        return [], None
    left = MAX_ITEMS

    def is_enough(rows: Sequence[ItemRow]) -> bool:
        nonlocal left
        left -= len(rows)
        return left <= 0

    rows, _ = await remembered_items(session, found.conversation_id, row.branch, row.after, is_enough)
    said = await said_of(session, tenant, [one.item_id for one in rows])
    told = [Told(_item(one), said.get(one.item_id)) for one in rows]
    if found.project_id is None:
        return told, None
    return told, await instruction_of(session, tenant, found.project_id)


def _item(row: ItemRow) -> JsonObject:
    """A conversation's item, as a response has it."""
    about = {"id": row.item_id, "type": row.type, "role": row.role, "call_id": row.call_id}
    return {name: value for name, value in about.items() if value is not None} | row.data

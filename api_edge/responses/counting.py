"""POST /v1/responses/input_tokens: what a response would be asked with, counted by a worker."""

from typing import Any

from starlette.types import Scope

from api_edge.deps import Edge
from api_edge.llm.calls import ModelCall, Wanted
from api_edge.responses.asking import Asker, Asking
from api_edge.responses.plan import plan_of
from contracts.envelope import Caller
from contracts.jobs import CompletionJob
from contracts.responses.draft import DraftItem, ResponseDraft
from infra.limits.gate import Expected
from infra.settings import ResponseSettings

PATH = "/v1/responses/input_tokens"

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def input_tokens(edge: Edge, asker: Asker, settings: ResponseSettings) -> ModelCall:
    """The route: what a response would be refused for is refused here, too."""

    async def check(scope: Scope, _caller: Caller, body: JsonObject, _size: int) -> Wanted:
        asking = await asker.asking(scope, {name: body[name] for name in body.keys() - NOT_COUNTED})
        model = asking.wanted.model
        draft = draft_of(asking, settings).model_dump(mode="json")
        job = CompletionJob(model=model, body=draft, is_counted=True)
        return Wanted(job, asking.wanted.lane(), Expected(model, prompt_tokens=0, answer_tokens=0))

    return ModelCall(edge, PATH, check)


NOT_COUNTED = frozenset({"stream", "background", "store"})
"""How an answer would be given and kept: nothing is answered."""


def draft_of(asking: Asking, settings: ResponseSettings) -> ResponseDraft:
    """What a worker makes the chat of."""
    wanted = asking.wanted
    return ResponseDraft(
        instructions=wanted.instructions,
        items=tuple(DraftItem(item=put.item, said=put.said) for put in asking.items),
        plan=plan_of(wanted, asking.offers, "", settings, is_prompted=asking.is_prompted),
        previous_response_id=wanted.previous_response_id,
        place=asking.place,
    )

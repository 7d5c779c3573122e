"""How a response will be done: its plan, and the fields of the chat that each of its turns is."""

from fnmatch import fnmatchcase
from typing import Any, Protocol

from api_edge.responses.hosted import with_session
from api_edge.responses.offers import Offers
from contracts.responses.plan import ResponsePlan
from contracts.wire.responses import CreateResponse, PlainFormat, SchemaFormat
from infra.registry.registry import Offers as ModelOffers
from infra.settings import ResponseSettings

LOGPROBS = "message.output_text.logprobs"
TOOLS = "tools"
WEBHOOK = "webhook_url"
PLAIN = (
    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("parallel_tool_calls", "top_logprobs", "user"),
)
"""Fields that a chat has under the same name."""

JsonObject = dict[str, Any]  # a chat's fields


class Models(Protocol):
    """Who offers which model."""

    def resolve(self, name: str) -> ModelOffers:
        """Whom to ask for a model, as is known now."""


def plan_of(
    wanted: CreateResponse,
    offers: Offers,
    response_id: str,
    settings: ResponseSettings,
    *,
    is_prompted: bool,
) -> ResponsePlan:
    """The plan of a response."""
    return ResponsePlan(
        offered=tuple(with_session(one, response_id) for one in offers.offered),
        functions=offers.functions,
        lists=offers.lists,
        chat=chat_of(wanted, offers),
        is_prompted=is_prompted,
        max_turns=settings.max_turns,
        max_calls=wanted.max_tool_calls,
        call_seconds=settings.call_seconds,
        is_trimmed=wanted.truncation == "auto",
        include=tuple(wanted.include or ()),
        webhook_url=(wanted.metadata or {}).get(WEBHOOK),
    )


def chat_of(wanted: CreateResponse, offers: Offers) -> JsonObject:
    """What the request says of the answer, as a chat says it; nothing that it leaves out."""
    reasoning, text = wanted.reasoning, wanted.text
    said: JsonObject = {name: getattr(wanted, name) for name in PLAIN}
    said |= {
        "max_tokens": wanted.max_output_tokens,
        "tool_choice": offers.choice,
        "reasoning_effort": None if reasoning is None else reasoning.effort,
        "verbosity": None if text is None else text.verbosity,
        "response_format": None if text is None else _response_format(text.format),
    }
    if LOGPROBS in (wanted.include or ()) or wanted.top_logprobs:
        said["logprobs"] = True
    elif wanted.top_logprobs == 0:
        said["top_logprobs"] = None
    if not offers.offers:
        said["parallel_tool_calls"] = None  # of no use without tools, and providers refuse it
    return {name: value for name, value in said.items() if value is not None}


def is_prompted(models: Models, model: str, settings: ResponseSettings) -> bool:
    """Whether a model has to be asked to write calls as JSON: somebody who offers it knows that it lacks
    tools, or it was never taught any. Of what nothing is known, it was."""
    offers = models.resolve(model)
    if any(TOOLS in offer.lacks for offer in offers):
        return True
    names = {model.rpartition("/")[2], *(offer.slug for offer in offers)}
    return any(
        fnmatchcase(name.lower(), pattern.lower()) for name in names for pattern in settings.prompted_models
    )


def _response_format(given: PlainFormat | SchemaFormat | None) -> JsonObject | None:
    if isinstance(given, SchemaFormat):
        said = {
            "name": given.name,
            "description": given.description,
            "schema": given.schema_,
            "strict": given.strict,
        }
        return {
            "type": "json_schema",
            "json_schema": {name: value for name, value in said.items() if value is not None},
        }
    return None if given is None or given.type == "text" else {"type": given.type}

"""The chat that a turn of a response is: what was said as messages, and the tools that may be called."""

from collections.abc import Sequence

from contracts.responses.plan import OfferKind, ResponsePlan
from contracts.responses.prompted import prompted
from workers.completion.core.jsontext import JsonObject
from workers.completion.core.telling import chat_messages
from workers.completion.responses.material import Material

_OF_TOOLS = ("tool_choice", "parallel_tool_calls")


def chat_of(material: Material, number: int) -> JsonObject:
    """The chat of a turn, 0 for the first, with all that was said."""
    plan = material.plan
    messages: list[JsonObject] = [{"role": "system", "content": text} for text in material.instructions]
    messages += chat_messages(material.told)
    body: JsonObject = {"model": material.model, "messages": messages, **plan.chat}
    if "max_tokens" in plan.chat:  # of the whole response
        body["max_tokens"] = max(1, plan.chat["max_tokens"] - material.answered)
    functions = _functions(plan, material.calls)
    if functions:
        body["tools"] = list(functions)
        if number and body.get("tool_choice") not in (None, "none"):
            body["tool_choice"] = "auto"  # what was to be called has been called
    else:
        body = {name: value for name, value in body.items() if name not in _OF_TOOLS}
    return body | {"stream": True, "stream_options": {"include_usage": True}}


def with_prompt(body: JsonObject) -> JsonObject:
    """The same for a model that knows no calls: the tools stand in its instruction."""
    tools = body.get("tools") or []
    if not tools or body.get("tool_choice") == "none":
        return {name: value for name, value in body.items() if name not in ("tools", *_OF_TOOLS)}
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        tools = [one for one in tools if one["function"]["name"] == wanted]
    return prompted(body, tools, must_call=choice == "required" or isinstance(choice, dict))


def _functions(plan: ResponsePlan, calls: int) -> Sequence[JsonObject]:
    """The tools that may still be called: ours only within `max_tool_calls`."""
    if plan.max_calls is None or calls < plan.max_calls:
        return plan.functions
    clients = {offered.name for offered in plan.offered if offered.kind is OfferKind.FUNCTION}
    return [one for one in plan.functions if one["function"]["name"] in clients]

"""A model turn of a response: what its chunks are to be read with, and what they came to."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from contracts.base import Message
from contracts.events import Usage

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


class OfferKind(StrEnum):
    """What a call of an offered tool is shown as; the values are the types of OpenAI's tools."""

    FUNCTION = "function"
    """The client's: it is handed back."""
    WEB_SEARCH = "web_search"
    FILE_SEARCH = "file_search"
    CODE_INTERPRETER = "code_interpreter"
    MCP = "mcp"


class Offered(Message):
    """A tool, as a response offers it to its model."""

    name: str
    """By which the model calls it: one in a response."""
    kind: OfferKind
    tool: str | None = None
    """Which of our tools does it; None for the client's own."""
    server_label: str | None = None
    """Of `mcp`: what the client named the server."""
    shown_name: str | None = None
    """Of `mcp`: the tool's name, as it is shown; else `name`."""
    needs_approval: bool = False
    """Whether the client is asked before it is called."""
    arguments: JsonObject = Field(default_factory=dict)
    """What every call of it is given, beside what the model says."""


class TurnPlan(Message):
    """What is known of a turn before it begins; also the payload of a FOLLOW frame."""

    response_id: str
    number: int
    """0 for the first."""
    job_id: str
    """The completion job that does it, whose log holds its chunks."""
    first_output: int
    """`output_index` of its first item."""
    offered: tuple[Offered, ...] = ()
    is_prompted: bool = False
    """Whether the model was asked to write calls as JSON, since it knows no calls of tools."""
    calls_left: int | None = None
    """Calls of our tools that the response may still make (`max_tool_calls`); more of them are ignored."""


class Called(Message):
    """A call that a model made."""

    output_index: int
    item_id: str
    call_id: str
    name: str
    """As the model said."""
    arguments: str
    """As the model wrote them: JSON, if all went well."""
    offered: Offered | None = None
    """None where the model called what there is not."""
    approval_request_id: str | None = None
    """Of a call that its client has allowed: the item that asked."""


class ResponsePlan(Message):
    """How a response is done: made once, when it is asked for."""

    offered: tuple[Offered, ...] = ()
    functions: tuple[JsonObject, ...] = ()
    """The same tools, as a chat's `tools` have them."""
    lists: tuple[JsonObject, ...] = ()
    """`mcp_list_tools` items, without their ids, that the output begins with."""
    approved: tuple[Called, ...] = ()
    """Calls that an earlier response asked for and the client allows now: they are made before the first
    turn. Their `output_index` follows those of the lists."""
    chat: JsonObject = Field(default_factory=dict)
    """Fields of the chat that each turn is, beside its model, messages and tools."""
    is_prompted: bool = False
    max_turns: int = 8
    max_calls: int | None = None
    """`max_tool_calls`."""
    call_seconds: float = 45.0
    """That one call of a tool may take."""
    is_trimmed: bool = False
    """`truncation: auto`: what the model's context cannot hold is left out, the oldest first."""
    include: tuple[str, ...] = ()
    webhook_url: str | None = None


class TurnOutcome(Message):
    """What a turn came to."""

    items: tuple[JsonObject, ...] = ()
    """Its output items, in their order; those of our tools are not done yet."""
    calls: tuple[Called, ...] = ()
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None
    refusal: bool = False

"""Tools of a response, as requests name them: each by its type, in OpenAI's shape.

What of these shapes cannot be honoured here is refused where the tools are read, not left out in silence.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from contracts.base import WireShape
from contracts.tools.search import Host
from contracts.wire.responses import Name

MOST_PASSAGES = 20
"""That one search of files may bring."""
SESSION = r"^[A-Za-z0-9_-]{1,64}$"
"""As python_exec has it."""

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature
Named = Annotated[str, Field(min_length=1, max_length=256)]


class FunctionTool(WireShape):
    """A function of the client's own: a call of it is handed back."""

    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class SearchFilters(WireShape):
    """Where to search."""

    allowed_domains: Annotated[list[Host], Field(max_length=100)] | None = None


class UserLocation(WireShape):
    """About where the user is."""

    type: Literal["approximate"] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = None
    city: Annotated[str, Field(max_length=100)] | None = None
    region: Annotated[str, Field(max_length=100)] | None = None
    timezone: str | None = None


class WebSearchTool(WireShape):
    """The web: searched, and read."""

    type: str
    filters: SearchFilters | None = None
    user_location: UserLocation | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None
    external_web_access: bool | None = None


class Comparison(WireShape):
    """What an attribute must be."""

    type: str
    key: Named
    value: JsonValue


class Compound(WireShape):
    """Several of them."""

    type: str
    filters: list[JsonObject]


class RankingOptions(WireShape):
    """How results are ordered, and which are good enough."""

    ranker: str | None = None
    score_threshold: float | None = None
    hybrid_search: JsonObject | None = None


class FileSearchTool(WireShape):
    """The caller's indexed texts."""

    type: Literal["file_search"]
    vector_store_ids: list[Named] | None = None
    filters: JsonObject | None = None
    max_num_results: Annotated[int, Field(ge=1, le=MOST_PASSAGES)] | None = None
    ranking_options: RankingOptions | None = None


class Container(WireShape):
    """Where programs run: a session of the response's own."""

    type: Literal["auto"]
    file_ids: list[str] | None = None
    memory_limit: str | None = None
    network_policy: JsonObject | None = None


class CodeTool(WireShape):
    """Python, in a sandbox."""

    type: Literal["code_interpreter"]
    container: Annotated[str, Field(pattern=SESSION)] | Container | None = None


class ToolFilter(WireShape):
    """Some of a server's tools."""

    tool_names: list[Named] | None = None
    read_only: bool | None = None


class Approval(WireShape):
    """Which tools are asked for before they are called, and which are not."""

    always: ToolFilter | None = None
    never: ToolFilter | None = None


class McpServerTool(WireShape):
    """Tools of an MCP server that an admin registered."""

    type: Literal["mcp"]
    server_label: Annotated[str, Field(min_length=1, max_length=64)]
    server_description: str | None = None
    allowed_tools: list[Named] | ToolFilter | None = None
    require_approval: Literal["always", "never"] | Approval | None = None

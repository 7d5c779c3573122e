"""Other people's MCP servers, as admins see and change them. Secrets go in and never come out."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contracts.base import WireShape

NAME = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"
SECRET = r"^[^\x00\r\n]*$"  # noqa: S105  a pattern
SERVER_EXAMPLE: dict[str, JsonValue] = {
    "name": "tickets",
    "object": "mcp_server",
    "transport": "http",
    "url": "https://tickets.example/mcp",
    "command": [],
    "secret_names": ["Authorization"],
    "allowed_tools": ["search_*"],
    "timeout_seconds": None,
    "is_active": True,
    "source": "api",
    "tools": ["tickets_search_all"],
    "last_synced_at": "2026-11-22T12:00:00Z",
    "sync_error": None,
    "created_at": "2026-11-22T12:00:00Z",
    "updated_at": "2026-11-22T12:00:00Z",
}
ASK_EXAMPLE: dict[str, JsonValue] = {
    "name": "tickets",
    "url": "https://tickets.example/mcp",
    "headers": {"Authorization": "Bearer ..."},
    "allowed_tools": ["search_*"],
}

Url = Annotated[str, StringConstraints(min_length=8, max_length=2_048, pattern=r"^https?://\S+$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[^\x00]+$")]
Wanted = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.*-]+$")]
Header = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Secret = Annotated[str, StringConstraints(max_length=8_192, pattern=SECRET)]


class McpServer(WireShape):
    """A server, with the names of its secrets."""

    model_config = ConfigDict(json_schema_extra={"example": SERVER_EXAMPLE})

    name: str
    object: Literal["mcp_server"] = "mcp_server"
    transport: Literal["http", "stdio"]
    url: str | None
    command: list[str]
    secret_names: list[str] = Field(description="Of its headers, or of its environment's variables")
    allowed_tools: list[str] | None = Field(description="Null: all that it has")
    timeout_seconds: float | None = Field(description="Of one call; null: as of all tools")
    is_active: bool
    source: str = Field(description="`api`, or `file`: then the file is what to change")
    tools: list[str] = Field(description="As they are called here")
    last_synced_at: AwareDatetime | None
    sync_error: str | None = Field(
        description="Why its tools could not be read, or which of them were refused"
    )
    created_at: AwareDatetime
    updated_at: AwareDatetime


class McpServerFields(WireShape):
    """What can be set."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    command: list[Word] | None = Field(None, max_length=64)
    headers: dict[Header, Secret] | None = Field(None, max_length=32, description="All of them, of a url")
    env: dict[Variable, Secret] | None = Field(None, max_length=64, description="All of them, of a command")
    allowed_tools: list[Wanted] | None = Field(None, max_length=256)
    timeout_seconds: float | None = Field(None, gt=0, le=600)
    is_active: bool = True


class McpServerAsk(McpServerFields):
    """A new server: by its url, or as a program."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ASK_EXAMPLE})

    name: Annotated[str, StringConstraints(pattern=NAME)]

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if bool(self.url) == bool(self.command):
            message = "give either url or command"
            raise ValueError(message)
        return self


class McpServerPatch(McpServerFields):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_active": False}})


class McpServerDeleted(WireShape):
    """It is gone, with its tools."""

    name: str
    object: Literal["mcp_server.deleted"] = "mcp_server.deleted"
    deleted: Literal[True] = True

"""Other people's MCP servers as `mcp_servers.yaml` declares them: whoever runs the product trusts them.

    servers:
      - name: tickets
        url: https://tickets.example/mcp
        headers: {Authorization: "Bearer ${TICKETS_TOKEN}"}
        allowed_tools: [search_*]
      - name: files
        command: [mcp-files, --read-only]
        env: {FILES_ROOT: /srv/files}

Their tools are called `<name>_<tool>`. Texts of the environment are filled in as `infra.declaring` tells.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from infra.declaring import entries_of

NAME = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"
MOST_SECONDS = 600.0

Header = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]
"""A header's name (RFC 9110, section 5.6.2)."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class DeclaredServer(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=NAME)
    url: str | None = Field(None, pattern=r"^https?://\S+$", max_length=2_048)
    """Of Streamable HTTP."""
    command: tuple[str, ...] = ()
    """Of stdio: the program, and its arguments."""
    headers: dict[Header, SecretStr] = Field(default_factory=dict)
    env: dict[Variable, SecretStr] = Field(default_factory=dict)
    allowed_tools: tuple[str, ...] | None = None
    """By the names that they have there, with `*` for any letters; None: all."""
    seconds: float | None = Field(None, gt=0, le=MOST_SECONDS)
    active: bool = True

    @model_validator(mode="after")
    def _has_one_way(self) -> Self:
        if bool(self.url) == bool(self.command):
            message = "give either url or command"
            raise ValueError(message)
        if self.headers and not self.url:
            message = "headers belong to a url; a command has env"
            raise ValueError(message)
        if self.env and self.url:
            message = "env belongs to a command; a url has headers"
            raise ValueError(message)
        return self

    @property
    def transport(self) -> str:
        """How it is spoken to."""
        return "http" if self.url else "stdio"

    @property
    def secrets(self) -> dict[str, str]:
        """Its headers, or its variables."""
        return {name: value.get_secret_value() for name, value in (self.headers or self.env).items()}


def servers_of_file(path: Path, environment: Mapping[str, str]) -> list[DeclaredServer]:
    """The servers of a file. Raises BadDeclaration."""
    return entries_of(path, "servers", DeclaredServer, environment)

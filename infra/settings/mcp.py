"""Other people's MCP servers, and our own door for MCP clients."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import Words, section


class McpSettings(BaseSettings):
    """`JAN_MCP_*`: the edge and the tool worker read it."""

    model_config = section("JAN_MCP_")

    servers_file: Path | None = None
    """mcp_servers.yaml: the servers that whoever runs this product trusts."""
    networks: Words = ()
    """Private networks in which servers of the admin API may stand. By default none."""
    allow_stdio: bool = False
    """Whether servers of the admin API may be programs on the worker's machine, as those of the file may."""
    origins: Words = ()
    """Web pages that may speak to us, as `https://chat.example.com`, beside our own and this machine's."""
    sync_seconds: float = Field(60.0, gt=0)
    """Between two looks at a server's tools."""
    connect_timeout: float = Field(5.0, gt=0)
    """Seconds to reach a server and agree on a protocol."""
    list_timeout: float = Field(10.0, gt=0)
    """Seconds that a server may take to list its tools."""
    max_tools: int = Field(256, gt=0)
    """Of one server."""
    breaker_failures: int = Field(5, gt=0)
    breaker_pause: float = Field(30.0, gt=0)
    session_seconds: float = Field(86_400.0, gt=0)
    """For how long a session of an MCP client lives without being used."""

"""Other people's MCP servers: their lists are read on a schedule, their tools are called by name."""

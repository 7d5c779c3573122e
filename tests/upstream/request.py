"""What the scripted provider was asked, and how far it got with the answer."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

LIMIT = 10.0
"""Seconds that a test waits for anything."""


@dataclass
class Request:
    """One request. Headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Number of the connection that it came by."""
    sent: int = 0
    """Payloads written so far."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client's connection is gone, before or after the answer's end."""

    @property
    def json(self) -> dict[str, Any]:  # OpenAI's wire, open by nature
        """The body."""
        value: dict[str, Any] = json.loads(self.body)
        return value

    def release(self) -> None:
        """Go on past the script's `hold`."""
        self.released.set()

    async def gone(self) -> None:
        """Wait until the client closed the connection."""
        async with asyncio.timeout(LIMIT):
            await self.disconnected.wait()

"""How a scripted search engine answers one request."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal["hang", "reset", "cut", "endless", "not_http"]


@dataclass(frozen=True)
class Script:
    """The usual answer, unless something else is said."""

    status: int = 200
    body: Any = None  # JSON; bytes as they are; None: results for whatever was asked
    headers: dict[str, str] = field(default_factory=dict)
    results: int = 10
    """Of a usual page, unless the request says how many."""
    last: int = 100
    """The last page on which something stands."""
    host: str = "site{}.example"
    """Of the results, by their number."""
    gate: asyncio.Event | None = None
    """Answered when it is set."""
    fault: Fault | None = None
    """hang: no answer comes. reset: the connection ends. cut: it ends amid the body. endless: the body has no
    end. not_http: another protocol."""


@dataclass(frozen=True)
class Request:
    """What an engine was asked."""

    engine: Literal["serper", "searxng"]
    headers: dict[str, str]
    asked: dict[str, Any]  # Serper's JSON, or SearXNG's form

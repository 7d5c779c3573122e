"""What the room needs of a tool, and what a tool is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.tools.spec import ToolProgress, ToolResult, ToolSpec

JsonObject = dict[str, Any]  # a caller's arguments, which a tool's schema judges
Tell = Callable[[ToolProgress], None]


def silent(progress: ToolProgress) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    job_id: str
    tenant: str
    user_id: str
    arguments: JsonObject
    deadline: float
    """Loop time at which it is stopped."""
    approved: bool = False
    """Whether its user allows it; what the arguments say of that does not count."""
    tell: Tell = field(default=silent)
    """Tells its caller how far it is."""


class ToolFailed(Exception):
    """The tool cannot do it: its message, one sentence for the model and its user, is the call's result."""


class Tool(Protocol):
    """Something that can be called. It checks its arguments itself."""

    @property
    def spec(self) -> ToolSpec:
        """What it is."""

    @property
    def off_reason(self) -> str | None:
        """Why this worker cannot do it; None: it can."""

    async def call(self, call: Call) -> ToolResult:
        """Do it. Raises ToolFailed; ApiError where something of ours is away. It is cancelled when the call
        is, or takes too long: nothing that it began may go on then."""

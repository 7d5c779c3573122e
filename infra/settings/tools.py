"""Tools: how long their calls may take, and how much they may bring."""

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, section


class ToolSettings(BaseSettings):
    """`JAN_TOOLS_*`: the edge and the tool worker read it."""

    model_config = section("JAN_TOOLS_")

    seconds: float = Field(45.0, gt=0)
    """That one call may take, unless the tool has a limit of its own."""
    queue_seconds: float = Field(30.0, gt=0)
    """That a call may wait for a worker, beyond the time that it may take."""
    max_arguments: int = Field(8 * MIB, gt=0)
    """Bytes of a call's arguments."""
    max_result: int = Field(4 * MIB, gt=0)
    """Bytes of a call's result; what brings more has failed."""
    per_tenant: int = Field(16, gt=0)
    """Calls of one tenant that a worker runs at once; the others wait their turn."""
    keep_calls: float = Field(30 * 86_400.0, gt=0)
    """Seconds for which the records of calls are kept."""

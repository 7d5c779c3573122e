"""Responses: how far they may go, and for how long."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import Words, section

MOST_TURNS = 15


class ResponseSettings(BaseSettings):
    """`JAN_RESPONSES_*`: the edge and the response worker read it."""

    model_config = section("JAN_RESPONSES_")

    default_tools: Literal["on", "off"] = "off"
    """Whether a response that names no tools may call those that come with the product."""
    max_turns: int = Field(8, ge=1, le=MOST_TURNS)
    """Model turns of one response; beyond, it ends as `incomplete`."""
    call_seconds: float = Field(45.0, gt=0)
    """That one call of a tool may take."""
    seconds: float = Field(600.0, gt=0)
    """From a response's acceptance to its deadline."""
    max_background_seconds: float = Field(3_600.0, gt=0)
    """The same, of one in the background."""
    prompted_models: Words = ("smollm2-*",)
    """Models that were never taught to call tools, as patterns of their names' last part: they are asked to
    write calls as JSON, as those are of which the catalog says that they lack tools."""

"""Projects: flat objects in the Go server's shape. Times are unix seconds."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.wire.storable import KEPT

MAX_NAME = 120
MAX_INSTRUCTION = 32_768
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
EXAMPLE: dict[str, JsonValue] = {
    "id": "proj_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "project",
    "name": "Lisbon",
    "instruction": "Answer like a guide who lives there.",
    "is_favorite": False,
    "is_archived": False,
    "archived_at": None,
    "created_at": 1780315200,
    "updated_at": 1780315260,
}

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME, pattern=PRINTABLE),
    KEPT,
]
Instruction = Annotated[str, Field(max_length=MAX_INSTRUCTION), KEPT]


class ProjectAsk(WireShape):
    """A new project."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"name": "Lisbon", "instruction": "Answer like a guide who lives there."}
        }
    )

    name: Name = Field(description="No other project of yours has it")
    instruction: Instruction | None = Field(
        None, description="What models are told first in each of its conversations"
    )


class ProjectPatch(WireShape):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"is_favorite": True, "instruction": None}})

    name: Name | None = None
    instruction: Instruction | None = Field(None, description="Null: models are told nothing")
    is_favorite: bool | None = Field(None, strict=True)
    is_archived: bool | None = Field(None, strict=True)


class Project(WireShape):
    """Conversations under one instruction."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["project"] = "project"
    name: str
    instruction: str | None
    is_favorite: bool
    is_archived: bool
    archived_at: int | None
    created_at: int
    updated_at: int


class ProjectDeleted(WireShape):
    """A project that is no more. Its conversations are."""

    id: str
    object: Literal["project"] = "project"
    deleted: Literal[True] = True

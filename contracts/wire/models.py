"""Models as OpenAI lists them (platform.openai.com/docs/api-reference/models)."""

from typing import Literal

from contracts.base import WireShape


class Model(WireShape):
    """One model that a provider offers."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(WireShape):
    """All models, in order of id."""

    object: Literal["list"] = "list"
    data: list[Model]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False
    next_after: str | None = None

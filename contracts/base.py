"""The two kinds of models that every contract is made of."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A frozen value that travels between processes. Readers ignore fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


class WireShape(BaseModel):
    """A public request or answer. Fields that are not ours to judge are kept and passed on."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

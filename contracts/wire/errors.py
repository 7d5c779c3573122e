"""The one error shape, as it stands in OpenAPI."""

from pydantic import Field

from contracts.base import WireShape
from contracts.errors import ErrorType


class ErrorBody(WireShape):
    """What went wrong. All five keys are always present."""

    type: ErrorType
    code: str | None = Field(description="A stable name for the cause; a provider's own code passes through")
    message: str = Field(description="One sentence for the caller, naming the field and what is allowed")
    param: str | None = Field(description="The field that is at fault, such as messages[0].role")
    request_id: str | None = Field(description="The value of X-Request-Id")


class ErrorAnswer(WireShape):
    """An error answer, on every route and in every stream."""

    error: ErrorBody

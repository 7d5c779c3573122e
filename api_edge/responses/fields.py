"""One field of a request, checked by its own shape; what is wrong is told by the path from the top."""

from typing import Any, TypeVar

from pydantic import ValidationError

from api_edge.errors import invalid_request
from contracts.base import WireShape
from contracts.errors import ApiError, ErrorCode

ShapeT = TypeVar("ShapeT", bound=WireShape)
JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def checked_at(shape: type[ShapeT], value: JsonObject, path: str) -> ShapeT:
    """The field at this path. Raises ApiError naming the part of it that is wrong."""
    try:
        return shape.model_validate(value, strict=True)
    except ValidationError as error:
        detail = invalid_request(error, value).detail
        if detail.param is None:
            message = f"{path}{detail.message.removeprefix('The request')}"
            raise ApiError.of(detail.model_copy(update={"param": path, "message": message})) from error
        told = {"param": f"{path}.{detail.param}", "message": f"{path}.{detail.message}"}
        raise ApiError.of(detail.model_copy(update=told)) from error


def invalid(param: str, message: str) -> ApiError:
    """What is told of a field that is not as it may be."""
    return ApiError(ErrorCode.INVALID_VALUE, f"{param} {message}", param=param)


def unsupported(param: str, message: str) -> ApiError:
    """What is told of a field that is not offered, or not so."""
    return ApiError(ErrorCode.UNSUPPORTED_PARAMETER, f"{param} {message}", param=param)

"""What of a request doesn't go together, or is not offered at all."""

from typing import Any

from api_edge.responses.fields import invalid, unsupported
from api_edge.responses.plan import WEBHOOK
from contracts.errors import ApiError, ErrorCode
from contracts.wire.responses import CreateResponse
from contracts.wire.storable import unkept

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def check_together(wanted: CreateResponse, body: JsonObject) -> None:
    """Raise ApiError naming the field that does not fit."""
    if wanted.prompt is not None:
        raise unsupported("prompt", "is not offered: send the texts of the template themselves")
    if wanted.context_management:
        raise unsupported("context_management", "is not offered: truncation leaves out what is too old")
    if wanted.conversation is not None and wanted.previous_response_id is not None:
        raise invalid("previous_response_id", "cannot be used together with conversation")
    if wanted.background and wanted.store is False:
        raise invalid("background", "needs store: what is not kept cannot be asked for later")
    if not wanted.input and wanted.conversation is None and wanted.previous_response_id is None:
        raise ApiError(ErrorCode.MISSING_PARAMETER, "input is required", param="input")
    _check_webhook((wanted.metadata or {}).get(WEBHOOK))
    bad = unkept(body)
    if bad is not None:
        raise invalid(*bad)


def _check_webhook(url: str | None) -> None:
    if url is not None and not url.startswith(("https://", "http://")):
        raise invalid(f"metadata.{WEBHOOK}", "must be an address, http or https")

"""The claim check, as workers use it: bodies too large for a record are fetched, and in the end deleted."""

import logging
from typing import Any, Protocol

from pydantic_core import from_json

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import ClaimChecked

JsonObject = dict[str, Any]  # what a client sent, open by nature

log = logging.getLogger(__name__)


class Payloads(Protocol):
    """Where payloads wait that are too large for a record."""

    async def get(self, key: str) -> bytes:
        """Read an object. Raises ApiError."""

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there. Raises ApiError."""


async def body_of(payloads: Payloads, job: ClaimChecked) -> JsonObject:
    """A job's body. Raises ApiError when the store does not give it."""
    if job.body is not None:
        return job.body
    if job.body_ref is None:
        raise ApiError(ErrorCode.INTERNAL, "The job carries no request")
    body: JsonObject = from_json(await payloads.get(job.body_ref.key))
    return body


async def forget_body(payloads: Payloads, envelope: Envelope[Any], job: ClaimChecked) -> None:
    """Delete a body behind the claim check; a failure leaves it to the sweeper."""
    if job.body_ref is None:
        return
    try:
        await payloads.delete(job.body_ref.key)
    except ApiError as error:
        log.warning("payload_left", extra={"job_id": envelope.job_id, "error": str(error)})

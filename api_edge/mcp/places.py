"""Places in the stream of a call, as the ids of its events: from one of them any edge can go on with it.

An id names the job, the frame that was sent last, and how the client calls the request and its progress; so
no edge needs to remember anything of a stream. Whose job it is, is looked up when somebody comes back.
"""

import base64
import binascii
from dataclasses import dataclass

from pydantic_core import from_json, to_json

from api_edge.mcp.messages import RequestId
from contracts.ids import is_ulid

MOST = 512
"""Characters of an id; a client that names its requests at greater length cannot go on with their streams."""
BEFORE_FIRST = -1


@dataclass(frozen=True)
class Place:
    """Where a client is in the stream of a call."""

    job_id: str
    seq: int
    """Of the last frame that it has; -1: of none."""
    request_id: RequestId
    token: RequestId | None
    """What it wants progress to be told under."""

    def event_id(self) -> str | None:
        """The id of the event at this place; None where it would be too long."""
        named = base64.urlsafe_b64encode(to_json([self.request_id, self.token])).decode().rstrip("=")
        written = f"{self.job_id}.{self.seq + 1}.{named}"
        return written if len(written) <= MOST else None


def place_of(event_id: str) -> Place | None:
    """The place that an id names; None where it is none of ours."""
    parts = event_id.split(".")
    if len(event_id) > MOST or len(parts) != 3 or not is_ulid(parts[0]) or not parts[1].isdecimal():  # noqa: PLR2004
        return None
    try:
        named = from_json(base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)))
    except (ValueError, binascii.Error):
        return None
    match named:
        case [str() | int() as request_id, str() | int() | None as token]:
            return Place(parts[0], int(parts[1]) - 1, request_id, token)
        case _:
            return None

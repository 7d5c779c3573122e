"""The claim check, as the edge uses it: a body that is too large for a record waits in the object store."""

from typing import TypeVar

from pydantic_core import to_json

from api_edge.deps import PayloadStore
from contracts.jobs import ClaimChecked

FOLDER = "claim-check"

JobT = TypeVar("JobT", bound=ClaimChecked)


async def checked_in(payloads: PayloadStore, tenant: str, job_id: str, job: JobT) -> JobT:
    """The job as it travels: its body left at the store, and a reference in its place. Raises ApiError."""
    key = f"{FOLDER}/{tenant}/{job_id}.json"
    ref = await payloads.put(key, to_json(job.body), "application/json")
    return job.model_copy(update={"body": None, "body_ref": ref})

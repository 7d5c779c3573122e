"""Names in Redis; what belongs to one job shares a hash tag, so that a cluster keeps it in one slot."""

CANCELS = "cancels"
"""The channel on which jobs are told to stop."""
EPOCH = "relay:epoch"
"""A random name that Redis's memory gets when it is asked first: another name means that it forgot."""
PROBE = "relay:probe"
"""Written to learn whether Redis takes writes."""


def log_key(job_id: str) -> str:
    """The list of a job's frames; the index is the seq."""
    return "job:{" + job_id + "}:log"


def claim_key(job_id: str) -> str:
    """The hash that says which attempt holds a job."""
    return "job:{" + job_id + "}:claim"


def edge_channel(edge_id: str) -> str:
    """The channel on which one edge process listens."""
    return f"edge:{edge_id}"

"""Worker processes."""

import socket
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, Seconds, section

MAX_RETRIES = 3
"""There is a retry topic for each of so many further attempts."""
Delays = Annotated[Seconds, Field(max_length=MAX_RETRIES)]


class WorkerSettings(BaseSettings):
    """`JAN_WORKER_*`: what every worker process shares."""

    model_config = section("JAN_WORKER_")

    name: str = Field(default_factory=socket.gethostname)
    max_jobs: int = 512
    """Jobs that one process runs at once."""
    max_attempts: int = 3
    """Tries of one record in a row that may end with an unforeseen exception."""
    max_lost: int = 5
    """Attempts at one job whose worker died; one more is not made: the job itself may be the killer."""
    retry_delays: Delays = (10.0, 60.0, 600.0)
    """Seconds before each further attempt of a patient job, as `10,60,600`; fewer mean fewer attempts."""
    results_ttl: float = 25 * 3_600.0
    """Seconds that the answer of a keyed job is kept, which is longer than its key."""
    max_record: int = 4 * MIB
    """Bytes of a record; a larger one is no job of ours."""
    max_age: float = 86_400.0
    """Seconds after its deadline from which on a job is not even ended but put to the dead letters."""
    lease: float = 10.0
    """Seconds after which the jobs of a worker that renews no more may be taken over."""
    drain_timeout: float = 30.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

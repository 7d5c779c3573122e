"""The relay, as responses use it: how their jobs stand there, and the word that stops them."""

from infra.relay.cancels import cancel_job
from infra.relay.redis import Connections
from infra.relay.standing import Standing, standing_of


class Relaying:
    """Looks, and tells."""

    def __init__(self, client: Connections, retention: int) -> None:
        self._client = client
        self._retention = retention

    async def look(self, job_id: str) -> Standing:
        """What Redis knows of a job. Raises RelayDown."""
        return await standing_of(self._client, job_id)

    async def cancel(self, job_id: str) -> bool:
        """Tell a job to stop; whether it ended at once. Raises RelayDown."""
        return await cancel_job(self._client, job_id, self._retention)

"""Webhooks: where they may go, how long one try takes, and when the next one comes."""

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import Seconds, Words, section

DAY = 86_400.0


class WebhookSettings(BaseSettings):
    """`JAN_WEBHOOKS_*`: the edge and the webhook worker read it."""

    model_config = section("JAN_WEBHOOKS_")

    networks: Words = ()
    """Private networks that webhooks may go to, as `10.1.0.0/16`. By default none."""
    schemes: Words = ("https", "http")
    """What their addresses may begin with; `https` alone refuses plain http."""
    timeout: float = Field(10.0, gt=0)
    """Seconds that one try may take."""
    delays: Seconds = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 72_000.0)
    """Seconds before each further try: ten tries in 72 hours, close to what standardwebhooks.com suggests."""
    per_endpoint: int = Field(4, gt=0)
    """Tries at one endpoint at once, of one worker: a slow one holds up nobody but itself."""
    per_tenant: int = Field(16, gt=0)
    """The same, of all endpoints of one tenant."""
    at_once: int = Field(16, gt=0)
    """Tries that the schedule of one worker makes at once, beside those that are asked for just now."""
    look_seconds: float = Field(5.0, gt=0)
    """Between two looks at what is due, should nobody tell."""
    max_endpoints: int = Field(20, gt=0)
    """Of one tenant."""
    retention: float = Field(30 * DAY, gt=0)
    """Seconds for which a delivery is kept after it was recorded."""

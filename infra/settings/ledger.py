"""The ledger worker."""

from pydantic_settings import BaseSettings

from infra.settings.fields import section


class LedgerSettings(BaseSettings):
    """`JAN_LEDGER_*`: the ledger worker."""

    model_config = section("JAN_LEDGER_")

    gather: float = 0.5
    """Seconds that events wait for company: most of a job's events then cost one row."""
    batch: int = 2_000
    """Most events of one transaction."""
    days: int = 30
    """Days for which a job's row is kept, as long as its events."""

"""Everything that lies under seal. A table with secrets of its own adds its column here."""

from infra.database import Database
from infra.sealing import Sealer
from infra.store import mcp_servers, providers, signing_keys, webhook_endpoints
from infra.store.sealed import Resealed, SealedColumn, reseal_column

COLUMNS: tuple[SealedColumn, ...] = (
    signing_keys.SEALED,
    providers.SEALED,
    mcp_servers.SEALED_SECRETS,
    webhook_endpoints.ENDPOINT_SECRET,
    webhook_endpoints.ENDPOINT_FORMER,
    webhook_endpoints.TENANT_SECRET,
    webhook_endpoints.TENANT_FORMER,
)


async def reseal(database: Database, sealer: Sealer, *, only_plain: bool = False) -> list[Resealed]:
    """Put every secret under the first key; with `only_plain`, those that are under none. All or nothing.

    As often as one likes. Raises SealBroken when one does not open, DatabaseUnavailable.
    """
    async with database.begin() as session:
        return [await reseal_column(session, sealer, column, only_plain=only_plain) for column in COLUMNS]

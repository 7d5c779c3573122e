"""The whole schema: importing it gathers every aggregate's tables."""

from sqlalchemy import MetaData

from infra.store.api_keys import ApiKeyRow
from infra.store.audit import AuditRow
from infra.store.branches import BranchRow
from infra.store.budgets import BudgetRow
from infra.store.catalogs import CatalogRow
from infra.store.completions import StoredCompletionRow
from infra.store.conversations import ConversationRow
from infra.store.denials import DenialRow
from infra.store.file_search import FileChunkRow, FileDocumentRow, FileSearchUsageRow
from infra.store.gone_items import GoneItemRow
from infra.store.idempotency import IdempotencyRow
from infra.store.items import ItemRow
from infra.store.jobs import JobRow, LedgerPosition
from infra.store.mcp_servers import McpServerRow
from infra.store.mcp_tools import McpLimitRow, McpToolRow
from infra.store.media import MediaGarbageRow, MediaRow, MediaUsageRow
from infra.store.projects import ProjectRow
from infra.store.provider_models import ProviderModelRow
from infra.store.providers import ProviderRow
from infra.store.redrives import RedriveRow
from infra.store.refresh_tokens import RefreshToken
from infra.store.response_items import ResponseItemRow
from infra.store.response_steps import OutboxRow, ResponseStepRow
from infra.store.responses import ResponseRow
from infra.store.results import ResultRow
from infra.store.sandbox_sessions import SandboxSessionRow
from infra.store.shares import ShareRow
from infra.store.signing_keys import SigningKeyRow
from infra.store.table import Table
from infra.store.tool_calls import ToolCallRow
from infra.store.usage import UsageRow
from infra.store.users import User
from infra.store.webhook_endpoints import WebhookEndpointRow, WebhookSecretRow
from infra.store.webhooks import WebhookDeliveryRow

TABLES: tuple[type[Table], ...] = (
    *(User, SigningKeyRow, RefreshToken, ApiKeyRow, DenialRow, BudgetRow, AuditRow),
    *(ProviderRow, CatalogRow, ProviderModelRow, ProjectRow, ConversationRow, BranchRow, ItemRow),
    *(GoneItemRow, ShareRow, StoredCompletionRow, MediaRow, MediaUsageRow, MediaGarbageRow),
    *(McpToolRow, McpLimitRow, McpServerRow, ToolCallRow),
    *(FileDocumentRow, FileChunkRow, FileSearchUsageRow),
    *(SandboxSessionRow, ResponseRow, ResponseItemRow, ResponseStepRow, OutboxRow),
    *(WebhookEndpointRow, WebhookSecretRow, WebhookDeliveryRow),
    *(JobRow, LedgerPosition, IdempotencyRow, ResultRow, RedriveRow, UsageRow),
)


def schema() -> MetaData:
    """What the migrations must add up to."""
    return Table.metadata

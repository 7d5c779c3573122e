"""The whole schema: importing it gathers every aggregate's tables."""

from sqlalchemy import MetaData

from infra.store.api_keys import ApiKeyRow
from infra.store.budgets import BudgetRow
from infra.store.denials import DenialRow
from infra.store.idempotency import IdempotencyRow
from infra.store.jobs import JobRow, LedgerPosition
from infra.store.models import ModelRow
from infra.store.redrives import RedriveRow
from infra.store.refresh_tokens import RefreshToken
from infra.store.results import ResultRow
from infra.store.signing_keys import SigningKeyRow
from infra.store.table import Table
from infra.store.usage import UsageRow
from infra.store.users import User

TABLES: tuple[type[Table], ...] = (
    *(User, SigningKeyRow, RefreshToken, ApiKeyRow, DenialRow, BudgetRow, ModelRow),
    *(JobRow, LedgerPosition, IdempotencyRow, ResultRow, RedriveRow, UsageRow),
)


def schema() -> MetaData:
    """What the migrations must add up to."""
    return Table.metadata

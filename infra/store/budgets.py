"""Budgets: how much a tenant, or one of its API keys, may use in a period."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, UniqueConstraint
from sqlmodel import Field

from contracts.ids import JOB_ID_LENGTH
from infra.store.table import Table


class Unit(StrEnum):
    """What is counted."""

    TOKENS = "tokens"
    MICRO_USD = "micro_usd"
    """Millionths of a US dollar."""


class Period(StrEnum):
    """When counting begins again, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class BudgetRow(Table, table=True):
    """One budget. Several may hold for one request; it must fit into each."""

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("tenant", "key_id", "unit", "period", postgresql_nulls_not_distinct=True),
    )

    budget_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128, index=True)
    key_id: str | None = Field(
        default=None, foreign_key="api_keys.key_id", ondelete="CASCADE", max_length=JOB_ID_LENGTH
    )
    """None for the whole tenant."""
    unit: str = Field(max_length=16)
    period: str = Field(max_length=16)
    amount: int = Field(sa_type=BigInteger, ge=0)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))

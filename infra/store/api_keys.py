"""API keys: a user's long-lived credentials, known by their keyed hashes only."""

from datetime import datetime

from sqlalchemy import DateTime, Index
from sqlmodel import Field

from contracts.ids import JOB_ID_LENGTH
from infra.store.refresh_tokens import HASH_LENGTH
from infra.store.table import Table


class ApiKeyRow(Table, table=True):
    """One API key."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_user_id", "user_id", "key_id"),)

    key_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    user_id: str = Field(foreign_key="users.user_id", ondelete="CASCADE", max_length=JOB_ID_LENGTH)
    name: str = Field(max_length=128)
    key_hash: str = Field(max_length=HASH_LENGTH, unique=True, repr=False)
    prefix: str = Field(max_length=16)
    last4: str = Field(max_length=4)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    """To the minute or so: it is noted in the background."""

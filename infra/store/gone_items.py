"""The places of items that were deleted: a list that had come to one goes on behind it."""

from sqlalchemy import BigInteger
from sqlmodel import Field

from infra.store.conversations import ConversationRow
from infra.store.table import Table


class GoneItemRow(Table, table=True):
    """Where an item was. Of what it said, nothing is left."""

    __tablename__ = "conversation_gone_items"

    conversation_id: str = Field(
        primary_key=True,
        foreign_key=f"{ConversationRow.__tablename__}.conversation_id",
        ondelete="CASCADE",
        max_length=64,
    )
    item_id: str = Field(primary_key=True, max_length=64)
    branch: str = Field(max_length=64)
    seq: int = Field(sa_type=BigInteger)

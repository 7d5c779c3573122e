"""Lists of conversations that were begun in one place are ranges of an index, too."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_conversations_tenant_referrer",
        "conversations",
        ["tenant", "referrer", "conversation_id"],
        postgresql_where=sa.text("referrer IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_conversations_tenant_referrer", "conversations")

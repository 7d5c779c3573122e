"""Dead letters that went back to their topics."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redrives",
        sa.Column("topic", sa.String(249), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(256), nullable=False),
        sa.Column("redrive", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name="pk_redrives"),
    )


def downgrade() -> None:
    op.drop_table("redrives")

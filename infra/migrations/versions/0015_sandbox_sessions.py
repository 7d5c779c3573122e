"""Who works with the files of a sandbox session, and when they go."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_sessions",
        sa.Column("object_key", sa.String(256), nullable=False),
        sa.Column("holder", sa.String(26), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("has_files", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("object_key", name="pk_sandbox_sessions"),
    )
    op.create_index("ix_sandbox_sessions_expires_at", "sandbox_sessions", ["expires_at"])


def downgrade() -> None:
    op.drop_table("sandbox_sessions")

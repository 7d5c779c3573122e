"""Media, how much of the store each tenant takes, and the objects that are to go."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("media_id", sa.String(32), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("object_key", sa.String(256), nullable=False),
        sa.Column("mime", sa.String(64), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("filename", sa.String(256), nullable=True),
        sa.Column("is_own_upload", sa.Boolean(), nullable=False),
        sa.Column("same_as", sa.String(32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("media_id", name="pk_media"),
    )
    op.create_index("ix_media_tenant_media_id", "media", ["tenant", "media_id"])
    op.create_index("ix_media_tenant_sha256", "media", ["tenant", "sha256"])
    op.create_index("ix_media_object_key", "media", ["object_key"])
    op.create_index("ix_media_expires_at", "media", ["expires_at"])
    op.create_table(
        "media_usage",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_media_usage"),
    )
    op.create_table(
        "media_garbage",
        sa.Column("object_key", sa.String(256), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("object_key", name="pk_media_garbage"),
    )
    op.add_column(
        "providers", sa.Column("media", sa.String(16), nullable=False, server_default=sa.text("'inline'"))
    )
    op.alter_column("providers", "media", server_default=None)


def downgrade() -> None:
    op.drop_column("providers", "media")
    op.drop_table("media_garbage")
    op.drop_table("media_usage")
    op.drop_table("media")

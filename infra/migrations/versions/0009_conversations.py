"""Projects, conversations with their branches, items and shares, and stored completions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_projects()
    _create_stored_completions()
    _create_conversations()
    _create_conversation_branches()
    _create_conversation_items()
    _create_conversation_shares()


def downgrade() -> None:
    for table in (
        "stored_completions",
        "conversation_shares",
        "conversation_items",
        "conversation_branches",
        "conversations",
        "projects",
    ):
        op.drop_table(table)


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("instruction", sa.String()),
        sa.Column("is_favorite", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_projects"),
    )
    op.create_index("ix_projects_tenant_project_id", "projects", ["tenant", "project_id"])
    op.create_index(
        "uq_projects_name",
        "projects",
        ["tenant", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _create_stored_completions() -> None:
    op.create_table(
        "stored_completions",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("completion", JSONB(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_stored_completions"),
    )
    op.create_index("ix_stored_completions_expires_at", "stored_completions", ["expires_at"])
    op.create_index("ix_stored_completions_tenant_job_id", "stored_completions", ["tenant", "job_id"])


def _create_conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("title", sa.String(256)),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("project_id", sa.String(64)),
        sa.Column("referrer", sa.String(64)),
        sa.Column("active_branch", sa.String(64), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.project_id"], name="fk_conversations_project_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_tenant_conversation_id", "conversations", ["tenant", "conversation_id"])
    op.create_index(
        "ix_conversations_tenant_project_id", "conversations", ["tenant", "project_id", "conversation_id"]
    )


def _create_conversation_branches() -> None:
    op.create_table(
        "conversation_branches",
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("forked_after", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.String(512)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.conversation_id"],
            name="fk_conversation_branches_conversation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", "name", name="pk_conversation_branches"),
    )


def _create_conversation_items() -> None:
    op.create_table(
        "conversation_items",
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32)),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("call_id", sa.String(256)),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("model", sa.String(256)),
        sa.Column("job_id", sa.String(26)),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.conversation_id"],
            name="fk_conversation_items_conversation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("item_id", name="pk_conversation_items"),
        sa.UniqueConstraint(
            "conversation_id", "branch", "seq", name="uq_conversation_items_conversation_id_branch_seq"
        ),
    )
    op.create_index(
        "ix_conversation_items_call_id",
        "conversation_items",
        ["conversation_id", "call_id"],
        postgresql_where=sa.text("call_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversation_items_job_id",
        "conversation_items",
        ["job_id"],
        postgresql_where=sa.text("job_id IS NOT NULL"),
    )


def _create_conversation_shares() -> None:
    op.create_table(
        "conversation_shares",
        sa.Column("share_id", sa.String(64), nullable=False),
        sa.Column("slug", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("item_id", sa.String(64)),
        sa.Column("title", sa.String(256), nullable=False),
        sa.Column("snapshot", JSONB(), nullable=False),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("view_count", sa.BigInteger(), nullable=False),
        sa.Column("last_viewed_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.conversation_id"],
            name="fk_conversation_shares_conversation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("share_id", name="pk_conversation_shares"),
        sa.UniqueConstraint("slug", name="uq_conversation_shares_slug"),
    )
    op.create_index("ix_conversation_shares_conversation_id", "conversation_shares", ["conversation_id"])
    op.create_index("ix_conversation_shares_tenant", "conversation_shares", ["tenant"])

"""Tools, their limits, the servers that they come from, and their calls."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mcp_tools",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("server", sa.String(64), nullable=False),
        sa.Column("spec", JSONB(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("category", sa.String(64), nullable=True),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("disallowed", JSONB(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("off_reason", sa.String(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_mcp_tools"),
    )
    op.create_index("ix_mcp_tools_server", "mcp_tools", ["server"])
    op.create_table(
        "mcp_limits",
        sa.Column("tool", sa.String(128), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("tool", "tenant", name="pk_mcp_limits"),
    )
    op.create_table(
        "mcp_servers",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("transport", sa.String(16), nullable=False),
        sa.Column("url", sa.String(2048), nullable=True),
        sa.Column("command", JSONB(), nullable=False),
        sa.Column("sealed_secrets", sa.String(), nullable=True),
        sa.Column("secret_names", JSONB(), nullable=False),
        sa.Column("allowed_tools", JSONB(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_trusted", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sync_error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_mcp_servers"),
    )
    op.create_index("ix_mcp_servers_sync_due_at", "mcp_servers", ["sync_due_at"])
    op.create_table(
        "tool_calls",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("tool", sa.String(128), nullable=False),
        sa.Column("response_id", sa.String(64), nullable=True),
        sa.Column("call_id", sa.String(128), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("arguments", JSONB(), nullable=True),
        sa.Column("result", JSONB(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name="pk_tool_calls"),
    )
    op.create_index("ix_tool_calls_tenant_job_id", "tool_calls", ["tenant", "job_id"])
    op.create_index("ix_tool_calls_tool_job_id", "tool_calls", ["tool", "job_id"])
    op.create_index("ix_tool_calls_response_id", "tool_calls", ["response_id"])
    op.create_index("ix_tool_calls_started_at", "tool_calls", ["started_at"])


def downgrade() -> None:
    for table in ("tool_calls", "mcp_servers", "mcp_limits", "mcp_tools"):
        op.drop_table(table)

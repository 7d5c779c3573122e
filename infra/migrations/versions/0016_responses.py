"""Responses, their items and steps, and what their steps send out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "responses",
        sa.Column("response_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("previous_response_id", sa.String(64), nullable=True),
        sa.Column("conversation_id", sa.String(64), nullable=True),
        sa.Column("branch", sa.String(64), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("is_stored", sa.Boolean(), nullable=False),
        sa.Column("is_background", sa.Boolean(), nullable=False),
        sa.Column("is_streamed", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("envelope", JSONB(), nullable=False),
        sa.Column("trace", JSONB(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("outputs", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("usage", JSONB(), nullable=True),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("incomplete_reason", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("response_id", name="pk_responses"),
    )
    op.create_index("ix_responses_tenant_response_id", "responses", ["tenant", "response_id"])
    op.create_index(
        "ix_responses_due_at", "responses", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("ix_responses_expires_at", "responses", ["expires_at"])
    op.create_table(
        "response_items",
        sa.Column("response_id", sa.String(64), nullable=False),
        sa.Column("is_output", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(256), nullable=False),
        sa.Column("item", JSONB(), nullable=False),
        sa.Column("said", JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("response_id", "is_output", "position", name="pk_response_items"),
        sa.ForeignKeyConstraint(
            ["response_id"],
            ["responses.response_id"],
            name="fk_response_items_response_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_response_items_item_id", "response_items", ["item_id"])
    op.create_table(
        "response_steps",
        sa.Column("response_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("about", JSONB(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("outcome", JSONB(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("response_id", "number", name="pk_response_steps"),
        sa.ForeignKeyConstraint(
            ["response_id"],
            ["responses.response_id"],
            name="fk_response_steps_response_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_response_steps_job_id", "response_steps", ["job_id"])
    op.create_table(
        "response_outbox",
        sa.Column("number", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("response_id", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(128), nullable=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_response_outbox"),
        sa.ForeignKeyConstraint(
            ["response_id"],
            ["responses.response_id"],
            name="fk_response_outbox_response_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_response_outbox_response_id", "response_outbox", ["response_id", "number"])


def downgrade() -> None:
    for table in ("response_outbox", "response_steps", "response_items", "responses"):
        op.drop_table(table)

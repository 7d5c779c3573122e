"""The ledger: jobs, how far their events are folded, and what was used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

USAGE = """
CREATE VIEW usage AS
SELECT job_id, tenant, user_id, kind, model, ended_at, input_tokens, output_tokens, cached_tokens,
       reasoning_tokens, usage_estimated AS estimated
FROM jobs WHERE input_tokens IS NOT NULL
"""


def upgrade() -> None:
    _create_jobs()
    op.create_index("ix_jobs_queue", "jobs", ["lane", "job_id"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("ix_jobs_tenant_job_id", "jobs", ["tenant", "job_id"])
    op.create_table(
        "ledger_positions",
        sa.Column("topic", sa.String(249), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_ledger_positions"),
    )
    op.execute(USAGE)


def downgrade() -> None:
    op.execute("DROP VIEW usage")
    op.drop_table("ledger_positions")
    op.drop_table("jobs")


def _create_jobs() -> None:
    texts = (("user_id", 128), ("kind", 32), ("lane", 32), ("model", 256), ("request_id", 128))
    moments = ("accepted_at", "deadline", "claimed_at", "first_frame_at", "postponed_until", "ended_at")
    counts = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        *(sa.Column(name, sa.String(length)) for name, length in texts),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("redrives", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(256)),
        *(sa.Column(name, sa.DateTime(timezone=True)) for name in moments),
        sa.Column("finish_reason", sa.String(256)),
        *(sa.Column(name, sa.BigInteger()) for name in counts),
        sa.Column("usage_estimated", sa.Boolean()),
        sa.Column("error", JSONB()),
        sa.Column("timeline", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_jobs"),
    )

"""Usage by tenant, API key and day; which key asked for a job, and what the job cost."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KNOWN_USAGE = """
INSERT INTO daily_usage (tenant, key_id, day, input_tokens, output_tokens, micro_usd, changes)
SELECT tenant, '', (ended_at AT TIME ZONE 'UTC')::date, sum(input_tokens), sum(coalesce(output_tokens, 0)), 0,
  count(*)
FROM jobs WHERE ended_at IS NOT NULL AND input_tokens IS NOT NULL GROUP BY 1, 3
"""


def upgrade() -> None:
    op.add_column("jobs", sa.Column("key_id", sa.String(26)))
    op.add_column("jobs", sa.Column("micro_usd", sa.BigInteger()))
    op.create_table(
        "daily_usage",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("key_id", sa.String(26), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key_id", "day", name="pk_daily_usage"),
    )
    op.execute(KNOWN_USAGE)


def downgrade() -> None:
    op.drop_table("daily_usage")
    op.drop_column("jobs", "micro_usd")
    op.drop_column("jobs", "key_id")

"""Registered users, API keys, denials and budgets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

USER_COLUMNS = ("email", "email_verified", "name", "issuer", "subject", "tier", "settings", "version")


def upgrade() -> None:
    _widen_users()
    _create_api_keys()
    op.create_table(
        "denials",
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_denials"),
    )
    op.create_index("ix_denials_until", "denials", ["until"])
    _create_budgets()


def downgrade() -> None:
    op.drop_table("budgets")
    op.drop_table("denials")
    op.drop_table("api_keys")
    op.drop_index("uq_users_verified_email", "users")
    op.drop_constraint("uq_users_issuer_subject", "users")
    for column in (*USER_COLUMNS, "updated_at", "deactivated_at"):
        op.drop_column("users", column)


def _widen_users() -> None:
    op.add_column("users", sa.Column("email", sa.String(320)))
    op.add_column(
        "users", sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("users", sa.Column("name", sa.String(256)))
    op.add_column("users", sa.Column("issuer", sa.String(512)))
    op.add_column("users", sa.Column("subject", sa.String(256)))
    op.add_column("users", sa.Column("tier", sa.String(32)))
    op.add_column(
        "users",
        sa.Column("settings", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")),
    )
    op.add_column("users", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column(
        "users",
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.add_column("users", sa.Column("deactivated_at", sa.DateTime(timezone=True)))
    op.create_unique_constraint("uq_users_issuer_subject", "users", ["issuer", "subject"])
    op.create_index(
        "uq_users_verified_email",
        "users",
        [sa.text("lower(email)")],
        unique=True,
        postgresql_where=sa.text("email_verified"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("last4", sa.String(4), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name="fk_api_keys_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id", "key_id"])


def _create_budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("budget_id", sa.String(26), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("key_id", sa.String(26)),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", name="pk_budgets"),
        sa.UniqueConstraint(
            "tenant", "key_id", "unit", "period",
            name="uq_budgets_tenant_key_id_unit_period",
            postgresql_nulls_not_distinct=True,
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.key_id"], name="fk_budgets_key_id", ondelete="CASCADE"
        ),
    )  # fmt: skip
    op.create_index("ix_budgets_tenant", "budgets", ["tenant"])

"""Providers, catalogs, what providers offer, and the audit log; what a job cost, and who answered it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_audit_log()
    _create_model_catalogs()
    _create_providers()
    _create_provider_models()
    op.drop_table("models")
    op.add_column("jobs", sa.Column("is_cost_told", sa.Boolean()))
    op.add_column("jobs", sa.Column("provider", sa.String(256)))


def downgrade() -> None:
    op.drop_column("jobs", "provider")
    op.drop_column("jobs", "is_cost_told")
    op.create_table(
        "models",
        sa.Column("provider", sa.String(128), nullable=False),
        sa.Column("model_id", sa.String(256), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("owned_by", sa.String(256), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "model_id", name="pk_models"),
    )
    for table in ("provider_models", "providers", "model_catalogs", "audit_log"):
        op.drop_table(table)


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sa.String(26), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.String(26)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_type", sa.String(32), nullable=False),
        sa.Column("target_id", sa.String(256), nullable=False),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_target", "audit_log", ["target_type", "target_id"])


def _create_model_catalogs() -> None:
    op.create_table(
        "model_catalogs",
        sa.Column("catalog_id", sa.String(256), nullable=False),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("family", sa.String(128)),
        sa.Column("context_length", sa.Integer()),
        sa.Column("max_completion_tokens", sa.Integer()),
        sa.Column("supports_images", sa.Boolean()),
        sa.Column("supports_tools", sa.Boolean()),
        sa.Column("supports_embeddings", sa.Boolean()),
        sa.Column("supports_reasoning", sa.Boolean()),
        sa.Column("supports_audio", sa.Boolean()),
        sa.Column("supports_video", sa.Boolean()),
        sa.Column("architecture", JSONB(), nullable=False),
        sa.Column("supported_parameters", JSONB(), nullable=False),
        sa.Column("tags", JSONB(), nullable=False),
        sa.Column("notes", sa.String()),
        sa.Column("is_moderated", sa.Boolean()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("extras", JSONB(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("edited", JSONB(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("catalog_id", name="pk_model_catalogs"),
    )


def _create_providers() -> None:
    op.create_table(
        "providers",
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("vendor", sa.String(64), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("auth", sa.String(16), nullable=False),
        sa.Column("endpoints", JSONB(), nullable=False),
        sa.Column("sealed_key", sa.String()),
        sa.Column("key_hint", sa.String(8)),
        sa.Column("models", JSONB(), nullable=False),
        sa.Column("prefill", sa.String(16), nullable=False),
        sa.Column("tokenizer", sa.String(16), nullable=False),
        sa.Column("limits", JSONB(), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("enables_models", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_trusted", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True)),
        sa.Column("sync_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sync_error", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name="pk_providers"),
        sa.UniqueConstraint("name", name="uq_providers_name"),
    )
    op.create_index("ix_providers_sync_due_at", "providers", ["sync_due_at"])


def _create_provider_models() -> None:
    op.create_table(
        "provider_models",
        sa.Column("provider_model_id", sa.String(64), nullable=False),
        sa.Column("provider_id", sa.String(64), nullable=False),
        sa.Column("catalog_id", sa.String(256), nullable=False),
        sa.Column("original_id", sa.String(256), nullable=False),
        sa.Column("display_name", sa.String(256), nullable=False),
        sa.Column("owned_by", sa.String(256), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("input_price", sa.BigInteger()),
        sa.Column("cached_price", sa.BigInteger()),
        sa.Column("output_price", sa.BigInteger()),
        sa.Column("context_length", sa.Integer()),
        sa.Column("max_completion_tokens", sa.Integer()),
        sa.Column("family", sa.String(128)),
        sa.Column("supports_images", sa.Boolean()),
        sa.Column("supports_tools", sa.Boolean()),
        sa.Column("supports_embeddings", sa.Boolean()),
        sa.Column("supports_reasoning", sa.Boolean()),
        sa.Column("supports_audio", sa.Boolean()),
        sa.Column("supports_video", sa.Boolean()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("edited", JSONB(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalog_id"], ["model_catalogs.catalog_id"], name="fk_provider_models_catalog_id"
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.provider_id"],
            name="fk_provider_models_provider_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("provider_model_id", name="pk_provider_models"),
        sa.UniqueConstraint("provider_id", "original_id", name="uq_provider_models_provider_id_original_id"),
    )
    op.create_index("ix_provider_models_catalog_id", "provider_models", ["catalog_id"])

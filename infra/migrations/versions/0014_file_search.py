"""Documents that are searched, their passages, and how many of them a tenant has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.schema import CreateSequence, DropSequence

from infra.store.vectors import Vector

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

DIMENSIONS = (256, 384, 512, 768, 1_024, 1_536)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")  # a tenant's words in one index
    op.execute(CreateSequence(sa.Sequence("file_search_calls")))
    op.create_table(
        "file_documents",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("document_id", sa.String(256), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("metadata", JSONB(), nullable=False),
        sa.Column("tags", ARRAY(sa.String()), nullable=False),
        sa.Column("embedding_model", sa.String(256), nullable=True),
        sa.Column("dimensions", sa.Integer(), nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.BigInteger(), nullable=False),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "document_id", name="pk_file_documents"),
    )
    op.create_table(
        "file_chunks",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("document_id", sa.String(256), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.Column("embedding_model", sa.String(256), nullable=True),
        sa.Column("dimensions", sa.Integer(), nullable=True),
        sa.Column("embedding", Vector(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "document_id"],
            ["file_documents.tenant", "file_documents.document_id"],
            name="fk_file_chunks_document",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "document_id", "number", name="pk_file_chunks"),
    )
    op.create_index(
        "ix_file_chunks_words",
        "file_chunks",
        ["tenant", "words"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    for size in DIMENSIONS:
        op.create_index(
            f"ix_file_chunks_embedding_{size}",
            "file_chunks",
            [sa.text(f"CAST(embedding AS vector({size})) vector_cosine_ops")],
            postgresql_using="hnsw",
            postgresql_where=sa.text(f"dimensions = {size}"),
        )
    op.create_table(
        "file_search_usage",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_file_search_usage"),
    )


def downgrade() -> None:
    for table in ("file_search_usage", "file_chunks", "file_documents"):
        op.drop_table(table)
    op.execute(DropSequence(sa.Sequence("file_search_calls")))

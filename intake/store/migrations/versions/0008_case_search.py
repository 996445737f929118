"""The index for full-text search over cases; it is filled by the first search."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """FTS5 on SQLite, a tsvector on PostgreSQL."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS case_search USING fts5("
            'number UNINDEXED, body, tokenize = "unicode61 remove_diacritics 2")'
        )
        return
    op.execute(
        "CREATE TABLE IF NOT EXISTS case_search (number text PRIMARY KEY, body tsvector NOT NULL)"
    )
    op.execute("CREATE INDEX IF NOT EXISTS ix_case_search_body ON case_search USING gin (body)")


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

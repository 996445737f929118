"""Contacts have a language: the chosen one, and those that their mails showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import AutoString

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing was chosen, and no mail has shown a language yet."""
    known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("contacts")}
    if "language" not in known:
        chosen: sa.Column[str] = sa.Column(
            "language", AutoString(), nullable=False, server_default=""
        )
        op.add_column("contacts", chosen)
    if "wrote_in" not in known:
        document = sa.JSON().with_variant(JSONB(), "postgresql")
        counts = sa.Column("wrote_in", document, nullable=False, server_default="{}")
        op.add_column("contacts", counts)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

"""A case that was merged into another one: replies to it go on there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty: it was not merged."""
    known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("cases")}
    if "merged_into" not in known:
        column: sa.Column[str] = sa.Column(
            "merged_into", AutoString(), nullable=False, server_default=""
        )
        op.add_column("cases", column)
    op.create_index("ix_cases_merged_into", "cases", ["merged_into"], if_not_exists=True)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

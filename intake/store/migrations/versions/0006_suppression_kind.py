"""Why an address gets fewer letters is a column: nothing reads the reason's text any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SUPPRESSIONS = sa.table("suppressions", *map(sa.column, ("kind", "reason")))


def upgrade() -> None:
    """Until now the reason began with the word."""
    with op.batch_alter_table("suppressions") as table:
        table.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="loop"))
    bounced = SUPPRESSIONS.c.reason.like("bounced%")
    op.execute(SUPPRESSIONS.update().where(bounced).values(kind="bounced"))
    with op.batch_alter_table("suppressions") as table:
        table.alter_column("kind", server_default=None)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

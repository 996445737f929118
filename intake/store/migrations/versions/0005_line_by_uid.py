"""A mailbox's line goes by UID: dates count only for what lay there on connecting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty where it is not known yet: the next pass draws it."""
    op.add_column("mailboxes", sa.Column("dated_below", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

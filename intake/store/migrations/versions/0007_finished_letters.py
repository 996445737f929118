"""Letters by the moment at which they were finished: whether the relay refused the last ones."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more index."""
    op.create_index("ix_outbox_finished_at", "outbox", ["finished_at"], if_not_exists=True)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

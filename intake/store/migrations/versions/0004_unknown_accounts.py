"""Cases that were put under the first of their writer's accounts while that was still asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


CASES = sa.table("cases", *map(sa.column, ("number", "account_id", "created_at")))
FORMS = sa.table("pending_forms", *map(sa.column, ("case_number", "state", "asked")))
ACCOUNTS = sa.table(
    "accounts",
    *map(sa.column, ("id", "name", "active", "timezone", "date_order", "created_at", "updated_at")),
)


def upgrade() -> None:
    """They have no account until their writer answers: see ``NOBODY`` in the tables."""
    asked = sa.select(FORMS.c.case_number).where(
        FORMS.c.state == "open", sa.cast(FORMS.c.asked, sa.Text).like('%"account"%')
    )
    concerned = CASES.c.number.in_(asked)
    first = sa.func.min(CASES.c.created_at)
    nobody = sa.select(
        sa.literal(""), sa.literal(""), sa.false(), sa.literal(""), sa.literal(""), first, first
    )
    nobody = nobody.where(concerned).having(sa.func.count() > 0)
    op.execute(ACCOUNTS.insert().from_select(ACCOUNTS.c.keys(), nobody))
    op.execute(CASES.update().where(concerned).values(account_id=""))


def downgrade() -> None:
    """Not offered: which account stood there is not known any more."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")

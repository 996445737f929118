"""Alembic's environment: it works on the connection that ``store.schema`` hands over."""

from __future__ import annotations

from alembic import context

import intake.store.tables.incidents  # noqa: F401 - its tables belong to the schema too
from intake.store.tables.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction is the one around everything
    compare_type=True,
)
context.run_migrations()

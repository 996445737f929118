"""Alembic's environment; it uses the connection that ``store.migrate`` passes to it."""

from __future__ import annotations

from alembic import context

import intake.store.tables.handover
import intake.store.tables.incidents  # noqa: F401 - its tables belong to the schema too
from intake.store.tables.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction encloses everything
    compare_type=True,
)
context.run_migrations()

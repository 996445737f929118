"""Upgrades the schema with the migrations in the package, and checks it at every start."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from intake.store.engine import StoreError, reading, writing

HEAD = "0014"  # the newest migration; a test compares it with the scripts


def upgrade(engine: Engine) -> None:
    """Creates or upgrades every table, in one transaction. Raises StoreError."""
    from alembic import command  # slow to import, and needed only once

    with writing(engine) as session:
        found = _revision(session.connection())
        if found and found > HEAD:
            raise _newer(found)
        config = alembic_config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")


def alembic_config() -> Any:
    """Alembic's settings, without a settings file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "intake.store:migrations")
    return config


def check(engine: Engine) -> None:
    """Raises StoreError unless the database has exactly this program's schema."""
    with reading(engine) as session:
        found = _revision(session.connection())
    if not found:
        raise StoreError("schema", f"database {_name(engine)} is empty; run `intake init` first")
    if found > HEAD:
        raise _newer(found)
    if found < HEAD:
        raise StoreError(
            "schema",
            f"database {_name(engine)} has schema {found}, this program needs {HEAD}; "
            "make a copy of it and run `intake init`",
        )


def is_there(engine: Engine) -> bool:
    """Whether a database with this program's schema can be read."""
    try:
        check(engine)
    except StoreError as error:
        if error.kind in ("schema", "connect", "corrupt"):
            return False
        raise
    return True


def _revision(connection: Connection) -> str:
    """The revision in force; empty when there is none. Needs no alembic."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")


def _newer(found: str) -> StoreError:
    return StoreError(
        "schema",
        f"the database was written by a newer intake (schema {found}, this program knows {HEAD}); "
        "nothing was changed: start the newer program",
    )


def _name(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)

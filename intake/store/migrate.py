"""Upgrades the schema with the migrations in the package, and checks it at every start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect, text

from intake.store.engine import StoreError, reading, writing

HEAD = "0015"  # the newest migration; a test compares it with the scripts


def upgrade(engine: Engine) -> None:
    """Creates or upgrades every table, in one transaction. Raises StoreError."""
    from alembic import command  # slow to import, and needed only once

    with _tables_may_be_rebuilt(engine), writing(engine, limit=False) as session:
        found = _revision(session.connection())
        if found and found > HEAD:
            raise newer(found)
        config = alembic_config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
        _verify_references(session.connection())


@contextmanager
def _tables_may_be_rebuilt(engine: Engine) -> Iterator[None]:
    """SQLite: no enforcement of foreign keys, because a changed table is dropped and made anew.

    SQLite can switch this only between transactions (sqlite.org/lang_altertable.html, section 7).
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    pairs = [("checkout", _switching("OFF")), ("checkin", _switching("ON"))]
    for name, switch in pairs:
        event.listen(engine, name, switch)
    try:
        yield
    finally:
        for name, switch in pairs:
            event.remove(engine, name, switch)


def _switching(state: str) -> Callable[..., None]:
    def switch(connection: Any, *_: object) -> None:
        if connection is not None:  # it was closed after an error
            connection.execute(f"PRAGMA foreign_keys={state}")

    return switch


def _verify_references(connection: Connection) -> None:
    """SQLite: no row may name another that is not there. Raises StoreError."""
    if connection.dialect.name != "sqlite":
        return
    wrong = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if wrong:
        tables = ", ".join(sorted({f"{row[0]} -> {row[2]}" for row in wrong}))
        raise StoreError("corrupt", f"{len(wrong)} rows name others that are not there: {tables}")


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
        raise newer(found)
    if found < HEAD:
        raise StoreError(
            "schema",
            f"database {_name(engine)} has schema {found}, this program needs {HEAD}; "
            "run `intake upgrade`",
        )


def revision(engine: Engine) -> str:
    """The schema of the database; empty if there is none. Raises StoreError."""
    with reading(engine) as session:
        return _revision(session.connection())


def changes_since(found: str) -> list[str]:
    """What each migration after that one does, in a sentence, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions(found, "head")
    newer = [one for one in scripts if one.revision > found]
    return [f"{one.revision}: {(one.doc or '').strip()}" for one in newer[::-1]]


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


def newer(found: str) -> StoreError:
    """The refusal of a database that a newer program has upgraded."""
    return StoreError(
        "schema",
        f"the database was written by a newer intake (schema {found}, this program knows {HEAD}); "
        "nothing was changed: start the newer program",
    )


def _name(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)

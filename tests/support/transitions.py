"""A watch over every change of state: a database in which a change that is not allowed fails.

``intake.model.states.BECOMES`` says which state may follow which. The databases of the tests get a
trigger for each column, so that whatever the tests make the program do is held against it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from intake.config.loader import Config
from intake.model.states import BECOMES


def watch(database: Path) -> None:
    """Puts the triggers into the database."""
    connection = sqlite3.connect(database)
    try:
        for place, changes in BECOMES.items():
            connection.executescript(trigger(place, changes))
    finally:
        connection.close()


def trigger(place: str, changes: object) -> str:
    """The statement that refuses every other change of that column."""
    table, _, column = place.partition(".")
    assert isinstance(changes, dict)
    pairs = ", ".join(
        f"('{before.value}', '{after.value}')" for before, ends in changes.items() for after in ends
    )
    return f"""
        CREATE TRIGGER watch_{table} BEFORE UPDATE OF {column} ON {table}
        WHEN NEW.{column} <> OLD.{column} AND (OLD.{column}, NEW.{column}) NOT IN (VALUES {pairs})
        BEGIN SELECT RAISE(ABORT, 'a change of {place} that BECOMES does not know'); END;
    """


def unwatch(config: Config) -> None:
    """Takes them away, for a test that sets a state by hand."""
    connection = sqlite3.connect(config.folder / "var/intake.db")
    try:
        for place in BECOMES:
            connection.execute(f"DROP TRIGGER IF EXISTS watch_{place.partition('.')[0]}")
        connection.commit()
    finally:
        connection.close()

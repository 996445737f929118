"""Compiled SQL statements that all engines of a test process share.

An engine compiles each statement once. A worker has one engine for all its time, but a test opens
one for every pass and command, and would spend a third of its time on the same statements again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine

_KEPT: dict[Any, Any] = {}


class Statements:
    """What SQLAlchemy asks of a cache; a statement is found whichever engine compiled it."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the compiled statement, if there is one."""
        return _KEPT.get(_without_engine(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        _KEPT[_without_engine(key)] = compiled


def _without_engine(key: Any) -> Any:
    """Return the key with the kind of database instead of the dialect of one engine."""
    dialect, *rest = key
    return (dialect.name, dialect.driver, *rest)


def sharing(*args: Any, **settings: Any) -> Engine:
    """Make an engine as ``create_engine`` does, with the shared statements."""
    return create_engine(*args, execution_options={"compiled_cache": Statements()}, **settings)

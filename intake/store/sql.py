"""Helpers for queries: ids of stored rows, and text that both databases can store."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, Text, func, inspect, literal
from sqlalchemy import cast as cast_type
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import SQLModel, col

Row = dict[str, Any]  # a row as JSON, which commands print: texts, numbers, lists and objects
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that both databases can store: without NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def clean_all(value: object) -> Any:
    """The same for every text in lists and mappings, however deep; lists come of tuples."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_all(one) for key, one in value.items()}
    return [clean_all(one) for one in value] if isinstance(value, (list, tuple)) else value


def upsert(session: Session, table: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT into the table that may say what happens ON CONFLICT, for the database in use."""
    return (
        sqlite.insert(table_of(table))
        if session.get_bind().dialect.name == "sqlite"
        else postgresql.insert(table_of(table))
    )


def table_of(table: type[SQLModel]) -> Table:
    """The table of a row type, for statements without objects."""
    return cast("Table", inspect(table).local_table)


def stored_id(column: int | None) -> Mapped[int]:
    """The id column in a query, typed as int: a stored row always has an id."""
    return cast("Mapped[int]", col(column))


def listed(session: Session, values: Sequence[str]) -> ColumnElement[str]:
    """The column of a table with those texts, one a row; it is one parameter, however many."""
    data = json.dumps(list(values))
    if session.get_bind().dialect.name == "sqlite":
        return func.json_each(data).table_valued("value").c.value
    array = cast_type(literal(data, Text), postgresql.JSON)
    return func.json_array_elements_text(array).table_valued("value").c.value


def unindexed(column: Any) -> ColumnElement[Any]:
    """A column in a condition for which no index is used; it is never NULL.

    A planner takes the index of a column such as the status, which half of all rows match, if
    another condition of the query looks no better to it: without statistics it cannot know, and
    with them it hopes to find the first row soon.
    """
    return func.coalesce(col(column), col(column))


def rows_of(done: Any) -> int:
    """How many rows an UPDATE or DELETE has changed."""
    return int(done.rowcount)

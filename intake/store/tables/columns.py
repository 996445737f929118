"""What all tables share: the base class, constraint names, id and JSON columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    MetaData,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(SQLModel):
    """Sets the naming convention that both databases and alembic need."""

    metadata = MetaData(naming_convention=NAMING)
    model_config = {"defer_build": True}  # rows are not validated; imports are quicker


def id_column() -> Any:
    """An integer key that both SQLite and PostgreSQL assign automatically."""
    return Column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def json_column() -> Any:
    """A JSON document; assign a new one, because a change inside it is not detected."""
    return Column(JSON().with_variant(JSONB(), "postgresql"), nullable=False)


def _text() -> Any:
    return Column(Text, nullable=False)

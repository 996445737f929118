"""Conditions on the state of letters, written so that the indexes of few rows are used."""

from __future__ import annotations

from sqlalchemy import literal_column
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.states import LetterState
from intake.store.tables.outbox import OutboxRow


def is_due() -> ColumnElement[bool]:
    """Letters that wait to be sent; ``ix_outbox_due`` holds them alone."""
    return _has(LetterState.DUE)


def is_claimed() -> ColumnElement[bool]:
    """Letters that a worker has in hand; ``ix_outbox_claimed`` holds them alone."""
    return _has(LetterState.CLAIMED)


def is_refusal() -> ColumnElement[bool]:
    """Letters that refuse a mail; ``ix_outbox_refusals`` holds them alone."""
    return col(OutboxRow.kind) == literal_column("'refusal'")


def _has(state: LetterState) -> ColumnElement[bool]:
    """With the word itself: behind a parameter a planner does not see that the index fits."""
    return col(OutboxRow.state) == literal_column(f"'{state.value}'")

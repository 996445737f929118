"""What every query uses: ids of stored rows, and text that both databases store."""

from __future__ import annotations

import re
from typing import cast

from sqlalchemy.orm import Mapped
from sqlmodel import col

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that both databases store: without NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def stored_id(column: int | None) -> Mapped[int]:
    """The id column of a table in a query: a row that is stored always has one."""
    return cast("Mapped[int]", col(column))

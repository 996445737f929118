"""What every query uses: columns by name, and text that both databases store."""

from __future__ import annotations

import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that both databases store: without NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def _c(column: Any) -> Any:
    """A column of a table class, typed for SQL expressions."""
    return column

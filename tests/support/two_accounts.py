"""Services with two accounts, for what was found at their doors."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.service import (
    Door,
)  # fmt: skip

HALF = "Case Type: Application Issue\nModule: Grade Book\nDescription: Thing {}.\n"

Open = Callable[..., Door]

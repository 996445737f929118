"""Who does something, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class By:
    """The author of a change, as its history names them, and its moment."""

    who: str  # "operator:ann", a contact's id, or "intake"
    at: datetime  # aware

"""Who made a change, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class By:
    """The author of a change, as the history names them, and the time of the change."""

    who: str  # "operator:ann", a contact's id, or "intake"
    at: datetime  # aware

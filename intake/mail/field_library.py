"""Read the address and date fields with mail-parser, to compare them with our own reading."""

from __future__ import annotations

import email
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import mailparser

from intake.mail.mime.headers import Field

_SEEN_BY_LIBRARY = frozenset(("from", "to", "cc", "date", "received"))


@dataclass(frozen=True, slots=True)
class Warning:
    """An oddity that did not stop the parsing: a stable code and a sentence."""

    code: str
    detail: str


class FieldLibrary:
    """The address and date fields of a mail as mail-parser reads them; it gets no other field.

    mail-parser raises AttributeError and ValueError on real mail. Then every answer is "unknown".
    """

    def __init__(self, found: Sequence[Field], warnings: list[Warning]) -> None:
        seen = [item for item in found if item.name in _SEEN_BY_LIBRARY]
        self._parsed = _parse(seen)
        if self._parsed is None:
            warnings.append(
                Warning("mail-parser", "mail-parser cannot read the header; it was read without")
            )
            self._parsed = _parse([item for item in seen if item.name == "from"])
            return
        defects = sorted(str(defect) for defect in self._parsed.defects_categories)
        warnings += [Warning("defect", defect[:200]) for defect in defects]

    def addresses(self, name: str) -> tuple[str, ...] | None:
        """Return the addresses of the field, or None when mail-parser cannot read them."""
        try:
            pairs = getattr(self._parsed, "from_" if name == "from" else name)
            return tuple(str(address) for _, address in pairs)
        except (AttributeError, TypeError, ValueError):
            return None

    def date(self) -> datetime | None:
        """Return the date of the Date field, or None when mail-parser cannot read it."""
        try:
            found = self._parsed.date if self._parsed is not None else None
            return found if isinstance(found, datetime) else None
        except (AttributeError, TypeError, ValueError, OverflowError):
            return None


def _parse(seen: Sequence[Field]) -> mailparser.MailParser | None:
    block = b"".join(item.name.encode("ascii") + b":" + item.value + b"\r\n" for item in seen)
    try:
        return mailparser.MailParser(email.message_from_bytes(block + b"\r\n"))
    except Exception:  # noqa: BLE001 - it raises anything on real mail; the caller copes without
        return None

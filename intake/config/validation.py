"""Describe mistakes in a configuration so that they can be fixed: where, found, wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from intake.config import schema as parts


def doubts(shape: parts.Shape) -> list[str]:
    """Return mistakes that only a comparison of several keys shows."""
    names = [box.name for box in shape.mailbox]
    found = [f"mailbox: found the name {name!r} twice, wanted each once" for name in _twice(names)]
    hooks = [variable_name("webhook", hook.name, "secret") for hook in shape.webhook]
    found += [f"webhook: found two names for {name}, wanted one" for name in _twice(hooks)]
    if not shape.mailbox:
        found.append("mailbox: found none, wanted at least one [[mailbox]] table")
    keys = [one.key for one in shape.department]
    found += [f"department: found the key {key!r} twice, wanted each once" for key in _twice(keys)]
    for box in shape.mailbox:
        if box.backfill not in ("none", "all") and _date(box.backfill) is None:
            found.append(
                f"mailbox {box.name}.backfill: found {box.backfill!r}, "
                'wanted "none", "all" or a date like 2026-01-31'
            )
    return found


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def backfill(box: parts.Mailbox) -> tuple[bool, datetime | None]:
    """Return whether the first connection takes all mails, and else from which date on."""
    return box.backfill == "all", _date(box.backfill)


def variable_name(*words: str) -> str:
    """Return the name of an environment variable: INTAKE_MAILBOX_SUPPORT_PASSWORD."""
    return "INTAKE_" + "_".join(part.upper().replace("-", "_").replace(".", "_") for part in words)

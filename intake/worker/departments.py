"""The departments of the configuration, as the rest of the program sees them."""

from __future__ import annotations

from datetime import timedelta

from intake.catalogue.catalogue import Catalogue
from intake.config.loader import Config
from intake.model.departments import Department
from intake.model.hours import read_hours


def departments(config: Config, catalogue: Catalogue | None = None) -> dict[str, Department]:
    """The departments that get cases, by key; without a catalogue a key may stand for its name."""
    labels = catalogue.departments if catalogue else {}
    return {
        one.key: Department(
            key=one.key,
            name=one.name or config.shape.departments.get(one.key)
            or labels.get(one.key, one.key),
            address=one.address,
            members=one.members,
            lead=one.lead,
            desk=one.desk,
            folder=str(config.path(one.folder)) if one.folder else "",
            hours=read_hours(one.hours, one.timezone or config.service.timezone),
            answer=timedelta(hours=one.answer_hours),
            resolve=timedelta(hours=one.resolve_hours),
            remind=timedelta(hours=one.remind_hours),
            escalate=timedelta(hours=one.escalate_hours),
        )
        for one in config.shape.department
    }  # fmt: skip

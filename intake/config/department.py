"""The tables about departments: where cases go, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from intake.config.values import (
    Count,
    MailAddress,
    Positive,
    Section,
    known_zone,
    plain_address,
)
from intake.model.departments import USUAL_HOURS
from intake.model.hours import read_hours


def _hours(text: str) -> str:
    read_hours(text, "UTC")
    return text


class Department(Section):
    """A department that gets cases by mail or in another way."""

    key: str = Field(min_length=1, max_length=60)
    name: str = Field(default="", max_length=80)
    address: str = ""
    members: tuple[str, ...] = ()
    lead: str = ""
    desk: str = ""
    folder: str = ""
    hours: Annotated[str, AfterValidator(_hours)] = USUAL_HOURS
    timezone: str = ""
    answer_hours: Positive = 8
    resolve_hours: Positive = 40
    remind_hours: Count = 8
    escalate_hours: Count = 16

    @field_validator("address", "lead", "desk")
    @classmethod
    def _plain(cls, value: str) -> str:
        return plain_address(value) if value else value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value) if value else value


class Handover(Section):
    """How cases are handed over to their departments."""

    max_bytes: Count = 10 * 2**20
    late_minutes: Positive = 30
    summary: tuple[MailAddress, ...] = ()
    summary_day: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] = "Mon"
    summary_hour: int = Field(default=7, ge=0, le=23)

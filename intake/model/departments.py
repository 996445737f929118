"""A department that gets cases: its address, its hours, and the ways in which cases reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from intake.model.hours import WorkingHours, read_hours

USUAL_HOURS = "Mon-Fri 08:00-17:00"
FOLDER = "folder:"  # before the name of a department: the deliveries into its folder


@dataclass(frozen=True, slots=True)
class Department:
    """Where the cases of a department go, and how soon it should answer."""

    key: str  # of the catalogue
    name: str
    address: str = ""  # of the group; empty: each member gets the letters
    members: tuple[str, ...] = ()  # ids of staff
    lead: str = ""  # address of who hears of late cases
    desk: str = ""  # address of another ticket system that takes cases as plain mail
    folder: str = ""  # absolute path; empty: none
    hours: WorkingHours = field(default_factory=lambda: read_hours(USUAL_HOURS, "UTC"))
    answer: timedelta = timedelta(hours=8)  # working time until the first answer
    resolve: timedelta = timedelta(hours=40)  # working time until the case is resolved
    remind: timedelta = timedelta(hours=8)  # working time without an answer; 0: no reminder
    escalate: timedelta = timedelta(hours=16)  # the same for its lead

    @property
    def by_letter(self) -> bool:
        """Return whether its cases are handed over by letter."""
        return bool(self.address or self.members)

    @property
    def reached(self) -> bool:
        """Return whether cases reach it in any way of its own."""
        return bool(self.by_letter or self.desk or self.folder)


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A case of a department whose contact waits for an answer."""

    number: str
    department: str
    owner: str
    type: str
    priority: str
    account: str  # name
    contact: str  # name
    subject: str
    since: datetime
    reminded: bool = False  # the department was told that it waits
    escalated: bool = False  # its lead was told


Departments = Mapping[str, Department]

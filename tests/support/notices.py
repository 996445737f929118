"""Notices of every kind, as values: what the tests of their letters are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from intake.config import loader as settings
from intake.config import schema
from intake.incidents.notice_content import NoticeStyle
from intake.letters.letter import LetterContext
from intake.model.incidents import Incident, Update
from intake.notifier import Addressee, Notice
from intake.worker import bootstrap

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
BEGINS = datetime(2026, 3, 17, 3, 0, tzinfo=UTC)
SECRETS = (b"a secret of the tests",)
ZONE = "America/Chicago"

STYLE = NoticeStyle(
    name="Campus status",
    from_address="status@support.example",
    reply_to="cases@support.example",
    bounce_address="bounce@support.example",
    verp=True,
    list_id="status.support.example",
    mandatory=("outage", "security"),
    page_url="https://status.example/",
)
INCIDENT = Incident(
    id="INC-42",
    kind="incident",
    title="Grade Book posting delayed",
    status="investigating",
    impact="Grades take up to two hours to appear after they are posted.",
    modules=("Grade Book",),
    notice_class="outage",
    starts_at=NOW - timedelta(minutes=75),
    next_update_at=NOW + timedelta(hours=1),
    created_at=NOW - timedelta(hours=1),
)
MAINTENANCE = Incident(
    id="INC-57",
    kind="maintenance",
    title="Database servers are replaced",
    status="scheduled",
    impact="You cannot sign in while we work.",
    modules=("Grade Book", "Attendance", "Food Service"),
    notice_class="maintenance",
    starts_at=BEGINS,
    ends_at=BEGINS + timedelta(hours=4),
    created_at=NOW,
)
WORDS = (
    "Teachers see the old grades after posting. Nothing is lost; the new grades\n"
    "arrive late.\n\n"
    "We have seen this:\n- posting by assignment is slow\n- posting by section\n"
    "  stops after a while\n\n"
    "More at https://status.example/INC-42 (kept up to date)."
)


def update(number: int = 1, kind: str = "update", status: str = "", **more: object) -> Update:
    """An update of the incident, with the given differences."""
    plain = Update("INC-42", number, kind, status or "investigating", WORDS, NOW)
    return replace(plain, **more)  # type: ignore[arg-type] # a test names what it changes


def planned(kind: str = "update", status: str = "scheduled", **more: object) -> Update:
    """An update of the maintenance, with the given differences."""
    plain = Update(
        "INC-57", 1, kind, status, "We replace three servers, because the old ones are slow.", NOW,
        starts_at=BEGINS, ends_at=BEGINS + timedelta(hours=4),
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type] # a test names what it changes


ZACK = Addressee(
    contact_id="zack",
    name="Zack Morris",
    address="zack.morris@bayside.example",
    reasons=("Authorized at Bayside School District, SIS",),
    message_id="<notice.INC-42.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@support.example>",
    root_id="<notice.INC-42.cccccccccccccccc.dddddddddddddddd@support.example>",
    last_id="<notice.INC-42.eeeeeeeeeeeeeeee.ffffffffffffffff@support.example>",
    unsubscribe="17-k7q2m7xdk7q2m7xd",
    row=17,
)


@cache
def letter_context() -> LetterContext:
    """The service that sends them, with the shipped templates."""
    config = settings.Config(schema.Shape(), Path())
    made = bootstrap.judgement_context(config, SECRETS).letter_context
    return replace(made, service="Campus Support", address="cases@support.example")


_LATER = NOW + timedelta(hours=5)
_MOVED = BEGINS + timedelta(days=2)

KINDS: dict[str, Notice] = {
    "investigating": Notice(INCIDENT, update(), ZONE),
    "own cases": Notice(INCIDENT, update(), ZONE, cases=("CASE-1001", "CASE-1007")),
    "identified, two missed": Notice(
        replace(INCIDENT, status="identified"),
        update(3, status="identified", text="A full queue was the cause. We empty it now."),
        ZONE,
        earlier=(
            update(1, text="We are looking into it.", at=NOW - timedelta(hours=2)),
            update(2, text="It is:\n- the queue\n- the disk", at=NOW - timedelta(hours=1)),
        ),
        cases=("CASE-1001",),
    ),
    "monitoring": Notice(
        replace(INCIDENT, status="monitoring"),
        update(4, status="monitoring", text="The queue is empty again."),
        ZONE,
    ),
    "resolved": Notice(
        replace(INCIDENT, status="resolved", closed_at=_LATER),
        update(5, status="resolved", text="All grades are where they belong.", at=_LATER),
        ZONE,
    ),
    "correction": Notice(
        INCIDENT,
        update(
            3, "correction", text="Attendance is not affected, other than we wrote.",
            wrong_number=2,
        ),
        ZONE,
        was=update(2, at=NOW - timedelta(minutes=40)),
    ),
    "correction, never had the wrong one": Notice(
        INCIDENT, update(3, "correction", wrong_number=2), ZONE, plain=True
    ),
    "no modules, everybody": Notice(
        replace(INCIDENT, modules=(), impact="", next_update_at=None), update(), "UTC"
    ),
    "scheduled": Notice(MAINTENANCE, planned(), ZONE),
    "short notice": Notice(
        replace(MAINTENANCE, short_notice="a disk may fail any day."), planned(), ZONE
    ),
    "emergency": Notice(replace(MAINTENANCE, short_notice="Emergency"), planned(), ZONE),
    "reminder": Notice(
        MAINTENANCE,
        planned("reminder", number=2, at=BEGINS - timedelta(days=1),
                text="This is a reminder of a maintenance that we have announced."),
        ZONE,
    ),
    "reschedule": Notice(
        replace(MAINTENANCE, starts_at=_MOVED, ends_at=_MOVED + timedelta(hours=5), sequence=1),
        planned("reschedule", number=2, sequence=1, starts_at=_MOVED,
                ends_at=_MOVED + timedelta(hours=5), text="The servers arrive two days later."),
        ZONE,
        was=planned(),
    ),
    "started": Notice(
        replace(MAINTENANCE, status="in progress"),
        planned("automatic", "in progress", number=3, at=BEGINS, text="The maintenance has begun."),
        ZONE,
    ),
    "verifying": Notice(
        replace(MAINTENANCE, status="verifying"),
        planned("automatic", "verifying", number=4, at=BEGINS + timedelta(hours=4), text=""),
        ZONE,
    ),
    "completed": Notice(
        replace(MAINTENANCE, status="completed", closed_at=BEGINS + timedelta(hours=3)),
        planned("update", "completed", number=5, at=BEGINS + timedelta(hours=3),
                text="All three servers are new. Thank you for your patience."),
        ZONE,
    ),
    "cancelled": Notice(
        replace(MAINTENANCE, status="cancelled", sequence=2, closed_at=NOW),
        planned("cancellation", "cancelled", number=3, sequence=2,
                text="The servers have not arrived. We will name a new date."),
        ZONE,
    ),
    "informational": Notice(
        replace(INCIDENT, notice_class="informational"), update(), "Asia/Kolkata"
    ),
}  # fmt: skip

"""A notifications page as a service has one in November 2026: incidents, maintenances, history."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from intake.incidents.page.content import PageData
from intake.model.incidents import Incident, Update

NOW = datetime(2026, 11, 17, 15, 5, 9, tzinfo=UTC)
Pair = tuple[Incident, tuple[Update, ...]]


def ago(days: float = 0, *, hours: float = 0, minutes: float = 0) -> datetime:
    """That long before now."""
    return NOW - timedelta(days=days, hours=hours, minutes=minutes)


def incident(number: int, *texts: str, begun: datetime | None = None, **more: object) -> Pair:
    """An incident with an update a text, half an hour apart."""
    begun = begun or ago(hours=2)
    id_ = f"INC-{number}"
    made = Incident(
        id_, "incident", "Posting of grades is delayed", "investigating", starts_at=begun,
        created_at=begun,
    )  # fmt: skip
    made = replace(made, **more)  # type: ignore[arg-type]  # names of fields
    updates = tuple(
        Update(
            id_, place, "update", made.status, text, begun + timedelta(minutes=30 * place),
            who="operator:lisa.turtle",
        )
        for place, text in enumerate(texts or ("We are looking into it.",), 1)
    )  # fmt: skip
    return made, updates


def maintenance(number: int, *texts: str, **more: object) -> Pair:
    """A maintenance four hours long, next week."""
    chosen: dict[str, object] = {
        "kind": "maintenance", "title": "Move to a new database server", "status": "scheduled",
        "notice_class": "maintenance", "starts_at": datetime(2026, 11, 25, 4, tzinfo=UTC),
        "ends_at": datetime(2026, 11, 25, 8, tzinfo=UTC),
    }  # fmt: skip
    chosen |= more
    return incident(number, *texts, begun=chosen.pop("begun", ago(days=3)), **chosen)  # type: ignore[arg-type]  # a moment


def grades() -> Pair:
    """An incident that has gone on for a while, with a wrong update and its correction."""
    made, _ = incident(
        42, status="monitoring", impact="Grades that teachers post appear up to 40 minutes late.",
        modules=("Grade Book", "Campus Parent", "Campus Student"),
        next_update_at=NOW + timedelta(minutes=55), begun=ago(hours=3, minutes=20),
        accounts=("bayside",), contact_types=("Authorized",), words=("late grades",),
        title="Posting of grades is delayed",
    )  # fmt: skip
    told = (
        ("update", "investigating", "Teachers report that grades they post appear late. We are "
         "looking into it.\n\nNothing is lost: what was posted will appear."),
        ("update", "identified", "The cause is a full disk on one database server. We expect to "
         "be done by 7:30 AM."),
        ("reminder", "identified", "An update is due."),
        ("correction", "identified", "It is not the disk: a nightly job holds a lock on the "
         "table of posted grades. We have stopped it."),
        ("update", "monitoring", "Grades appear at once again. What was posted since 5:45 AM is "
         "worked off, the oldest first.\n\n- Grade Book: nothing to do\n- Campus Parent and "
         "Campus Student: sign out and in again if an old grade stays\n- Report cards: please "
         "wait with printing until this notice is closed\n\nHow far it is: "
         "https://status.example/queue."),
    )  # fmt: skip
    updates = tuple(
        Update(
            "INC-42", place, kind, status, text, ago(hours=3.2) + timedelta(minutes=35 * place),
            who="operator:lisa.turtle", wrong_number=2 if kind == "correction" else 0,
        )
        for place, (kind, status, text) in enumerate(told, 1)
    )  # fmt: skip
    return made, updates


def closed(number: int, title: str, days: float, hours: float, **more: object) -> Pair:
    """An incident that was resolved that many days ago."""
    begun = ago(days=days, hours=hours)
    chosen: dict[str, object] = {"status": "resolved", "title": title, "closed_at": ago(days=days)}
    return incident(number, "We are on it.", "It works again.", begun=begun, **(chosen | more))


def history() -> tuple[Pair, ...]:
    """What was closed in the last weeks."""
    return (
        closed(41, "Campus Parent cannot be reached from some networks", 6, 1.4),
        closed(38, "Attendance letters were sent twice", 19, 26, modules=("Attendance",)),
        maintenance(
            37, "Done earlier than planned.", title="Quarterly security updates",
            status="completed", begun=ago(days=45),
            starts_at=ago(days=31, hours=5), ends_at=ago(days=31, hours=1),
            closed_at=ago(days=31, hours=2),
        ),
        maintenance(
            35, "We need more time to test.", title="Change of the mail servers",
            status="cancelled", begun=ago(days=55), starts_at=ago(days=40), ends_at=ago(days=39.9),
            closed_at=ago(days=44), sequence=2,
        ),
        closed(30, "Reports time out", 58, 0.7),
    )  # fmt: skip


def moved() -> Pair:
    """A maintenance that was put off and is announced at short notice."""
    made, updates = maintenance(
        43, "The student information system moves to a new database server. It cannot be used "
        "meanwhile.", impact="Nobody can sign in.", modules=("All modules",), sequence=1,
        short_notice="The old server's support ends this month.",
    )  # fmt: skip
    later = Update(
        "INC-43", 2, "reschedule", "scheduled", "It begins a day later than first announced.",
        ago(days=1), starts_at=made.starts_at, ends_at=made.ends_at, sequence=1,
    )  # fmt: skip
    return made, (*updates, later)


def data(*pairs: Pair, **more: object) -> PageData:
    """The page with those notices."""
    made = PageData("Campus status", "Campus Support", "support@desk.example", "America/Chicago")
    return replace(made, notices=pairs, **more)  # type: ignore[arg-type]  # names of fields


def whole(**more: object) -> PageData:
    """Everything there can be on a page."""
    return data(grades(), moved(), *history(), **more)


def quiet(**more: object) -> PageData:
    """Nothing open."""
    return data(*history(), **more)


LINK = re.compile(r'(?:href|src)="([^"]*)"')


def links(text: str) -> list[str]:
    """The files of the same folder that a page leads to."""
    found = (one.partition("#")[0] for one in LINK.findall(text))
    return sorted({one for one in found if one and ":" not in one})


def mark(path: Path) -> tuple[int, int]:
    """Which file stands under that name: it changes with every rename."""
    stat = os.stat(path)
    return stat.st_ino, stat.st_mtime_ns


def dead_links(folder: Path, names: Sequence[str] = ()) -> list[str]:
    """Links of pages that stay what they are while the file they lead to is missing."""
    found = []
    for name in names or sorted(path.name for path in folder.glob("*.html")):
        try:
            before = mark(folder / name)
            text = (folder / name).read_text("utf-8")
            if mark(folder / name) != before:
                continue  # written in between: the next round looks at it
            for link in links(text):
                if not (folder / link).exists() and mark(folder / name) == before:
                    found.append(f"{name} -> {link}")
        except FileNotFoundError:
            continue  # removed in between
    return found

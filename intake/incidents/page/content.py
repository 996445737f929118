"""Notices as the notifications page shows them: the public content and its order.

Only the data here can reach a reader: no account, no person, no case. Text of operators is plain
text. It becomes paragraphs, lists and links to web addresses, and the templates escape every value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from intake.letters.operator_text import Block, blocks, clean
from intake.model.incidents import Incident, Update

LANGUAGE = "en"
SHOWN_UPDATES = 5  # of an open notice on the front page; its own page shows all
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageData:
    """All data of the page."""

    title: str
    service: str  # name of the service
    address: str  # the address for cases
    zone: str  # IANA name
    notices: tuple[tuple[Incident, tuple[Update, ...]], ...] = ()
    url: str = ""  # public address of the folder; empty: links in feeds are relative
    closed_days: int = 90

    @property
    def domain(self) -> str:
        """Return the domain from which stable IDs are made."""
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Moment:
    """One time for machines, for local readers and for readers elsewhere."""

    iso: str  # "2026-11-03T14:30:00Z"
    local: str  # "Tue, Nov 3, 2026, 8:30 AM CST"
    utc: str  # "14:30 UTC"; empty where local time is UTC


@dataclass(frozen=True, slots=True)
class UpdateView:
    """One update as it is shown."""

    number: int
    anchor: str
    kind: str
    state: str  # "In progress"
    at: Moment
    text: str
    blocks: tuple[Block, ...]
    corrects: UpdateView | None = None
    corrected_by: tuple[str, Moment] | None = None  # anchor and moment of the newest correction
    starts: Moment | None = None  # the new plan, of a reschedule
    ends: Moment | None = None


@dataclass(frozen=True, slots=True)
class NoticeView:
    """An incident or a maintenance as it is shown."""

    id: str
    kind: str  # incident, maintenance
    file: str  # "INC-42.html"
    title: str
    status: str  # "in progress"
    state: str  # "In progress"
    open: bool
    impact: str
    modules: tuple[str, ...]
    starts: Moment | None  # of an incident: when it began
    ends: Moment | None  # of a maintenance, as planned
    length: str  # of the planned window, or of a closed incident: "3 hours 30 minutes"
    next_update: Moment | None
    closed: Moment | None
    month: str  # in which it was closed: "November 2026"
    short_notice: str
    changed: Moment  # time of the newest visible change
    updates: tuple[UpdateView, ...]  # the newest first


def line(text: str) -> str:
    """Return the cleaned text on one line."""
    return " ".join(clean(text).split())


def iso(at: datetime) -> str:
    """Return ``2026-11-03T14:30:00Z``: RFC 3339, whole seconds."""
    return f"{at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def moment(at: datetime, zone: str) -> Moment:
    """Return that time in all three forms."""
    here, there = at.astimezone(ZoneInfo(zone)), at.astimezone(UTC)
    local = f"{_day(here)}, {here.year}, {_clock(here)} {here.tzname()}"
    if here.tzname() == "UTC":
        return Moment(iso(at), local, "")
    day = "" if here.date() == there.date() else f"{_MONTHS[there.month - 1][:3]} {there.day}, "
    return Moment(iso(at), local, f"{day}{there:%H:%M} UTC")


def _day(at: datetime) -> str:
    return f"{_DAYS[at.weekday()]}, {_MONTHS[at.month - 1][:3]} {at.day}"


def _clock(at: datetime) -> str:
    return f"{at.hour % 12 or 12}:{at.minute:02d} {'AM' if at.hour < 12 else 'PM'}"


def length(begins: datetime, ends: datetime) -> str:
    """Return the duration to the minute; empty when it is not positive."""
    minutes = (ends - begins) // timedelta(minutes=1)
    if minutes <= 0:
        return ""
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in parts if count)


def notices(data: PageData) -> tuple[NoticeView, ...]:
    """Return open incidents, newest first; open maintenances, next first; then closed notices."""
    public = [(one, updates) for one, updates in data.notices if one.public]
    return tuple(_notice(one, updates, data.zone) for one, updates in sorted(public, key=_rank))


def _rank(pair: tuple[Incident, Sequence[Update]]) -> tuple[int, float, str]:
    one = pair[0]
    if not one.open:
        return 2, -_time(one.closed_at or one.updated_at), one.id
    if one.kind == "maintenance":
        return 1, _time(one.starts_at), one.id
    return 0, -_time(one.starts_at or one.created_at), one.id


def _time(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _notice(one: Incident, updates: Sequence[Update], zone: str) -> NoticeView:
    told = [update for update in updates if update.kind != "reminder"]
    dates = [update.at for update in told] or [
        at for at in (one.created_at, one.starts_at) if at is not None
    ]
    changed = max(dates, default=datetime(1970, 1, 1, tzinfo=UTC))
    closed = None if one.open else one.closed_at or changed
    until = one.ends_at if one.kind == "maintenance" else closed
    here = closed.astimezone(ZoneInfo(zone)) if closed else None

    def shown(at: datetime | None) -> Moment | None:
        return moment(at, zone) if at else None

    return NoticeView(
        id=one.id,
        kind=one.kind,
        file=f"{one.id}.html",
        title=line(one.title) or one.id,
        status=one.status,
        state=_word(one.status),
        open=one.open,
        impact=line(one.impact),
        modules=tuple(filter(None, map(line, one.modules))),
        starts=shown(one.starts_at),
        ends=shown(one.ends_at) if one.kind == "maintenance" else None,
        length=length(one.starts_at, until) if one.starts_at and until else "",
        next_update=shown(one.next_update_at) if one.open else None,
        closed=shown(closed),
        month=f"{_MONTHS[here.month - 1]} {here.year}" if here else "",
        short_notice=line(one.short_notice) if one.kind == "maintenance" else "",
        changed=moment(changed, zone),
        updates=_updates(one.id, told, zone),
    )


def _word(status: str) -> str:
    return status[:1].upper() + status[1:]


def _updates(notice: str, told: Iterable[Update], zone: str) -> tuple[UpdateView, ...]:
    """Return the updates, newest first; a correction and what it corrects refer to each other."""
    made: dict[int, UpdateView] = {}
    ordered = sorted(told, key=lambda update: update.number)
    corrected = {
        one.wrong_number: (f"{notice}-{one.number}", moment(one.at, zone))
        for one in ordered
        if one.kind == "correction"
    }
    for one in ordered:
        moved = one.kind == "reschedule"
        made[one.number] = UpdateView(
            number=one.number,
            anchor=f"{notice}-{one.number}",
            kind=one.kind,
            state=_word(one.status),
            at=moment(one.at, zone),
            text=clean(one.text),
            blocks=blocks(one.text),
            corrects=made.get(one.wrong_number) if one.kind == "correction" else None,
            corrected_by=corrected.get(one.number),
            starts=moment(one.starts_at, zone) if moved and one.starts_at else None,
            ends=moment(one.ends_at, zone) if moved and one.ends_at else None,
        )
    return tuple(reversed(made.values()))

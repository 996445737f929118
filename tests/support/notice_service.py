"""A desk that sends notices, for tests: people, a ledger, a clock that is moved, fake servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from intake.adapters.smtp import Outcome, Parcel, Sent
from intake.model.authorship import By
from intake.model.incidents import Change
from intake.notifier import Addressee, Notice
from intake.store import migrate
from intake.store.engine import Engine, Session, open_engine, reading, writing
from intake.store.incidents import broadcasts, write
from intake.store.incidents.audience import Habits
from intake.store.incidents.recipients import Terms, chosen
from intake.store.incidents.send_queue import Pace
from intake.store.incidents.write import Opening
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountRow, ContactEmailRow, ContactRow, MembershipRow
from intake.store.tables.incidents import IncidentUpdateRow, NoticeRecipientRow
from intake.worker.notice_sender import NoticeQueue
from intake.worker.outbox_sender import Posted, SendingContext, dispatch
from tests.support.values import MUST

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TERMS = Terms((b"a secret of the tests, long enough",), "desk.example")
FAST = Pace(per_minute=10**6, per_minute_domain=10**6)
HABITS = Habits(("Authorized", "Technical"), MUST)


class Killed(BaseException):
    """Stands for kill -9: nothing between here and the top may catch it."""


def plain_writer(notice: Notice, person: Addressee, row: int, date: datetime) -> tuple[bytes, str]:
    """A letter that says which updates it tells, for counting."""
    numbers = [*(one.number for one in notice.earlier), notice.update.number]
    told = ",".join(str(number) for number in numbers)
    text = (
        f"To: {person.address}\r\nMessage-ID: {person.message_id}\r\n"
        f"Date: {date.isoformat()}\r\nX-Told: {told}\r\nX-Last: {person.last_id}\r\n"
        f"X-Root: {person.root_id}\r\nX-Plain: {notice.plain}\r\n"
        f"X-Status: {notice.update.status}\r\n\r\n{notice.update.text}\r\n"
    )
    return text.encode("ascii", "replace"), "bounce@desk.example"


@dataclass
class Server:
    """A mail server in memory; what it answers can be changed at any time."""

    taken: list[Parcel] = field(default_factory=list)
    answer: Callable[[Parcel], Outcome | None] = lambda parcel: None  # before the dot
    dot: Callable[[Parcel], Outcome] = lambda parcel: Sent("250 ok")
    keeps: Callable[[Parcel], bool] = lambda parcel: True  # although the dot was not answered

    def lane(self) -> Lane:
        """One connection."""
        return Lane(self)

    def got(self) -> Counter[str]:
        """How many letters each address has got."""
        return Counter(parcel.recipient for parcel in self.taken)

    def letters(self, address: str) -> list[str]:
        """What that address has got, the oldest first."""
        return [one.raw.decode() for one in self.taken if one.recipient == address]


@dataclass
class Lane:
    """A connection to the server in memory."""

    server: Server
    ready: Parcel | None = None

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Up to the dot."""
        found = self.server.answer(parcel)
        self.ready = parcel if found is None else None
        return found

    def dot(self) -> None:
        """It goes with the answer."""

    def finish(self) -> Outcome:
        """The dot."""
        assert self.ready is not None
        parcel, self.ready = self.ready, None
        if self.server.keeps(parcel):
            self.server.taken.append(parcel)
        return self.server.dot(parcel)

    def close(self) -> None:
        """Nothing to close."""


class Desk:
    """Database, people and a clock."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or open_engine("sqlite://")
        self.now = NOW
        self.server = Server()
        if engine is None:
            migrate.upgrade(self.engine)

    def clock(self) -> datetime:
        """The moment it is."""
        return self.now

    def later(self, **span: float) -> None:
        """Moves the clock."""
        self.now += timedelta(**span)

    def people(self, count: int, *, domains: Sequence[str] = ("bayside.example",)) -> list[str]:
        """So many authorized contacts at one account, over those domains; their addresses."""
        with writing(self.engine) as session:
            if session.get(AccountRow, "bayside") is None:
                stamp = {"created_at": NOW, "updated_at": NOW}
                session.add(AccountRow(id="bayside", name="Bayside School District", **stamp))
            session.flush()
            return _people(session, count, domains)

    def open(self, text: str = "We look for the cause.", kind: str = "incident") -> str:
        """An incident on record, or a maintenance a month ahead."""
        more = {}
        if kind == "maintenance":
            start = self.now + timedelta(days=30)
            more = {"starts_at": start, "ends_at": start + timedelta(hours=2)}
        with writing(self.engine) as session:
            opening = Opening(kind, "Posting is delayed", text, **more)
            return write.open_(session, opening, "operator:ann", self.now)

    def update(self, incident: str, text: str = "More is known.", status: str = "") -> int:
        """A further update on record."""
        with writing(self.engine) as session:
            return write.update(
                session, incident, text, By("operator:ann", self.now), Change(status=status)
            )

    def approve(self, incident: str, send_at: datetime | None = None) -> int:
        """Proposed by one and approved by another; how many are told."""
        with writing(self.engine) as session:
            found = broadcasts.propose(
                session, incident, HABITS, By("operator:ann", self.now), send_at=send_at
            )
        with writing(self.engine) as session:
            broadcasts.approve(
                session, incident, found.hash, HABITS, TERMS, By("operator:ben", self.now)
            )
        return len(found.audience.told)

    def send(
        self, pace: Pace = FAST, lanes: int = 1, queue: NoticeQueue | None = None, in_doubt: int = 1
    ) -> Posted:
        """One pass over the ledger."""
        made = queue or NoticeQueue(plain_writer, pace)
        connections = [self.server.lane() for _ in range(lanes)]
        post = SendingContext(
            self.engine,
            connections,
            lambda _: "b@desk.example",
            self.clock,
            90.0,
            queue=made,
            in_doubt=in_doubt,
        )
        return dispatch(post)

    def send_and_die(self, queue: NoticeQueue, in_doubt: int = 1) -> None:
        """A pass that is killed on its way."""
        with suppress(Killed):
            self.send(queue=queue, in_doubt=in_doubt)

    def rows(self, incident: str = "INC-1", number: int = 0) -> list[NoticeRecipientRow]:
        """The ledger of an update, or of the whole incident."""
        query = select(NoticeRecipientRow).where(NoticeRecipientRow.incident_id == incident)
        if number:
            query = query.where(NoticeRecipientRow.number == number)
        with reading(self.engine) as session:
            found = list(session.scalars(query.order_by(NoticeRecipientRow.id)))
            session.expunge_all()
            return found

    def states(self, incident: str = "INC-1", number: int = 0) -> Counter[str]:
        """How many rows are in which state."""
        return Counter(row.state for row in self.rows(incident, number))

    def state(self, incident: str = "INC-1", number: int = 0) -> str:
        """How the broadcast of an update stands."""
        with reading(self.engine) as session:
            return self.row(session, incident, number).send_state

    def row(self, session: Session, incident: str = "INC-1", number: int = 0) -> IncidentUpdateRow:
        """The newest update, or that one."""
        return chosen(session, incident, number)


def _people(session: Session, count: int, domains: Sequence[str]) -> list[str]:
    stamp = {"created_at": NOW, "updated_at": NOW}
    names = [f"p{number:05}" for number in range(count)]
    emails = [f"{name}@{domains[number % len(domains)]}" for number, name in enumerate(names)]
    if not names:
        return []
    session.execute(
        insert(ContactRow),
        [
            {"id": name, "name": f"Person {name}", "active": True, "title": "", "phone": "",
             "schema_bootcamp": False, "allow_automated": False, "wants_acknowledgements": True,
             **stamp}
            for name in names
        ],
    )  # fmt: skip
    session.execute(
        insert(ContactEmailRow),
        [
            {"key": email, "contact_id": name, "address": email, "position": 0,
             "domain": email.partition("@")[2], "verified": True}
            for name, email in zip(names, emails, strict=True)
        ],
    )  # fmt: skip
    session.execute(
        insert(MembershipRow),
        [
            {"contact_id": name, "account_id": "bayside", "contact_type": "Authorized", "areas": []}
            for name in names
        ],
    )
    return emails


def case_of(session: Session, contact: str, incident: str) -> str:
    """A case of that contact that is about the incident; its number."""
    number = f"CASE-{contact}"
    session.add(
        CaseRow(
            number=number, account_id="bayside", contact_id=contact, type="application_issue",
            priority="Medium", department="support", status="open", subject="x", description="x",
            incident_id=incident, message_id=1, received_at=NOW, created_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    return number

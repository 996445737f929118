"""Counts of the recent activity of a batch's senders, each with an upper limit, for rate limits.

Everything that the batch may ask is read once. What is decided in the batch is added in memory, so
that a later mail is judged as if the earlier ones had been stored already.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CTE, and_, func, literal, select
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col
from sqlmodel.sql.sqltypes import UTCDateTime

from intake.letters.letter import Letter
from intake.mail.addresses import ascii_lower
from intake.mail.word_sketch import sketch
from intake.model.context import Keys, PastLetter, PastMail, Recent
from intake.model.states import LetterState, MessageStatus
from intake.store.engine import Session
from intake.store.letter_states import is_due, is_refusal
from intake.store.sql import listed, stored_id, unindexed
from intake.store.tables.cases import CaseRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import OutboxRow
from intake.triage.facts import CaseChange
from intake.triage.rules import OF_STRANGERS, OF_UNPROVED

MAX_RECENT = 200  # letters to one contact that are examined
MAX_MAILS = 100  # of one sender that are examined
MAX_ECHOED = 3  # letters whose text a program may send back
PAST = timedelta(days=14)  # for which mails and letters are examined
MAX_HELD = 10_000  # of the newest held mails that are counted
REPLY_DAYS = 30  # a reply to a letter of ours is accepted for this time


@dataclass(slots=True)
class Counts:
    """What the senders of a batch and the service have lately written to each other."""

    mails: dict[str, list[PastMail]]  # by sender, the newest first
    letters: dict[str, list[tuple[datetime, PastLetter]]]  # by contact; with the time of writing
    hour: Counter[str]  # letters of the last hour and later ones, by domain
    everybody: int  # the same to everyone
    refused: Counter[tuple[str, str]]  # refusals in seven days, by contact and address
    by_contact: Counter[str]  # new cases of the last hour
    by_account: Counter[str]
    held: Counter[tuple[str, str]]  # held mails of the last day, by rule and sender
    held_by_rule: Counter[str] = field(default_factory=Counter)

    def recent(self, keys: Keys, contacts: Sequence[str], accounts: Sequence[str]) -> Recent:
        """What counts for a mail with those keys, from those contacts of those accounts."""
        domain = _domain(keys.sender)
        return Recent(
            mails=tuple(self.mails.get(keys.sender, ())[:MAX_MAILS]) if contacts else (),
            letters=self._letters_to(contacts),
            domain_hour=self.hour[domain] if domain else 0,
            everybody_hour=self.everybody,
            refused_week=sum(self.refused[one, keys.sender] for one in contacts or [""])
            if keys.sender
            else 0,
            cases_hour=max((self.by_contact[one] for one in contacts), default=0),
            account_cases={one: self.by_account[one] for one in accounts if self.by_account[one]},
            full=self._full(keys),
        )

    def _letters_to(self, contacts: Sequence[str]) -> tuple[PastLetter, ...]:
        """The newest letters to those contacts; only the first ones keep a sketch of the text."""
        found = [one for contact in contacts for one in self.letters.get(contact, ())]
        if len(contacts) > 1:
            found.sort(key=lambda one: one[0], reverse=True)
        newest = [one for _, one in found[: MAX_ECHOED + MAX_RECENT]]
        rest = (replace(one, sketch="") if one.sketch else one for one in newest[MAX_ECHOED:])
        return (*newest[:MAX_ECHOED], *rest)

    def _full(self, keys: Keys) -> frozenset[str]:
        """The rules that reached their limit of held mails per day; R7 is counted per sender."""
        of_strangers = (
            one for one in OF_STRANGERS if self.held_by_rule[one] >= max(keys.max_strangers, 1)
        )
        unproved = (
            one for one in OF_UNPROVED if self.held[one, keys.sender] >= max(keys.max_unproved, 1)
        )
        return frozenset((*of_strangers, *unproved))

    def add_mail(self, sender: str, status: str, rule: str, mail: PastMail | None) -> None:
        """A mail was decided; ``mail`` is given for one of a contact that was not held."""
        if status == MessageStatus.HELD:
            self.held[rule, sender] += 1
            self.held_by_rule[rule] += 1
        if mail is not None:
            self.mails.setdefault(sender, []).insert(0, mail)
            self.mails[sender].sort(key=lambda one: one.at, reverse=True)

    def add_letters(self, letters: Iterable[Letter], now: datetime) -> None:
        """Letters were written."""
        for one in letters:
            if one.kind == "refusal":
                self.refused[one.contact, ascii_lower(one.recipient)] += 1
            if not one.contact:
                continue  # to a department
            self.hour[_domain(ascii_lower(one.recipient))] += 1
            self.everybody += 1
            due = one.due_at or now
            past = PastLetter(
                due, one.kind, one.subject, one.put_off, sketch(one.text, one.subject)
            )
            self.letters.setdefault(one.contact, []).insert(0, (now, past))

    def add_case(self, change: CaseChange) -> None:
        """A case was opened."""
        self.by_contact[change.contact] += 1
        self.by_account[change.account] += 1


def counts(
    session: Session, senders: Sequence[str], contacts: Sequence[str], accounts: Sequence[str],
    limits: tuple[int, int], now: datetime,
) -> Counts:  # fmt: skip
    """Everything that mails of those senders, contacts and accounts may ask.

    ``limits``: how many mails of strangers, and of one unproved sender, are held in a day.
    """
    hour_ago = now - timedelta(hours=1)
    recipients = _recipients(session, hour_ago)
    hour: Counter[str] = Counter()
    for address, count in recipients.items():
        hour[_domain(address)] += count
    held = _held(session, limits, now)
    by_rule: Counter[str] = Counter()
    for (rule, _), count in held.items():
        by_rule[rule] += count
    return Counts(
        _mails(session, senders, now) if contacts else {},
        _letters(session, contacts, now),
        hour,
        sum(recipients.values()),
        _refused(session, contacts, senders, now),
        _cases(session, CaseRow.contact_id, contacts, hour_ago),
        _cases(session, CaseRow.account_id, accounts, hour_ago),
        held,
        by_rule,
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _recipients(session: Session, hour_ago: datetime) -> Counter[str]:
    """Letters to people in the last hour and later ones, by address in lower case."""
    address = func.lower(col(OutboxRow.recipient))
    query = (
        select(address, func.count())
        .where(unindexed(OutboxRow.contact_id) != "")  # letters to departments are none to people
        .group_by(address)
    )
    newer = query.where(
        col(OutboxRow.created_at) > hour_ago,
        unindexed(OutboxRow.state).not_in((LetterState.SUPPRESSED, LetterState.CANCELLED)),
    )
    later = query.where(  # two queries: for an OR a planner reads the whole table
        is_due(),
        col(OutboxRow.put_off) != "",
        unindexed(OutboxRow.created_at) <= hour_ago,
    )
    found: Counter[str] = Counter()
    for one in (newer, later):
        for recipient, count in session.execute(one):
            found[recipient] += count
    return found


def _counted() -> ColumnElement[bool]:
    return col(OutboxRow.state).not_in((LetterState.SUPPRESSED, LetterState.CANCELLED))


def _mails(session: Session, senders: Sequence[str], now: datetime) -> dict[str, list[PastMail]]:
    """Each sender's proved mails of the last days, the newest first."""

    def of(sender: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
        return (
            col(MessageRow.sender) == sender,
            col(MessageRow.contact_id) != "",
            unindexed(MessageRow.status).in_((MessageStatus.HANDLED, MessageStatus.IGNORED)),
        )

    newest = col(MessageRow.received_at)
    since = _since(listed(session, senders), of, newest, MAX_MAILS, now)
    query = (
        select(
            col(MessageRow.sender), newest, col(MessageRow.sketch), col(MessageRow.subject)
        )
        .join_from(since, MessageRow, and_(*of(since.c.owner), newest >= since.c.since))
        .order_by(col(MessageRow.sender), newest.desc(), col(MessageRow.id).desc())
    )  # fmt: skip
    found: dict[str, list[PastMail]] = defaultdict(list)
    for sender, at, words, subject in session.execute(query):
        found[sender].append(PastMail(at, words, subject))
    return found


def _since(
    owners: ColumnElement[str],
    of: Callable[[ColumnElement[str]], tuple[ColumnElement[bool], ...]],
    newest: Mapped[datetime],
    most: int,
    now: datetime,
) -> CTE:
    """Each owner, and the time from which on they have their newest rows, at most so many.

    It goes back along the index as far as these rows, and so costs the same however many there are
    before them.
    """
    past = literal(now - PAST, UTCDateTime())
    last = (
        select(newest)
        .where(*of(owners), newest > past)
        .order_by(newest.desc())
        .limit(1)
        .offset(most - 1)
        .scalar_subquery()
        .correlate(owners.table)
    )
    found = select(owners.label("owner"), func.coalesce(last, past).label("since"))
    return found.cte("newest").prefix_with("MATERIALIZED")


def _letters(
    session: Session, contacts: Sequence[str], now: datetime
) -> dict[str, list[tuple[datetime, PastLetter]]]:
    """The letters to each contact of the last days, and those that are due, the newest first."""
    if not contacts:
        return {}

    def of(contact: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
        return (col(OutboxRow.contact_id) == contact, _counted())

    newest = col(OutboxRow.created_at)
    since = _since(listed(session, contacts), of, newest, MAX_ECHOED + MAX_RECENT, now)
    rows = session.execute(
        select(
            col(OutboxRow.id), col(OutboxRow.contact_id), newest,
            func.coalesce(col(OutboxRow.finished_at), col(OutboxRow.due_at)).label("at"),
            col(OutboxRow.kind), col(OutboxRow.subject), col(OutboxRow.put_off),
        )
        .join_from(since, OutboxRow, and_(*of(since.c.owner), newest >= since.c.since))
        .order_by(col(OutboxRow.contact_id), newest.desc(), col(OutboxRow.id).desc())
    ).all()  # fmt: skip
    place: Counter[str] = Counter()
    echoed: list[int] = []
    for row in rows:
        place[row.contact_id] += 1
        if place[row.contact_id] <= MAX_ECHOED:
            echoed.append(row.id)
    texts = _texts(session, echoed)
    found: dict[str, list[tuple[datetime, PastLetter]]] = defaultdict(list)
    for row in rows:
        words = sketch(texts[row.id], row.subject) if row.id in texts else ""
        past = PastLetter(_utc(row.at), row.kind, row.subject, row.put_off, words)
        found[row.contact_id].append((_utc(row.created_at), past))
    return found


def _texts(session: Session, ids: Sequence[int]) -> Mapping[int, str]:
    query = select(stored_id(OutboxRow.id), col(OutboxRow.text)).where(col(OutboxRow.id).in_(ids))
    return {row[0]: row[1] for row in session.execute(query)} if ids else {}


def _utc(at: datetime) -> datetime:
    """SQLite loses the zone in an expression."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _refused(
    session: Session, contacts: Sequence[str], senders: Sequence[str], now: datetime
) -> Counter[tuple[str, str]]:
    """Refusals sent in seven days to those contacts and to strangers at those addresses."""
    address = func.lower(col(OutboxRow.recipient))
    query = (
        select(col(OutboxRow.contact_id), address, func.count())
        .where(
            col(OutboxRow.contact_id).in_(["", *contacts]),
            col(OutboxRow.created_at) > now - timedelta(days=7),
            is_refusal(),
            address.in_(senders),
            _counted(),
        )
        .group_by(col(OutboxRow.contact_id), address)
    )
    return Counter({(row[0], row[1]): row[2] for row in session.execute(query)})


def _cases(session: Session, column: Any, ids: Sequence[str], hour_ago: datetime) -> Counter[str]:
    """The number of new cases since then for each id."""
    if not ids:
        return Counter()
    query = (
        select(col(column), func.count())
        .where(col(column).in_(ids), col(CaseRow.created_at) > hour_ago)
        .group_by(col(column))
    )
    return Counter({row[0]: row[1] for row in session.execute(query)})


def _held(session: Session, limits: tuple[int, int], now: datetime) -> Counter[tuple[str, str]]:
    """The newest held mails of the last day, by rule and sender."""
    most = max(MAX_HELD, len(OF_STRANGERS) * limits[0] + limits[1])
    newest = (
        select(col(MessageRow.rule), col(MessageRow.recorded_at), col(MessageRow.sender))
        .where(
            col(MessageRow.status) == MessageStatus.HELD,
            unindexed(MessageRow.rule).in_((*OF_STRANGERS, *OF_UNPROVED)),
        )
        .order_by(col(MessageRow.id).desc())
        .limit(most)
        .subquery()
    )
    query = (
        select(newest.c.rule, newest.c.sender, func.count())
        .where(newest.c.recorded_at > now - timedelta(days=1))
        .group_by(newest.c.rule, newest.c.sender)
    )
    return Counter({(row[0], row[1]): row[2] for row in session.execute(query)})


def answered(
    session: Session, keys: Sequence[Keys], contacts: Sequence[str], now: datetime
) -> set[tuple[str, str, str]]:
    """The letters lately sent that mails refer to: Message-ID, contact, address in lower case."""
    ids = sorted({one for key in keys for one in key.outbox_ids})
    if not ids or not contacts:
        return set()
    address = func.lower(col(OutboxRow.recipient))
    query = select(col(OutboxRow.message_id_header), col(OutboxRow.contact_id), address).where(
        col(OutboxRow.message_id_header).in_(ids),
        col(OutboxRow.contact_id).in_(contacts),
        col(OutboxRow.created_at) > now - timedelta(days=REPLY_DAYS),
        col(OutboxRow.state).in_((LetterState.SENT, LetterState.IN_DOUBT)),
    )
    return {(row[0], row[1], row[2]) for row in session.execute(query)}

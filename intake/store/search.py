"""Full-text search over cases: SQLite's FTS5, or PostgreSQL's own.

Nothing is indexed while a mail is recorded. A search, and now and then the worker, first indexes
the cases that were changed since the last time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select, text
from sqlmodel import col

from intake.store.engine import Session
from intake.store.sql import upsert
from intake.store.tables.cases import CaseFieldRow, CaseRow, CounterRow
from intake.store.tables.messages import AttachmentRow
from intake.store.tables.outbox import EventRow

INDEXED_UNTIL = "searched"  # the counter that holds a moment, in microseconds since 1970
OVERLAP = timedelta(minutes=10)  # a clock that was set back misses nothing within this time
CHUNK = 2000  # cases in one transaction
MAX_CHARS = 200_000  # of one case
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_WORDS = 20


def refresh(session: Session) -> bool:
    """Indexes cases that were changed since the last time; True if there may be more."""
    counter = session.get(CounterRow, INDEXED_UNTIL)
    after = FIRST + timedelta(microseconds=counter.value if counter else 0)
    changed = col(CaseRow.updated_at) > max(after - OVERLAP, FIRST)
    last = session.scalar(
        select(col(CaseRow.updated_at))
        .where(col(CaseRow.updated_at) > after)
        .order_by(col(CaseRow.updated_at))
        .limit(1)
        .offset(CHUNK - 1)
    )
    until = last or session.scalar(select(func.max(col(CaseRow.updated_at))))
    if until is None:
        return False
    numbers = session.scalars(
        select(col(CaseRow.number)).where(changed, col(CaseRow.updated_at) <= until)
    ).all()
    _index(session, numbers)
    value = (until - FIRST) // timedelta(microseconds=1)
    row = upsert(session, CounterRow).values(name=INDEXED_UNTIL, value=value)
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return last is not None


def _index(session: Session, numbers: Sequence[str]) -> None:
    """Writes the words of these cases anew."""
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        forget(session, part)
        rows = [{"number": one, "body": words} for one, words in _words(session, part).items()]
        if not rows:
            continue
        value = "to_tsvector('simple', :body)" if _is_postgres(session) else ":body"
        statement = f"INSERT INTO case_search (number, body) VALUES (:number, {value})"  # noqa: S608 - two fixed texts
        session.execute(text(statement), rows)


def forget(session: Session, numbers: Sequence[str]) -> None:
    """Removes cases from the index."""
    remove = text("DELETE FROM case_search WHERE number IN :numbers")
    session.execute(
        remove.bindparams(bindparam("numbers", expanding=True)), {"numbers": list(numbers)}
    )


def scrub(session: Session) -> None:
    """Rewrites SQLite's index, so that no word of a case that was removed stays in its pages."""
    if not _is_postgres(session):
        session.execute(text("INSERT INTO case_search (case_search) VALUES ('optimize')"))


def _words(session: Session, numbers: Sequence[str]) -> Mapping[str, str]:
    """Number -> everything that people wrote in the case, and the names of its files."""
    found: dict[str, list[str]] = {}
    cases = select(col(CaseRow.number), col(CaseRow.subject), col(CaseRow.description))
    for number, subject, description in session.execute(
        cases.where(col(CaseRow.number).in_(numbers))
    ):
        found[number] = [number, subject, description]
    fields = select(col(CaseFieldRow.case_number), col(CaseFieldRow.words)).where(
        col(CaseFieldRow.case_number).in_(numbers)
    )
    files = select(col(AttachmentRow.case_number), col(AttachmentRow.name)).where(
        col(AttachmentRow.case_number).in_(numbers)
    )
    for query in (fields, files):
        for number, words in session.execute(query):
            found[number].append(words)
    comments = select(col(EventRow.case_number), col(EventRow.detail)).where(
        col(EventRow.case_number).in_(numbers), col(EventRow.kind).in_(("comment", "note"))
    )
    for number, detail in session.execute(comments):
        found[number].append(str(detail.get("text", "")))
    return {number: "\n".join(parts)[:MAX_CHARS] for number, parts in found.items()}


def find(session: Session, wanted: str, limit: int) -> list[str]:
    """The numbers of cases that hold all the words, or their beginnings, the best first."""
    words = ["".join(c for c in word if c.isalnum() or c in "-_'") for word in wanted.split()]
    words = [word.strip("-_'") for word in words if word.strip("-_'")][:MAX_WORDS]
    if not words:
        return []
    if _is_postgres(session):
        query = (
            "SELECT number FROM case_search, to_tsquery('simple', :query) AS wanted "
            "WHERE body @@ wanted ORDER BY ts_rank(body, wanted) DESC, number DESC LIMIT :limit"
        )
        pieces = [piece for word in words for piece in _pieces(word)]
        given = " & ".join(f"{piece}:*" for piece in pieces)
    else:
        query = (
            "SELECT number FROM case_search WHERE case_search MATCH :query "
            "ORDER BY rank, number DESC LIMIT :limit"
        )
        given = " ".join(f'"{word}"*' for word in words)
    rows = session.execute(text(query), {"query": given, "limit": limit})
    return [str(row[0]) for row in rows]


def _pieces(word: str) -> list[str]:
    """A word as the parts that PostgreSQL's parser would make of it."""
    return "".join(c if c.isalnum() else " " for c in word).split()


def _is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"

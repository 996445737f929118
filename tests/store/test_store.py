"""The store on SQLite and PostgreSQL: one record a mail, whatever is tried twice or at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text, update

from intake.mail.message import Attachment, Message
from intake.model.context import Known
from intake.parsers.submission import FieldValue
from intake.store import migrate, reports, retention
from intake.store.cases import write
from intake.store.contacts import directory
from intake.store.engine import (
    Engine,
    Session,
    StoreError,
    open_engine,
    reading,
    savepoint,
    writing,
)
from intake.store.messages import mailboxes
from intake.store.messages.context import look_up
from intake.store.messages.deferred import shelve, vanished
from intake.store.messages.record import Entry, Result, record
from intake.store.tables.columns import Base
from intake.store.tables.messages import MessageRow
from intake.triage.decision import decide
from intake.triage.facts import CaseChange
from tests.support.postgres import empty, postgres
from tests.support.postgres import prepared as prepared_on
from tests.support.records import PEOPLE, STAMP, arrival, keys, letter, one_mail
from tests.support.values import COMPLETE, NOW, POLICY, SIGNED, message

KEEP = retention.Keep(7, 14, 30)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('db')}/intake.db"
        return
    with postgres() as found:
        yield found


@pytest.fixture(scope="module")
def prepared(url: str) -> Iterator[Engine]:
    """The schema in place."""
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(prepared: Engine) -> Engine:
    """Empty tables but for two people of one account."""
    with writing(prepared) as session:
        empty(session)
        directory.load(session, PEOPLE, NOW)
    return prepared


def known_of(engine: Engine, mail: Message, *numbers: str, now: datetime = NOW) -> Known:
    """What is known about the mail."""
    with reading(engine) as session:
        return look_up(session, keys(mail, *numbers), now)


def test_the_migrations_make_exactly_the_tables(prepared: Engine) -> None:
    """Neither the migrations nor the table classes know more than the other."""
    with prepared.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    beside = ("alembic_version", "case_search")  # the latter is no table of rows, but an index
    assert [one for one in found if not any(name in str(one) for name in beside)] == []
    script = ScriptDirectory.from_config(migrate.alembic_config())
    assert script.get_current_head() == migrate.HEAD


def test_upgrading_again_changes_nothing(prepared: Engine) -> None:
    """`intake init` may be run at any time."""
    migrate.upgrade(prepared)
    migrate.check(prepared)


def test_a_newer_database_is_refused(prepared: Engine) -> None:
    """An older program says so and touches nothing."""
    with writing(prepared) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        for refusing in (migrate.check, migrate.upgrade):
            with pytest.raises(StoreError, match="newer intake") as caught:
                refusing(prepared)
            assert caught.value.kind == "schema"
        assert not migrate.is_there(prepared)
    finally:
        with writing(prepared) as session:
            session.execute(text("UPDATE alembic_version SET version_num = '0003'"))


def test_a_recorded_mail_is_found_again(engine: Engine) -> None:
    """Ledger, case, history and letter are there, and the sender is known."""
    done = one_mail(engine)
    assert (done.action, done.rule, done.case_number, done.letters) == (
        "create",
        "R20",
        "CASE-1001",
        1,
    )
    with reading(engine) as session:
        row, case = reports.message(session, done.row), reports.case(session, "CASE-1001")
    assert row is not None
    assert case is not None
    assert (row["status"], row["level"], row["contact_id"]) == ("handled", "L3", "zack")
    assert [one["kind"] for one in row["events"]] == ["received", "decided", "opened"]
    assert (case["status"], case["account_id"], case["description"]) == ("open", "bayside", "How?")
    known = known_of(engine, message(digest="x"), "CASE-9", "CASE-1001")
    assert [one.id for one in known.contacts] == ["zack"]
    assert [one.id for one in known.colleagues] == ["kelly"]
    assert known.case is not None
    assert known.case.number == "CASE-1001"
    assert known.next_number == "CASE-1002"
    assert [(one.kind, one.at) for one in known.recent.letters] == [("ack", NOW)]
    assert [one.subject for one in known.recent.mails] == [message().subject]
    assert known_of(engine, message(digest="x"), now=NOW + timedelta(hours=2)).recent.letters
    later = known_of(engine, message(digest="x"), now=NOW + timedelta(days=20))
    assert (later.recent.letters, later.recent.mails) == ((), ())


def test_the_same_mail_is_a_twin_and_never_a_second_case(engine: Engine) -> None:
    """By its bytes, and by Message-ID with body and sender; not by Message-ID alone."""
    one_mail(engine, 1)
    same = message(digest=f"{1:064d}", message_id="<1@bayside.example>")
    assert known_of(engine, same).twin is not None
    redelivered = replace(same, digest="other")
    assert known_of(engine, redelivered).twin is not None
    assert known_of(engine, replace(redelivered, body_digest="new")).twin is None
    assert one_mail(engine, 2, mail=redelivered).action == "ignore"
    with pytest.raises(StoreError) as caught:
        one_mail(engine, 1, mail=replace(same, digest="z", message_id="<z@z.example>"))
    assert caught.value.kind == "constraint"


def test_a_letter_of_one_cause_is_stored_once(engine: Engine) -> None:
    """Whatever is handled twice, the outbox has one row for it."""
    mail = message()
    with writing(engine) as session:
        known = look_up(session, keys(mail), NOW)
        decision = decide(
            mail, replace(SIGNED, contact=known.contacts[0]), COMPLETE, known, POLICY, NOW
        )
        first = record(
            session,
            Entry(arrival(1), mail),
            [Result(decision, [letter(decision, "same")])],
            NOW,
            STAMP,
        )
        change = replace(decision.change, number="CASE-1002") if decision.change else None
        again = replace(decision, change=change)
        second = record(
            session, Entry(arrival(2), mail), [Result(again, [letter(again, "same")])], NOW, STAMP
        )
    assert (first.letters, second.letters) == (1, 0)


def undone(session: Session) -> None:
    """A mail that raises inside its savepoint."""
    with suppress(RuntimeError), savepoint(session):
        vanished(session, arrival(2), NOW)
        raise RuntimeError


def test_a_failing_mail_does_not_take_its_batch_with_it(engine: Engine) -> None:
    """What happens inside its savepoint is undone; the mails around it stay."""
    one_mail(engine, 1)
    with writing(engine) as session:
        undone(session)
        vanished(session, arrival(3), NOW)
    with reading(engine) as session:
        assert [row["uid"] for row in reports.messages(session)] == [3, 1]


def test_a_mail_that_raises_is_tried_thrice_and_shelved(engine: Engine) -> None:
    """Two more passes, then the shelf with the traceback; a later success overwrites the row."""
    states = []
    for _ in range(3):
        with writing(engine) as session:
            shelved = shelve(session, arrival(5, f"{5:064d}"), "Traceback: boom", NOW)
            assert shelved is not None
            states.append(shelved.folder)
    assert states == ["", "", "held"]
    with reading(engine) as session:
        row = reports.messages(session)[0]
        assert (row["status"], row["attempts"]) == ("shelved", 3)
    done = one_mail(engine, 5, row=row["id"])
    assert done.row == row["id"]
    with reading(engine) as session:
        assert reports.messages(session)[0]["status"] == "handled"


@pytest.mark.parametrize("status", ["handled", "held", "ignored", "dropped", "rejected", "shelved"])
def test_an_outcome_is_never_overwritten_by_a_failure(engine: Engine, status: str) -> None:
    """Another worker was first: neither its row becomes deferred, nor is the mail vanished."""
    done = one_mail(engine, 5)
    with writing(engine) as session:
        session.execute(update(MessageRow).values(status=status))
    with writing(engine) as session:
        assert shelve(session, arrival(5, f"{5:064d}"), "late", NOW) is None
        vanished(session, arrival(5, f"{5:064d}"), NOW)
    with reading(engine) as session:
        row = reports.messages(session)[0]
    assert (row["id"], row["status"], row["attempts"]) == (done.row, status, 0)


def test_a_decision_that_came_second_is_refused_whole(engine: Engine) -> None:
    """Of two people who release the same mail the second is told, and nothing of theirs stays."""
    done = one_mail(engine, 5)
    with pytest.raises(StoreError, match="decided by somebody else") as caught:
        one_mail(engine, 5, row=done.row)
    assert caught.value.kind == "constraint"


def test_fields_are_stored_with_history_and_without_private_words_in_it(engine: Engine) -> None:
    """A correction is on record with old and new, student data without its words."""
    value = FieldValue("Grade Book", "Grade Book", "label", "Module", 3, 13)
    steps = FieldValue("Anne's page", "Anne's page", "label")
    first = replace(COMPLETE, fields={"module": value, "steps_to_reproduce": steps})
    one_mail(engine, 1, submission=first)
    module = replace(value, value="Calendar", words="Calendar")
    other = replace(steps, value="Gilbert", words="Gilbert")
    later = replace(
        first, fields={"module": module, "steps_to_reproduce": other}, comment="see above"
    )
    done = one_mail(engine, 2, submission=later, numbers=("CASE-1001",))
    assert (done.action, done.case_number) == ("append", "CASE-1001")
    with reading(engine) as session:
        case, row = reports.case(session, "CASE-1001"), reports.message(session, done.row)
    assert case is not None
    assert row is not None
    assert case["fields"]["module"]["value"] == "Calendar"
    changes = [one["detail"] for one in case["events"] if one["kind"] == "changed"]
    assert {"field": "module", "old": "Grade Book", "new": "Calendar"} in changes
    assert {"field": "steps_to_reproduce"} in changes
    assert "Gilbert" not in str(changes) + str(row["submission"])
    assert row["submission"]["withheld"] == ["steps_to_reproduce"]
    assert [one["detail"] for one in case["events"] if one["kind"] == "comment"] == [
        {"text": "see above"}
    ]


def test_a_question_is_pending_until_it_is_answered(engine: Engine) -> None:
    """What was asked, of whom and in which round; a completing reply closes it."""
    one_mail(engine, 1, submission=replace(COMPLETE, missing=("module",)))
    known = known_of(engine, message(digest="x"), "CASE-1001")
    assert known.pending is not None
    assert (known.pending.asked, known.pending.round) == (("module",), 1)
    assert one_mail(engine, 2, numbers=("CASE-1001",)).action == "complete"
    assert known_of(engine, message(digest="x"), "CASE-1001").pending is None


def test_an_unanswered_draft_is_flagged_and_kept(engine: Engine) -> None:
    """After the days the case bears a flag; nothing is deleted, nothing is flagged twice."""
    one_mail(engine, 1, submission=replace(COMPLETE, missing=("module",)))
    with writing(engine) as session:
        assert retention.expire(session, NOW + timedelta(days=13), 14) == []
        assert retention.expire(session, NOW + timedelta(days=15), 14) == ["CASE-1001"]
        assert retention.expire(session, NOW + timedelta(days=16), 14) == []
        assert reports.status(session).flagged == 1


def test_unstorable_characters_are_replaced(engine: Engine) -> None:
    """NUL and lone surrogates in any text are stored as U+FFFD."""
    bad = "a\x00b\ud800c"
    file = Attachment(bad, "text/plain", "", 1, "s" * 64, False, "1")
    mail = message(subject=bad, attachments=(file,), digest="q" * 64)
    words = FieldValue([bad], bad, "label", bad)
    submission = replace(COMPLETE, subject=bad, description=bad, fields={"module": words})
    one_mail(engine, 1, mail=mail, submission=submission)
    with reading(engine) as session:
        case = reports.case(session, "CASE-1001")
        there = ["s" * 64, "q" * 64]
        assert retention.referenced(session, [*there, "no"], NOW, KEEP) == set(there)
    assert case is not None
    assert case["fields"]["module"]["value"] == ["a\ufffdb\ufffdc"]
    assert case["attachments"][0]["name"] == "a\ufffdb\ufffdc"


def test_mailboxes_remember_how_far_they_were_collected(engine: Engine) -> None:
    """Line, progress, failures and what still is to be moved."""
    with writing(engine) as session:
        assert mailboxes.state(session, "support") is None
        mailboxes.failed(session, "support", NOW, "no route")
        assert mailboxes.state(session, "support") is None
        mailboxes.baseline(session, mailboxes.MailboxState("support", 7, 5, NOW))
        mailboxes.advance(session, "support", 9, NOW)
        state = mailboxes.state(session, "support")
        assert state is not None
        assert (state.uidvalidity, state.next_uid) == (7, 9)
    done = one_mail(engine, 3)
    with writing(engine) as session:
        at = session.get_one(MessageRow, done.row).recorded_at
        row = mailboxes.Row(done.row, 7, 3, f"{3:064d}", "handled", False, "processed", 0, at)
        assert mailboxes.handled(session, "support", 7, [3, 4]) == {3: row}
        assert mailboxes.unsettled(session, "support", 7) == [row]
        assert mailboxes.by_digest(session, "support", [f"{3:064d}", ""])[f"{3:064d}"].uid == 3
        mailboxes.settle(session, [done.row])
        assert mailboxes.unsettled(session, "support", 7) == []
        mailboxes.rebind(session, done.row, 8, 1)
        assert [one.uid for one in mailboxes.unsettled(session, "support", 8)] == [1]


def test_a_case_is_locked_while_a_mail_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its columns are written, so an operator's change must wait and not be lost."""
    with prepared_on("postgresql", tmp_path) as engine:
        with writing(engine) as session:
            directory.load(session, PEOPLE, NOW)
        number = one_mail(engine).case_number
        real, written = write._new_values, list[str]()

        def meanwhile(*words: Any) -> Any:
            with suppress(StoreError), writing(engine) as other:
                other.execute(text("SET LOCAL lock_timeout = '300ms'"))
                other.execute(text("UPDATE cases SET priority = 'Low'"))
                written.append("Low")
            return real(*words)

        monkeypatch.setattr(write, "_new_values", meanwhile)
        change = CaseChange(number, False, "open", "", comment="more")
        with writing(engine) as session:
            write.apply_all(session, [write.Applied(change, 1)], NOW, frozenset())
    assert written == []

"""The store on SQLite and PostgreSQL: one record a mail, whatever is tried twice or at once."""

from __future__ import annotations

import threading
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
from sqlalchemy import event, insert, select, text, update

from intake.adapters.smtp import Failed, InDoubt, Retry, Sent
from intake.letters.letter import Letter
from intake.mail.message import Arrival, Attachment, Message
from intake.model.accounts import AccountEntry, ContactEntry, Entries
from intake.model.context import Keys, Known, SentLetter
from intake.parsers.submission import FieldValue, Return
from intake.store import migrate, outbox, reports, retention
from intake.store.contacts import directory
from intake.store.engine import Engine, StoreError, Unit, open_engine, reading, savepoint, writing
from intake.store.messages import bounces, mailboxes
from intake.store.messages.context import look_up
from intake.store.messages.deferred import shelve, vanished
from intake.store.messages.record import Entry, Recorded, Result, Stamp, record
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.columns import Base
from intake.store.tables.messages import MessageRow
from intake.triage.decision import Decision, decide
from tests.facts import COMPLETE, NOW, POLICY, SIGNED, message
from tests.postgres import empty, postgres

KEEP = retention.Keep(7, 14, 30)
DOT = NOW + timedelta(seconds=660)  # the answer to a final dot has come by then, or never will
STAMP = Stamp("hash", "0.1.0", frozenset({"steps_to_reproduce"}))
PEOPLE = Entries(
    (AccountEntry("bayside", "Bayside School District", ("Bayside",)),),
    (
        ContactEntry("zack", "Zack", ("Zack.Morris@bayside.example",), ("bayside",), "Authorized"),
        ContactEntry("kelly", "Kelly", ("kelly@bayside.example",), ("bayside",), "Technical"),
    ),
)


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
    with writing(prepared) as unit:
        empty(unit)
        directory.load(unit, PEOPLE, NOW)
    return prepared


def arrival(uid: int = 1, digest: str = "d" * 64) -> Arrival:
    """A mail of the support mailbox."""
    return Arrival("support", 7, uid, NOW, digest, 400)


def keys(mail: Message, *numbers: str) -> Keys:
    """What is looked up for that mail."""
    sender = "zack.morris@bayside.example"
    return Keys(mail.digest, sender, mail.message_id, mail.body_digest, numbers)


def letter(decision: Decision, cause: str) -> Letter:
    """An acknowledgement as the record takes it."""
    number = decision.change.number if decision.change else ""
    to = "Zack.Morris@bayside.example"
    return Letter(
        "ack", cause, f"<{cause}@desk.example>", to, "Re", "Hello", b"raw", "zack", number
    )


def one_mail(
    engine: Engine, uid: int = 1, *, mail: Message | None = None, now: datetime = NOW, **more: Any
) -> Recorded:
    """Zack's mail recorded as the rules want it."""
    mail = mail or message(digest=f"{uid:064d}", message_id=f"<{uid}@bayside.example>")
    with writing(engine) as unit:
        known = look_up(unit, keys(mail, *more.get("numbers", ())), now)
        sender = replace(SIGNED, contact=known.contacts[0])
        submission = more.get("submission", COMPLETE)
        decision = decide(mail, sender, submission, known, POLICY, now)
        letters = [letter(decision, f"ack:{mail.digest}")] if decision.letters else []
        row = more.get("row", 0)
        entry = Entry(arrival(uid, mail.digest), mail, row)
        return record(unit, entry, [Result(decision, letters)], now, STAMP)


def known_of(engine: Engine, mail: Message, *numbers: str, now: datetime = NOW) -> Known:
    """What is known about the mail."""
    with reading(engine) as unit:
        return look_up(unit, keys(mail, *numbers), now)


def test_the_migrations_make_exactly_the_tables(prepared: Engine) -> None:
    """Neither the migrations nor the table classes know more than the other."""
    with prepared.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    assert [one for one in found if "alembic_version" not in str(one)] == []
    script = ScriptDirectory.from_config(migrate.alembic_config())
    assert script.get_current_head() == migrate.HEAD


def test_upgrading_again_changes_nothing(prepared: Engine) -> None:
    """`intake init` may be run at any time."""
    migrate.upgrade(prepared)
    migrate.check(prepared)


def test_a_newer_database_is_refused(prepared: Engine) -> None:
    """An older program says so and touches nothing."""
    with writing(prepared) as unit:
        unit.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        for refusing in (migrate.check, migrate.upgrade):
            with pytest.raises(StoreError, match="newer intake") as caught:
                refusing(prepared)
            assert caught.value.kind == "schema"
        assert not migrate.is_there(prepared)
    finally:
        with writing(prepared) as unit:
            unit.execute(text("UPDATE alembic_version SET version_num = '0003'"))


def test_a_recorded_mail_is_found_again(engine: Engine) -> None:
    """Ledger, case, history and letter are there, and the sender is known."""
    done = one_mail(engine)
    assert (done.action, done.rule, done.case_number, done.letters) == (
        "create",
        "R20",
        "CASE-1001",
        1,
    )
    with reading(engine) as unit:
        row, case = reports.message(unit, done.row), reports.case(unit, "CASE-1001")
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
    assert (known.next_number, known.recent.hour, known.recent.day) == (
        "CASE-1002",
        1,
        1,
    )
    assert known_of(engine, message(digest="x"), now=NOW + timedelta(hours=2)).recent.hour == 0


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
    with writing(engine) as unit:
        known = look_up(unit, keys(mail), NOW)
        decision = decide(
            mail, replace(SIGNED, contact=known.contacts[0]), COMPLETE, known, POLICY, NOW
        )
        first = record(
            unit,
            Entry(arrival(1), mail),
            [Result(decision, [letter(decision, "same")])],
            NOW,
            STAMP,
        )
        change = replace(decision.change, number="CASE-1002") if decision.change else None
        again = replace(decision, change=change)
        second = record(
            unit, Entry(arrival(2), mail), [Result(again, [letter(again, "same")])], NOW, STAMP
        )
    assert (first.letters, second.letters) == (1, 0)


def undone(unit: Unit) -> None:
    """A mail that raises inside its savepoint."""
    with suppress(RuntimeError), savepoint(unit):
        vanished(unit, arrival(2), NOW)
        raise RuntimeError


def test_a_failing_mail_does_not_take_its_batch_with_it(engine: Engine) -> None:
    """What happens inside its savepoint is undone; the mails around it stay."""
    one_mail(engine, 1)
    with writing(engine) as unit:
        undone(unit)
        vanished(unit, arrival(3), NOW)
    with reading(engine) as unit:
        assert [row["uid"] for row in reports.messages(unit)] == [3, 1]


def test_a_mail_that_raises_is_tried_thrice_and_shelved(engine: Engine) -> None:
    """Two more passes, then the shelf with the traceback; a later success overwrites the row."""
    states = []
    for _ in range(3):
        with writing(engine) as unit:
            shelved = shelve(unit, arrival(5, f"{5:064d}"), "Traceback: boom", NOW)
            assert shelved is not None
            states.append(shelved.folder)
    assert states == ["", "", "held"]
    with reading(engine) as unit:
        row = reports.messages(unit)[0]
        assert (row["status"], row["attempts"]) == ("shelved", 3)
    done = one_mail(engine, 5, row=row["id"])
    assert done.row == row["id"]
    with reading(engine) as unit:
        assert reports.messages(unit)[0]["status"] == "handled"


@pytest.mark.parametrize("status", ["handled", "held", "ignored", "dropped", "rejected", "shelved"])
def test_an_outcome_is_never_overwritten_by_a_failure(engine: Engine, status: str) -> None:
    """Another worker was first: neither its row becomes deferred, nor is the mail vanished."""
    done = one_mail(engine, 5)
    with writing(engine) as unit:
        unit.execute(update(MessageRow).values(status=status))
    with writing(engine) as unit:
        assert shelve(unit, arrival(5, f"{5:064d}"), "late", NOW) is None
        vanished(unit, arrival(5, f"{5:064d}"), NOW)
    with reading(engine) as unit:
        row = reports.messages(unit)[0]
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
    with reading(engine) as unit:
        case, row = reports.case(unit, "CASE-1001"), reports.message(unit, done.row)
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
    with writing(engine) as unit:
        assert retention.expire(unit, NOW + timedelta(days=13), 14) == []
        assert retention.expire(unit, NOW + timedelta(days=15), 14) == ["CASE-1001"]
        assert retention.expire(unit, NOW + timedelta(days=16), 14) == []
        assert reports.status(unit).flagged == 1


def test_unstorable_characters_are_replaced(engine: Engine) -> None:
    """NUL and lone surrogates in any text are stored as U+FFFD."""
    bad = "a\x00b\ud800c"
    file = Attachment(bad, "text/plain", "", 1, "s" * 64, False, "1")
    mail = message(subject=bad, attachments=(file,), digest="q" * 64)
    words = FieldValue([bad], bad, "label", bad)
    submission = replace(COMPLETE, subject=bad, description=bad, fields={"module": words})
    one_mail(engine, 1, mail=mail, submission=submission)
    with reading(engine) as unit:
        case = reports.case(unit, "CASE-1001")
        there = ["s" * 64, "q" * 64]
        assert retention.referenced(unit, [*there, "no"], NOW, KEEP) == set(there)
    assert case is not None
    assert case["fields"]["module"]["value"] == ["a\ufffdb\ufffdc"]
    assert case["attachments"][0]["name"] == "a\ufffdb\ufffdc"


def test_mailboxes_remember_how_far_they_were_collected(engine: Engine) -> None:
    """Line, progress, failures and what still is to be moved."""
    with writing(engine) as unit:
        assert mailboxes.state(unit, "support") is None
        mailboxes.failed(unit, "support", NOW, "no route")
        assert mailboxes.state(unit, "support") is None
        mailboxes.baseline(unit, mailboxes.MailboxState("support", 7, 5, NOW))
        mailboxes.advance(unit, "support", 9, NOW)
        state = mailboxes.state(unit, "support")
        assert state is not None
        assert (state.uidvalidity, state.next_uid) == (7, 9)
    done = one_mail(engine, 3)
    with writing(engine) as unit:
        at = unit.get_one(MessageRow, done.row).recorded_at
        row = mailboxes.Row(done.row, 7, 3, f"{3:064d}", "handled", False, "processed", 0, at)
        assert mailboxes.handled(unit, "support", 7, [3, 4]) == {3: row}
        assert mailboxes.unsettled(unit, "support", 7) == [row]
        assert mailboxes.by_digest(unit, "support", [f"{3:064d}", ""])[f"{3:064d}"].uid == 3
        mailboxes.settle(unit, [done.row])
        assert mailboxes.unsettled(unit, "support", 7) == []
        mailboxes.rebind(unit, done.row, 8, 1)
        assert [one.uid for one in mailboxes.unsettled(unit, "support", 8)] == [1]


def test_a_letter_goes_from_due_to_sent(engine: Engine) -> None:
    """Claimed with a fence, in doubt before the dot, sent with the server's words."""
    one_mail(engine, 1)
    with writing(engine) as unit:
        assert outbox.any_due(unit, NOW)
        claimed = outbox.claim(unit, NOW, 90, 10)
        assert [(one.fence, one.attempts, one.raw) for one in claimed] == [(1, 1, b"raw")]
        assert outbox.claim(unit, NOW, 90, 10) == []
        assert outbox.mark_in_doubt(unit, [(claimed[0].id, 1)], DOT) == []
        assert outbox.settle(unit, [(claimed[0].id, 1, Sent("250 ok"))], NOW) == []
        assert outbox.counts(unit) == {"sent": 1}
        assert not outbox.any_due(unit, NOW + timedelta(days=9))


def test_a_late_worker_is_refused(engine: Engine) -> None:
    """After its lease another may claim; the old fence neither marks nor settles."""
    one_mail(engine, 1)
    with writing(engine) as unit:
        first = outbox.claim(unit, NOW, 90, 10)[0]
        second = outbox.claim(unit, NOW + timedelta(seconds=91), 90, 10)[0]
        assert second.fence == 2
        assert outbox.mark_in_doubt(unit, [(first.id, first.fence)], DOT) == [first.id]
        assert outbox.settle(unit, [(first.id, first.fence, Sent("250"))], NOW) == [first.id]
        assert outbox.mark_in_doubt(unit, [(second.id, second.fence)], DOT) == []


def test_what_a_server_puts_off_is_tried_later_and_given_up_after_days(engine: Engine) -> None:
    """5 minutes doubling to 67, then failed; a refusal is final, a doubt stays."""
    one_mail(engine, 1)
    waits = []
    now = NOW
    with writing(engine) as unit:
        for _ in range(7):
            claimed = outbox.claim(unit, now, 90, 10)[0]
            outbox.settle(unit, [(claimed.id, claimed.fence, Retry("451 later"))], now)
            due = datetime.fromisoformat(reports.letters(unit)[0]["due_at"])
            waits.append((due - now).total_seconds())
            now = due
        late = NOW + timedelta(days=6)
        claimed = outbox.claim(unit, late, 90, 10)[0]
        outbox.settle(unit, [(claimed.id, claimed.fence, Retry("451 later"))], late)
        assert outbox.counts(unit) == {"failed": 1}
    assert waits == [300, 600, 1200, 2400, 4000, 4000, 4000]
    for outcome, state in ((Failed("550 no"), "failed"), (InDoubt("cut"), "in_doubt")):
        with writing(engine) as unit:
            assert reports.retry(unit, claimed.id, "operator:x", late) == ""
            again = outbox.claim(unit, late, 90, 10)[0]
            outbox.settle(unit, [(again.id, again.fence, outcome)], late)
            assert outbox.counts(unit) == {state: 1}


def test_a_crash_at_the_dot_leaves_a_doubt_that_is_said_once(engine: Engine) -> None:
    """The letter is not sent again by itself; its history says why."""
    one_mail(engine, 1)
    with writing(engine) as unit:
        claimed = outbox.claim(unit, NOW, 90, 10)[0]
        outbox.mark_in_doubt(unit, [(claimed.id, 1)], DOT)
        assert outbox.after_crash(unit, NOW) == 0
        assert outbox.after_crash(unit, DOT) == 0, "a slow server's answer may still come"
        later = DOT + timedelta(seconds=1)
        assert outbox.after_crash(unit, later) == 1
        assert outbox.after_crash(unit, later) == 0
        assert outbox.claim(unit, later, 90, 10) == []


@pytest.mark.parametrize("change", ["disabled", "address gone"])
def test_a_letter_to_somebody_who_left_is_put_aside(engine: Engine, change: str) -> None:
    """The recipient is checked again at the moment of sending."""
    one_mail(engine, 1)
    with writing(engine) as unit:
        if change == "disabled":
            directory.set_active(unit, "zack", False, NOW)
        else:
            entry = replace(PEOPLE.contacts[0], emails=("new@bayside.example",))
            directory.load(unit, Entries(contacts=(entry,)), NOW)
        unit.flush()
        assert outbox.claim(unit, NOW, 90, 10) == []
        row = reports.letters(unit)[0]
    assert row["state"] == "suppressed"
    assert row["reply"]


def test_four_workers_never_claim_the_same_letter(engine: Engine) -> None:
    """Claims at the same time are disjoint and miss nothing."""
    for uid in range(1, 41):
        now = NOW + timedelta(days=uid)
        mail = message(digest=f"{uid:064d}", message_id=f"<{uid}@b.example>", received_at=now)
        one_mail(engine, uid, mail=mail, now=now)
    found: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with writing(engine) as unit:
                got = outbox.claim(unit, NOW + timedelta(days=90), 90, 3)
            if not got:
                return
            with lock:
                found.extend(one.id for one in got)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == len(set(found)) == 40


def test_two_batches_at_once_get_different_numbers(engine: Engine) -> None:
    """The counter is never read by two at a time."""
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for uid in range(first, first + 10):
                one_mail(engine, uid, now=NOW + timedelta(days=uid))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    workers = [threading.Thread(target=work, args=(start,)) for start in (100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with reading(engine) as unit:
        assert len(set(reports.case_numbers(unit))) == 20


def test_no_look_up_scans_a_table(tmp_path: Path) -> None:
    """What one mail costs does not grow with the number of mails, cases or contacts."""
    engine = open_engine(f"sqlite:///{tmp_path}/plan.db")
    migrate.upgrade(engine)
    with writing(engine) as unit:
        directory.load(unit, PEOPLE, NOW)
    one_mail(engine, 1)
    seen: list[tuple[str, Any]] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda c, cursor, statement, parameters, context, many: seen.append(
            (statement, parameters)
        ),
    )
    one_mail(engine, 2, numbers=("CASE-1001",))
    with writing(engine) as unit:
        mailboxes.handled(unit, "support", 7, [1, 2])
        mailboxes.unsettled(unit, "support", 7)
        outbox.any_due(unit, NOW)
        outbox.claim(unit, NOW, 90, 10)
    letter = SentLetter("<a@desk.example>", "ack", "zack.morris@bayside.example", "zack", "")
    gone = Return("bounce", letter.recipient, "5.1.1", hard=True, ids=(), words="")
    with writing(engine) as unit:
        for number in (1, 2):
            bounces.note(unit, letter, gone, number, NOW)
    plans = []
    with engine.connect() as connection:
        for statement, parameters in [
            one for one in seen if one[0].startswith(("SELECT", "UPDATE"))
        ]:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans += [(row[3], statement) for row in rows if row[3].startswith("SCAN")]
    engine.dispose()
    small = ("accounts", "suppressions", "counters", "CONSTANT", "anon_1")  # a list with a limit
    assert [plan for plan in plans if not any(name in plan[0] for name in small)] == []


def test_broken_databases_are_one_clear_line(tmp_path: Path) -> None:
    """Wrong URL, no database file, a folder that cannot be: kind and place, no traceback."""
    for wrong in ("nonsense", "mysql://x/y"):
        with pytest.raises(StoreError, match=r"database\.url"):
            open_engine(wrong)
    file = tmp_path / "x.db"
    file.write_bytes(b"this is no database at all, but long enough to look at" * 30)
    with pytest.raises(StoreError) as caught:
        migrate.check(open_engine(f"sqlite:///{file}"))
    assert caught.value.kind == "corrupt"
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(StoreError, match="blocked"):
        open_engine(f"sqlite:///{tmp_path}/blocked/x.db")
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreError) as caught:
        migrate.check(engine)
    assert caught.value.kind == "connect"
    empty = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(StoreError, match="intake init"):
        migrate.check(empty)
    memory = open_engine("sqlite://")
    migrate.upgrade(memory)
    migrate.check(memory)


def test_cases_whose_account_was_asked_for_lose_the_one_they_stood_under(engine: Engine) -> None:
    """The migration takes them from the account whose people could see them; no others."""
    from alembic import command

    done = [one_mail(engine, number) for number in (1, 2)]
    with writing(engine) as unit:
        unit.execute(
            insert(PendingFormRow).values(
                case_number=done[0].case_number, contact_id="zack", asked=["account", "module"],
                message_id_header="<q@desk.example>", text="", round=1, asked_at=NOW, state="open",
            )
        )  # fmt: skip
        config = migrate.alembic_config()
        config.attributes["connection"] = unit.connection()
        unit.execute(text("ALTER TABLE mailboxes DROP COLUMN dated_below"))  # of a later one
        command.stamp(config, "0003")
    migrate.upgrade(engine)
    with reading(engine) as unit:
        found = dict(unit.execute(select(CaseRow.number, CaseRow.account_id)).all())  # type: ignore[arg-type]  # columns, not values
    assert found == {done[0].case_number: "", done[1].case_number: "bayside"}

"""The outbox and its neighbours on SQLite and PostgreSQL: claims, doubts, look-ups, migrations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text

from intake.adapters.smtp import Failed, InDoubt, Retry, Sent
from intake.model.accounts import Entries
from intake.model.context import SentLetter
from intake.parsers.submission import Return
from intake.store import migrate, outbox, reports
from intake.store.contacts import directory
from intake.store.engine import Engine, StoreError, open_engine, reading, writing
from intake.store.messages import bounces, mailboxes
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.contacts import SuppressionRow
from tests.support.postgres import empty, postgres
from tests.support.records import DOT, PEOPLE, one_mail
from tests.support.values import NOW, message


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


def test_a_letter_goes_from_due_to_sent(engine: Engine) -> None:
    """Claimed with a fence, in doubt before the dot, sent with the server's words."""
    one_mail(engine, 1)
    with writing(engine) as session:
        assert outbox.any_due(session, NOW)
        claimed = outbox.claim(session, NOW, 90, 10)
        assert [(one.fence, one.attempts, one.raw) for one in claimed] == [(1, 1, b"raw")]
        assert outbox.claim(session, NOW, 90, 10) == []
        assert outbox.mark_in_doubt(session, [(claimed[0].id, 1)], DOT) == []
        assert outbox.settle(session, [(claimed[0].id, 1, Sent("250 ok"))], NOW) == []
        assert outbox.counts(session) == {"sent": 1}
        assert not outbox.any_due(session, NOW + timedelta(days=9))


def test_a_late_worker_is_refused(engine: Engine) -> None:
    """After its lease another may claim; the old fence neither marks nor settles."""
    one_mail(engine, 1)
    with writing(engine) as session:
        first = outbox.claim(session, NOW, 90, 10)[0]
        second = outbox.claim(session, NOW + timedelta(seconds=91), 90, 10)[0]
        assert second.fence == 2
        assert outbox.mark_in_doubt(session, [(first.id, first.fence)], DOT) == [first.id]
        assert outbox.settle(session, [(first.id, first.fence, Sent("250"))], NOW) == [first.id]
        assert outbox.mark_in_doubt(session, [(second.id, second.fence)], DOT) == []


def test_what_a_server_puts_off_is_tried_later_and_given_up_after_days(engine: Engine) -> None:
    """5 minutes doubling to 67, then failed; a refusal is final, a doubt stays."""
    one_mail(engine, 1)
    waits = []
    now = NOW
    with writing(engine) as session:
        for _ in range(7):
            claimed = outbox.claim(session, now, 90, 10)[0]
            outbox.settle(session, [(claimed.id, claimed.fence, Retry("451 later"))], now)
            due = datetime.fromisoformat(reports.letters(session)[0]["due_at"])
            waits.append((due - now).total_seconds())
            now = due
        late = NOW + timedelta(days=6)
        claimed = outbox.claim(session, late, 90, 10)[0]
        outbox.settle(session, [(claimed.id, claimed.fence, Retry("451 later"))], late)
        assert outbox.counts(session) == {"failed": 1}
    assert waits == [300, 600, 1200, 2400, 4000, 4000, 4000]
    for outcome, state in ((Failed("550 no"), "failed"), (InDoubt("cut"), "in_doubt")):
        with writing(engine) as session:
            assert outbox.retry(session, claimed.id, "operator:x", late) == ""
            again = outbox.claim(session, late, 90, 10)[0]
            outbox.settle(session, [(again.id, again.fence, outcome)], late)
            assert outbox.counts(session) == {state: 1}


def test_a_crash_at_the_dot_leaves_a_doubt_that_is_said_once(engine: Engine) -> None:
    """The letter is not sent again by itself; its history says why."""
    one_mail(engine, 1)
    with writing(engine) as session:
        claimed = outbox.claim(session, NOW, 90, 10)[0]
        outbox.mark_in_doubt(session, [(claimed.id, 1)], DOT)
        assert outbox.after_crash(session, NOW) == 0
        assert outbox.after_crash(session, DOT) == 0, "a slow server's answer may still come"
        later = DOT + timedelta(seconds=1)
        assert outbox.after_crash(session, later) == 1
        assert outbox.after_crash(session, later) == 0
        assert outbox.claim(session, later, 90, 10) == []


@pytest.mark.parametrize("change", ["disabled", "address gone"])
def test_a_letter_to_somebody_who_left_is_put_aside(engine: Engine, change: str) -> None:
    """The recipient is checked again at the moment of sending."""
    one_mail(engine, 1)
    with writing(engine) as session:
        if change == "disabled":
            directory.set_active(session, "zack", False, NOW)
        else:
            entry = replace(PEOPLE.contacts[0], emails=("new@bayside.example",))
            directory.load(session, Entries(contacts=(entry,)), NOW)
        session.flush()
        assert outbox.claim(session, NOW, 90, 10) == []
        row = reports.letters(session)[0]
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
            with writing(engine) as session:
                got = outbox.claim(session, NOW + timedelta(days=90), 90, 3)
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
    with reading(engine) as session:
        assert len(set(reports.case_numbers(session))) == 20


def test_no_look_up_scans_a_table(tmp_path: Path) -> None:
    """What one mail costs does not grow with the number of mails, cases or contacts."""
    engine = open_engine(f"sqlite:///{tmp_path}/plan.db")
    migrate.upgrade(engine)
    with writing(engine) as session:
        directory.load(session, PEOPLE, NOW)
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
    with writing(engine) as session:
        mailboxes.handled(session, "support", 7, [1, 2])
        mailboxes.unsettled(session, "support", 7)
        outbox.any_due(session, NOW)
        outbox.claim(session, NOW, 90, 10)
    letter = SentLetter("<a@desk.example>", "ack", "zack.morris@bayside.example", "zack", "")
    gone = Return("bounce", letter.recipient, "5.1.1", hard=True, ids=(), words="")
    with writing(engine) as session:
        for number in (1, 2):
            bounces.note(session, letter, gone, number, NOW)
    plans = []
    with engine.connect() as connection:
        for statement, parameters in [
            one for one in seen if one[0].startswith(("SELECT", "UPDATE"))
        ]:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans += [(row[3], statement) for row in rows if row[3].startswith("SCAN")]
    engine.dispose()
    small = ("accounts", "suppressions", "counters", "CONSTANT", "anon_1", "(subquery")  # limited
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
    with writing(engine) as session:
        session.execute(
            insert(PendingFormRow).values(
                case_number=done[0].case_number, contact_id="zack", asked=["account", "module"],
                message_id_header="<q@desk.example>", text="", round=1, asked_at=NOW, state="open",
            )
        )  # fmt: skip
        config = migrate.alembic_config()
        config.attributes["connection"] = session.connection()
        session.execute(text("ALTER TABLE mailboxes DROP COLUMN dated_below"))  # of later ones
        session.execute(text("ALTER TABLE suppressions DROP COLUMN kind"))
        command.stamp(config, "0003")
    migrate.upgrade(engine)
    with reading(engine) as session:
        found = dict(session.execute(select(CaseRow.number, CaseRow.account_id)).all())  # type: ignore[arg-type]  # columns, not values
    assert found == {done[0].case_number: "", done[1].case_number: "bayside"}


def test_what_bounced_and_what_looped_are_told_apart_after_an_upgrade(engine: Engine) -> None:
    """Until then only the words of the reason said it."""
    from alembic import command

    reasons = {"a@x.example": "bounced 5.1.1", "b@x.example": "loop: 3 mails of ours came back"}
    with writing(engine) as session:
        for key, reason in reasons.items():
            session.add(SuppressionRow(key=key, reason=reason, since=NOW))
        session.flush()
        config = migrate.alembic_config()
        config.attributes["connection"] = session.connection()
        session.execute(text("ALTER TABLE suppressions DROP COLUMN kind"))
        command.stamp(config, "0005")
    migrate.upgrade(engine)
    with reading(engine) as session:
        found = {row.key: row.kind for row in session.scalars(select(SuppressionRow))}
    assert found == {"a@x.example": "bounced", "b@x.example": "loop"}

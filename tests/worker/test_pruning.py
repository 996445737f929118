"""What is long over loses its words, in every table and on the disk; what happened stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import event, select, text

from intake.store import migrate, pruning, retention, webhooks
from intake.store.cases import manual
from intake.store.contacts import directory
from intake.store.engine import Engine, open_engine, reading, writing
from intake.store.pruning import Ages, Pruned
from intake.store.tables.cases import CaseRow
from intake.store.tables.incidents import HookDeliveryRow, HookEventRow
from intake.store.tables.outbox import OutboxRow
from intake.worker import service
from tests.support import installation
from tests.support.postgres import empty, postgres
from tests.support.records import PEOPLE, one_mail
from tests.support.service import AMY, BEN
from tests.support.staff_desk import StaffDesk
from tests.support.values import NOW

KEPT = (
    "[retention]\ncase_days = 365\nmail_days = 365\nletter_days = 365\nnotice_days = 365\n"
    "orphan_blob_hours = 1\n"
)
PARTS = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=cut"]
WITH_FILE = (
    "--cut\nContent-Type: text/plain\n\nCase Type: Ask a Question\nKazoo Label: nothing\n"
    "Description: Wherefore the xylophone?\n--cut\nContent-Type: text/plain\n"
    "Content-Disposition: attachment; filename=pupils.txt\n\nnames of pupils zebra\n--cut--\n"
)
OLD = (
    b"ylophone", b"Quixotic", b"zebra", b"pupils.txt", b"axophone", b"urther oboe", b"tuba player",
    b"ukulele", b"assoon", b"theremin", b"Stranger Danger", b"azoo",
)  # fmt: skip


def told(desk: StaffDesk) -> None:
    """A case with a file, an answer, a reply, a note, and its end; a stranger; another case."""
    desk.say(AMY, WITH_FILE, fields=PARTS, subject="Quixotic matter")
    desk.staff("Try the saxophone.")
    answer = desk.answers()[-1]
    desk.say(AMY, "Further oboe questions.", to=str(answer["Message-ID"]))
    desk.cli("cases", "note", "CASE-1001", "called about the tuba player")
    desk.cli("cases", "set", "CASE-1001", "priority=High", "--why", "an ukulele")
    desk.cli("cases", "close", "CASE-1001", "--why", "done", "--tell", "Use a bassoon.")
    desk.say("Stranger Danger <x@nobody.example>", "A theremin for you", subject="theremin")
    desk.cli("messages", "reject", str(desk.messages()[-1]["id"]), "--why", "spam")
    desk.say(BEN, "Case Type: Ask a Question\nDescription: My harmonica squeaks.\n")
    desk.cli("cases", "search", "xylophone")
    desk.work()


def pass_in(desk: StaffDesk, days: float) -> None:
    """A pass of `intake once` so many days from now, with its daily cleaning."""
    (desk.folder / "var/cleaned").unlink(missing_ok=True)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        assert service.once(desk.config).failures == []


@pytest.mark.takes_blobs
def test_no_word_of_an_old_case_is_left(tmp_path: Path) -> None:
    """A day too early all is there; then every trace of the words is gone, and nothing else."""
    desk = StaffDesk.open(tmp_path, more=KEPT)
    told(desk)
    pass_in(desk, 364)
    held = installation.everything_on_disk(desk.folder)
    assert [one for one in OLD if one not in held] == [b"theremin", b"Stranger Danger"], (
        "a stranger's mail has its own, shorter time"
    )
    before = desk.case("CASE-1001")

    pass_in(desk, 367)
    held = installation.everything_on_disk(desk.folder)
    assert [one for one in OLD if one in held] == []
    assert b"harmonica squeaks" in held, "an open case keeps everything"

    after = desk.case("CASE-1001")
    same = ("number", "account_id", "contact_id", "type", "priority", "status", "closed_at")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert (after["subject"], after["description"], after["attachments"]) == ("(removed)", "", [])
    assert len(after["events"]) == len(before["events"]) + 1, "what happened stays, and when"
    shown = desk.cli("cases", "show", "CASE-1001")
    assert "removed the words, as they were old" in " ".join(shown.split())
    assert [len(one["digest"]) for one in desk.messages()] == [64] * len(desk.messages())


@pytest.mark.takes_blobs
def test_life_goes_on_after_the_words_are_gone(tmp_path: Path) -> None:
    """Nothing is handled twice or missed, and commands say what is the matter."""
    desk = StaffDesk.open(tmp_path, more=KEPT)
    told(desk)
    ours = str(desk.posted(AMY)[0]["Message-ID"])
    first = desk.messages()[0]
    raw = desk.cli("messages", "raw", str(first["id"]))
    pass_in(desk, 400)
    assert desk.cli("messages", "show", str(first["id"]))
    assert "its bytes were removed on" in desk.cli("messages", "raw", str(first["id"]), code=74)
    found = json.loads(installation.command(desk.config, "reconcile", "--json").stdout)
    assert (found["missing"], found["lost"]) == ([], [])
    installation.command(desk.config, "backup", str(tmp_path / "copy"))
    desk.put_raw(raw)
    desk.work()
    assert desk.messages()[-1]["status"] == "ignored", "the same mail again is known"
    with time_machine.travel(datetime.now(UTC) + timedelta(days=401)):
        desk.say(AMY, "One more thing: the celesta.", to=ours)
        desk.cli("cases", "reopen", "CASE-1001")
        desk.cli("cases", "note", "CASE-1001", "about the glockenspiel")
        desk.cli("cases", "close", "CASE-1001", "--why", "again")
    numbers = [(one["number"], one["follows"]) for one in desk.cases()]
    assert numbers[-1] == ("CASE-1003", "CASE-1001")
    assert b"glockenspiel" in installation.everything_on_disk(desk.folder)
    pass_in(desk, 800)
    assert b"glockenspiel" not in installation.everything_on_disk(desk.folder), (
        "opened and closed again"
    )


@pytest.mark.takes_blobs
def test_by_default_no_case_is_pruned(tmp_path: Path) -> None:
    """Whoever sets nothing keeps all words, for years."""
    desk = StaffDesk.open(tmp_path)
    told(desk)
    pass_in(desk, 5000)
    held = installation.everything_on_disk(desk.folder)
    gone = [one for one in OLD if one not in held]
    assert gone in ([], [b"Stranger Danger", b"theremin"], [b"theremin", b"Stranger Danger"])


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Two people and no mails, in a database of each kind."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/intake.db"
        if request.param == "postgresql":
            url = stack.enter_context(postgres())
        made = open_engine(url)
        migrate.upgrade(made)
        with writing(made) as session:
            empty(session)
            directory.load(session, PEOPLE, NOW)
        yield made
        made.dispose()


def pruned(engine: Engine, days: int, ages: Ages) -> Pruned:
    """One transaction so many days after everything happened."""
    with writing(engine) as session:
        return pruning.prune(session, NOW + timedelta(days=days), ages)


ALL = Ages(100, 100, 100, 100, 100)


def test_it_goes_in_parts_and_comes_to_an_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small transactions; letters that wait keep their case whole; zero means never."""
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    for uid in range(1, 6):
        one_mail(engine, uid)
    with reading(engine) as session:
        numbers = list(session.scalars(select(CaseRow.number)))
    with writing(engine) as session:
        session.execute(text("UPDATE outbox SET state = 'sent'"))
        session.execute(text("UPDATE outbox SET state = 'due' WHERE case_number = 'CASE-1001'"))
        for number in numbers:
            assert manual.set_status(session, number, "closed", "operator:ann", "", NOW) == ""
    assert not pruned(engine, 5000, Ages())
    assert not pruned(engine, 100, ALL)
    assert [pruned(engine, 101, ALL).cases for _ in range(3)] == [2, 2, 0]
    with reading(engine) as session:
        left = select(CaseRow.number).where(CaseRow.subject != "(removed)")
        assert list(session.scalars(left)) == ["CASE-1001"]
        letters = select(OutboxRow.case_number).where(OutboxRow.raw != b"")
        assert list(session.scalars(letters)) == ["CASE-1001"]
        digests = [f"{uid:064d}" for uid in range(1, 6)]
        keep = retention.Keep(7, 14, 30)
        assert retention.referenced(session, digests, NOW, keep) == {digests[0]}


def test_events_for_other_programs_go_when_all_have_them(engine: Engine) -> None:
    """One that waits for a program stays, however old it is; and one nobody has looked at."""
    with writing(engine) as session:
        for kind in ("done", "failed", "due", "claimed", "fresh"):
            webhooks.emit(session, "case.opened", {"was": kind}, NOW)
        session.flush()
        rows = list(session.scalars(select(HookEventRow).order_by(HookEventRow.id)))
        for row in rows[:4]:
            row.fanned_out = True
            session.add(
                HookDeliveryRow(
                    event_id=row.id or 0, hook="x", state=row.payload["was"], due_at=NOW,
                    created_at=NOW,
                )
            )  # fmt: skip
    assert pruned(engine, 101, ALL).hook_events == 2
    with reading(engine) as session:
        left = sorted(row.payload["was"] for row in session.scalars(select(HookEventRow)))
        assert left == ["claimed", "due", "fresh"]
        assert len(list(session.scalars(select(HookDeliveryRow)))) == 2
    assert not pruned(engine, 101, ALL)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by size
def test_the_queries_use_their_indexes(engine: Engine) -> None:
    """The partial ones, which hold only what has words left."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    pruned(engine, 101, ALL)
    plans = []
    with engine.connect() as link:
        for statement in seen:
            marks = statement.count("?")
            rows = link.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", (NOW.isoformat(),) * marks
            )
            plans.append(" ".join(row[3] for row in rows))
    joined = " | ".join(plans)
    for name in ("ix_cases_unpruned", "ix_messages_unpruned", "ix_outbox_unpruned"):
        assert name in joined, joined

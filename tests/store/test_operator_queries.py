"""What operators ask and change, on SQLite and PostgreSQL: search, lists, health, erasure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from intake.adapters.smtp import Failed, Sent
from intake.model.authorship import By
from intake.store import figures, listings, migrate, outbox, overdue, relay_refusals, search
from intake.store.cases import by_hand
from intake.store.contacts import accounts, directory, personal_data
from intake.store.engine import Engine, open_engine, reading, writing
from intake.store.tables.cases import CaseRow
from intake.store.tables.outbox import EventRow, OutboxRow
from tests.support.postgres import empty, postgres
from tests.support.records import PEOPLE, one_mail
from tests.support.values import NOW

BY = By("operator:ann", NOW)
POLICY = "550 5.7.1 your network is on our block list"


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
        session.connection().exec_driver_sql("DELETE FROM case_search")
        empty(session)
        directory.load(session, PEOPLE, NOW)
    return prepared


def opened(engine: Engine, subject: str, at: datetime = NOW) -> str:
    """A case by hand; its number."""
    new = by_hand.NewCase("bayside", "zack", "ask_question", "Low", "support", subject)
    with writing(engine) as session:
        return by_hand.create(session, new, "CASE-", By("operator:ann", at))


def found(engine: Engine, words: str) -> list[str]:
    """The search after the index was brought up."""
    more = True
    while more:
        with writing(engine) as session:
            more = search.refresh(session)
    with reading(engine) as session:
        return search.find(session, words, 50)


def test_words_are_found_by_their_beginnings(engine: Engine) -> None:
    """All words must occur; whatever a person types is a search, never an error."""
    opened(engine, "The printer in room 12 is on fire")
    opened(engine, "Printing of report cards: O'Neill, 50% (x-ray)")
    assert found(engine, "print") == ["CASE-1002", "CASE-1001"] or set(
        found(engine, "print")
    ) == {"CASE-1001", "CASE-1002"}  # fmt: skip
    assert found(engine, "PRINTER fire") == ["CASE-1001"]
    assert found(engine, "o'neill") == found(engine, "x-ray") == ["CASE-1002"]
    for odd in (
        "",
        "  ",
        "&",
        "!:*",
        "a & | b",
        "'; DROP TABLE cases",
        '"',
        "\\",
        "NOT",
        "x" * 900,
    ):
        assert isinstance(found(engine, odd), list)
    with writing(engine) as session:
        by_hand.note(session, "CASE-1001", "zanzibar", By("operator:ann", NOW))
    assert found(engine, "zanzi") == ["CASE-1001"]
    with writing(engine) as session:
        search.forget(session, ["CASE-1001"])
    with reading(engine) as session:
        assert search.find(session, "zanzibar", 50) == []


def test_many_changed_cases_are_indexed_in_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one transaction; cases of one moment are never left out."""
    monkeypatch.setattr(search, "CHUNK", 3)
    for number in range(10):
        opened(engine, f"word{number} common", NOW + timedelta(hours=number // 4))
    assert len(found(engine, "common")) == 10
    assert found(engine, "word7") == ["CASE-1008"]


def test_lists_count_all_and_show_a_page(engine: Engine) -> None:
    """The total is of all pages; a sign of LIKE in a filter is a letter."""
    for number in range(5):
        opened(engine, f"100% of_{number}")
    with reading(engine) as session:
        listed = listings.cases(session, listings.CasesWanted(), listings.Page(2, 2))
        assert (listed.total, [row["number"] for row in listed.rows]) == (
            5, ["CASE-1003", "CASE-1002"],
        )  # fmt: skip
        by_text = listings.CasesWanted(text="% OF_3")
        assert listings.cases(session, by_text, listings.Page()).total == 1
        assert listings.cases(session, listings.CasesWanted(text="%_%"), listings.Page()).total == 0


def test_late_letters_and_counts_are_seen(engine: Engine) -> None:
    """What is due since before the moment, and nothing that is due later."""
    one_mail(engine, 1)
    with reading(engine) as session:
        late = overdue.troubles(session, NOW + timedelta(hours=1), NOW + timedelta(minutes=1))
        early = overdue.troubles(session, NOW, NOW - timedelta(minutes=1))
        counts = figures.counts(session, NOW + timedelta(hours=1))
    assert [str(one) for one in late] == ["letters: 1 are due and were not sent"]
    assert early == []
    assert (counts.letters, counts.messages, counts.cases) == (
        {"due": 1}, {"handled": 1}, {"open": 1},
    )  # fmt: skip
    assert counts.oldest_letter == NOW


def refused(engine: Engine, letters: int, reply: str, people: int = 9) -> int:
    """So many letters, refused with that reply; how many are taken back."""
    with writing(engine) as session:
        for number in range(letters):
            session.add(
                OutboxRow(
                    cause=f"x:{reply}:{number}", kind="ack", message_id_header=f"<{number}@x>",
                    contact_id="zack", recipient=f"p{number % people}@d{number % people}.example",
                    subject="", text="", raw=b"", due_at=NOW, created_at=NOW,
                )
            )  # fmt: skip
        session.flush()
        for row in session.scalars(select(OutboxRow).where(OutboxRow.state == "due")).all():
            row.state, row.fence = "claimed", 1
            session.flush()
            outbox.settle(session, [(row.id or 0, 1, Failed(reply))], NOW)
        return relay_refusals.take_back(session, [], NOW)


@pytest.mark.parametrize(
    ("reply", "letters", "people", "taken"),
    [
        (POLICY, 3, 9, 3), (POLICY, 2, 9, 0), (POLICY, 5, 2, 0),
        ("535 5.7.8 authentication failed", 4, 9, 4), ("554 blocked using list.example", 3, 9, 3),
        ("550 5.1.1 no such user", 4, 9, 0), ("552 5.3.4 message too big", 4, 9, 0),
        ("550 mailbox unavailable", 4, 9, 0), ("550 5.2.2 mailbox full", 4, 9, 0),
    ],
)  # fmt: skip
def test_only_refusals_of_everybody_are_taken_back(
    engine: Engine, reply: str, letters: int, people: int, taken: int
) -> None:
    """Three different people, and a reason that is not about one of them."""
    assert refused(engine, letters, reply, people) == taken


def test_an_accepted_letter_ends_the_streak(engine: Engine) -> None:
    """What was refused before it stays refused."""
    assert refused(engine, 2, POLICY) == 0
    with writing(engine) as session:
        row = OutboxRow(
            cause="good", kind="ack", message_id_header="<g@x>", contact_id="zack",
            recipient="g@x.example", subject="", text="", raw=b"", due_at=NOW, created_at=NOW,
            state="claimed", fence=1,
        )  # fmt: skip
        session.add(row)
        session.flush()
        outbox.settle(session, [(row.id or 0, 1, Sent("250 ok"))], NOW + timedelta(seconds=1))
        assert relay_refusals.take_back(session, [], NOW) == 0


def test_a_person_is_erased_on_both_databases(engine: Engine) -> None:
    """No table keeps the address; the case and the mail stay as rows."""
    one_mail(engine, 1)
    with writing(engine) as session:
        made = personal_data.erase(session, "zack", "operator:ann", NOW)
    with reading(engine) as session:
        left = personal_data.holdings(session, made.contact_id)
        row = session.scalars(select(CaseRow)).one()
        assert (row.contact_id, row.subject) == (made.contact_id, "(erased)")
    assert "zack" not in str(left.rows).lower().replace(made.contact_id, "")
    assert len(left.rows["messages"]) == 1


def test_no_address_stays_in_a_cause_a_key_or_the_history(engine: Engine) -> None:
    """A letter whose cause is the address, two notices of one update, an event that names them."""
    one_mail(engine, 1)
    address = "zack.morris@bayside.example"
    with writing(engine) as session:
        letter = session.scalars(select(OutboxRow)).one()
        letter.cause, letter.recipient = f"verify:CASE-1001:{address}", address
        for detail in ({"contact": "zack"}, {"email": address}, {"name": "Zack"}, {"n": "other"}):
            session.add(EventRow(at=NOW, kind="contacts-applied", who="operator:x", detail=detail))
        session.flush()
        personal_data.erase(session, "zack", "operator:ann", NOW)
    with reading(engine) as session:
        kept = [one.model_dump() for one in session.scalars(select(EventRow))]
        letters = [one.model_dump() for one in session.scalars(select(OutboxRow))]
    assert "zack" not in str([kept, letters]).lower()
    assert [one["detail"] for one in kept if one["detail"].get("n")] == [{"n": "other"}]


def test_accounts_are_merged_on_both_databases(engine: Engine, tmp_path: Path) -> None:
    """Contacts and cases go over, and the old id is free again."""
    opened(engine, "x")
    with writing(engine) as session:
        from intake.model.accounts import AccountEntry, Entries

        directory.load(session, Entries((AccountEntry("elm", "Elm", ()),), ()), NOW)
        moved = accounts.merge(session, "bayside", "elm", "operator:ann", NOW)
        assert moved == {"contacts": 2, "cases": 1, "mails": 0}
        assert [one.id for one in directory.account_views(session)] == ["elm"]

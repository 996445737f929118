"""Approving notices: by whom, of what, and what voids it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from intake.model.authorship import By
from intake.store.engine import Engine, Session, reading, writing
from intake.store.incidents import broadcasts
from intake.store.incidents import write as incidents
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.schedule import debts
from intake.store.tables.contacts import ContactEmailRow, ContactRow, MembershipRow
from intake.store.tables.outbox import EventRow
from tests.support import postgres as databases
from tests.support.ledger import ANN, BEN
from tests.support.notice_service import (
    HABITS,
    NOW,
    TERMS,
    Desk,
)

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


@pytest.fixture
def desk(prepared: Engine) -> Desk:
    """A desk with empty tables."""
    with writing(prepared) as session:
        databases.empty(session)
    return Desk(prepared)


# ---------------------------------------------------------------- approval


def test_nobody_approves_their_own_words(desk: Desk) -> None:
    """Neither the author nor the proposer; a third person may."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as session:
        found = broadcasts.propose(session, made, HABITS, By("operator:carl", desk.now))
    for who in (ANN, "operator:carl"):
        with pytest.raises(IncidentError, match="another person"), writing(desk.engine) as session:
            broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(who, desk.now))
    with writing(desk.engine) as session:
        broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(BEN, desk.now))
    assert desk.state() == "sending"


@pytest.mark.parametrize("change", ["text", "person", "time", "title"])
def test_any_change_voids_what_was_proposed(desk: Desk, change: str) -> None:
    """The approval names the hash of text, list and time; any other is refused."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as session:
        found = broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
    with writing(desk.engine) as session:
        row = desk.row(session, made)
        if change == "text":
            row.text = "Something else."
        elif change == "time":
            row.send_at = desk.now + timedelta(hours=1)
        elif change == "person":
            session.execute(
                update(ContactRow).where(ContactRow.id == "p00001").values(active=False)
            )
        else:
            session.execute(update(incidents.IncidentRow).values(title="Another title"))
    with pytest.raises(IncidentError, match=found.hash), writing(desk.engine) as session:
        broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(BEN, desk.now))
    assert desk.rows() == []


def test_a_newer_proposal_leaves_the_older_one_on_record(desk: Desk) -> None:
    """Nobody is asked any more to approve what a newer update has overtaken."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as session:
        broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
    desk.update(made)
    with writing(desk.engine) as session:
        assert debts(session, desk.now) == []  # the newest one waits for nobody yet
        broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
        assert debts(session, desk.now) == [f"{made}: update 2 waits for another person's approval"]
    assert (desk.state(made, 1), desk.state(made, 2)) == ("record", "waiting")


def test_an_emergency_is_named_and_on_record(desk: Desk) -> None:
    """Sent by one person alone, with the reason in the update and in the history."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as session:
        found = broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
        broadcasts.send_now(
            session, made, found, TERMS, By(ANN, desk.now), emergency="nobody else is awake"
        )
    desk.send()
    assert sum(desk.server.got().values()) == 2
    with reading(desk.engine) as session:
        assert desk.row(session, made).emergency == "nobody else is awake"
        kinds = {row.kind: row for row in session.scalars(select(EventRow))}
        assert kinds["emergency"].who == ANN
        assert kinds["emergency"].detail["why"] == "nobody else is awake"


def test_an_edit_voids_an_approval_and_a_sent_text_is_never_edited(desk: Desk) -> None:
    """Approved for later, edited: nothing goes out until it is approved anew."""
    desk.people(2)
    made = desk.open()
    desk.approve(made, send_at=desk.now + timedelta(hours=2))
    with writing(desk.engine) as session:
        incidents.edit(session, made, "Better words.", ANN, desk.now)
    desk.later(hours=3)
    desk.send()
    assert not desk.server.taken
    assert desk.state() == "draft"
    desk.approve(made)
    desk.send()
    assert sum(desk.server.got().values()) == 2
    assert "Better words." in desk.server.taken[0].raw.decode()
    with pytest.raises(IncidentError, match="correct"), writing(desk.engine) as session:
        incidents.edit(session, made, "Other words.", ANN, desk.now)


def test_a_letter_for_later_waits(desk: Desk) -> None:
    """Approved now for a moment to come, it goes out then and not before."""
    desk.people(2)
    made = desk.open()
    desk.approve(made, send_at=desk.now + timedelta(hours=2))
    desk.send()
    assert not desk.server.taken
    desk.later(hours=2, seconds=1)
    desk.send()
    assert sum(desk.server.got().values()) == 2


def test_who_joins_later_is_told_by_an_explicit_act_only(desk: Desk) -> None:
    """The list is frozen; sending again reaches those who are not in it, once, and nobody else."""
    desk.people(2)
    made = desk.open()
    desk.approve(made)
    desk.send()
    with writing(desk.engine) as session:
        new = late(session)
    desk.send()
    assert new not in desk.server.got()
    assert desk.approve(made) == 1
    desk.send()
    assert desk.server.got()[new] == 1
    assert sum(desk.server.got().values()) == 3
    with pytest.raises(IncidentError, match="nobody is left"):
        desk.approve(made)


def late(session: Session) -> str:
    """One more authorized contact; the address."""
    stamp = {"created_at": NOW, "updated_at": NOW}
    session.add(ContactRow(id="late", name="Late", **stamp))
    session.flush()
    address = "late@bayside.example"
    session.add(
        ContactEmailRow(key=address, contact_id="late", address=address, domain="bayside.example")
    )
    session.add(MembershipRow(contact_id="late", account_id="bayside", contact_type="Authorized"))
    return address

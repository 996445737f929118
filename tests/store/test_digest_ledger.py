"""Summaries in the database: who gets one, when, and with what in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from intake.incidents import digest as letter_digest
from intake.model.accounts import MustReach, Preference
from intake.model.authorship import By
from intake.store import outbox
from intake.store.contacts import directory, preferences
from intake.store.engine import Engine, reading, writing
from intake.store.incidents import broadcasts, digests
from intake.store.tables.contacts import SuppressionRow
from tests.support import postgres as databases
from tests.support.digests import (
    SEVEN,
    letters,
    opened,
    passed,
)
from tests.support.notice_service import Desk
from tests.support.notices import STYLE, letter_context

# ---------------------------------------------------------------- the ledger


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


@pytest.fixture
def desk(prepared: Engine) -> Desk:
    """Two people who want maintenances and news in a summary, and nobody else."""
    with writing(prepared) as session:
        databases.empty(session)
    made = Desk(prepared)
    made.people(2)
    with writing(made.engine) as session:
        session.execute(text("UPDATE accounts SET timezone = 'America/Chicago'"))
        for who in ("p00000", "p00001"):
            for name in ("informational", "maintenance"):
                preferences.set_(
                    session, who, name, Preference("digest"), By(who, made.now), must=MustReach()
                )
    return made


def test_a_summary_is_written_at_the_persons_hour(desk: Desk) -> None:
    """Not before it, once after it, and its rows are done with it."""
    assert desk.now.hour == 15  # nine in Chicago: today's hour is over
    incident = opened(desk)
    assert desk.states(incident) == {"digest": 2}
    assert desk.state(incident) == "done"
    for _ in range(43):  # to half past six the next morning
        assert passed(desk) == 0
        desk.later(minutes=30)
    desk.later(minutes=29)
    assert passed(desk) == 0
    desk.later(minutes=1)
    assert desk.now == SEVEN
    assert passed(desk) == 2
    assert passed(desk) == 0
    rows = desk.rows(incident)
    assert {(row.state, row.reply) for row in rows} == {("sent", "in the digest of 2026-03-03")}
    (letter,) = letters(desk)
    assert letter.message_id_header in {row.message_id_header for row in rows}
    assert "Investigating: Something new (INC-1)" in letter.text


def test_an_update_that_was_sent_to_nobody_is_not_counted(desk: Desk) -> None:
    """Its moment had passed before anybody got it: two updates, not three."""
    first = opened(desk, "Slow")
    for words in ("Second words.", "Third words."):
        desk.later(hours=1)
        desk.update(first, words, "identified")
        desk.approve(first)
    with writing(desk.engine) as session:
        expired = text("UPDATE incident_updates SET send_state = 'expired' WHERE number = 2")
        session.execute(expired)
    desk.now = SEVEN
    passed(desk)
    (letter,) = letters(desk)
    assert "Identified: Slow (INC-1)\n2 updates; the newest of" in letter.text


def test_superseded_updates_are_counted_and_their_texts_left_out(desk: Desk) -> None:
    """Three updates of one incident and one of another: two entries."""
    first, second = opened(desk, "Slow"), opened(desk, "Broken", "Only words.")
    for words in ("Second words.", "Third words."):
        desk.later(hours=1)
        desk.update(first, words, "identified")
        desk.approve(first)
    desk.now = SEVEN
    assert passed(desk) == 2
    (letter,) = letters(desk)
    assert "Identified: Slow (INC-1)\n3 updates; the newest of" in letter.text
    assert "Third words." in letter.text
    assert "First words." not in letter.text
    assert "Second words." not in letter.text
    assert "Investigating: Broken (INC-2)\nOne update, of" in letter.text
    assert desk.states(first) == {"skipped": 4, "sent": 2}
    assert desk.states(second) == {"sent": 2}


def test_what_is_not_approved_is_not_told(desk: Desk) -> None:
    """A draft written after the update that waits: neither its text nor its state, nor a count."""
    incident = opened(desk)
    desk.update(incident, "A secret draft.", "monitoring")
    desk.now = SEVEN
    assert passed(desk) == 2
    (letter,) = letters(desk)
    assert "Investigating: Something new (INC-1)\nOne update" in letter.text
    assert "secret" not in letter.text
    assert "onitoring" not in letter.text


def test_an_update_that_was_never_sent_is_not_counted(desk: Desk) -> None:
    """Of three on record the second was a draft that the third made needless."""
    incident = opened(desk)
    desk.update(incident, "A draft that nobody approved.")
    desk.update(incident, "Third words.", "identified")
    desk.approve(incident)
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "Identified: Something new (INC-1)\n2 updates; the newest of" in letters(desk)[0].text


def test_what_came_after_a_letter_is_not_lost_to_a_slow_worker(desk: Desk) -> None:
    """It saw that a letter is due, another wrote it, more happened: that waits for the next day."""
    opened(desk)
    desk.now = SEVEN
    with reading(desk.engine) as session:
        stale = digests.due(session, desk.now, 7)[0]
    assert passed(desk) == 2
    late = opened(desk, "Late")
    with writing(desk.engine) as session:
        found = digests.gather(session, stale, desk.now)
        assert found.digest is not None
        letter = letter_digest.write(found.digest, letter_context(), STYLE, desk.now)
        assert not digests.settle(session, found, letter, desk.now)
    assert desk.states(late) == {"digest": 2}
    assert len(letters(desk)) == 1
    desk.later(days=1)
    assert passed(desk) == 2
    assert "Late" in letters(desk)[1].text


def test_nothing_is_sent_when_there_is_nothing_to_tell(desk: Desk) -> None:
    """No rows; only expired ones, which are then skipped."""
    desk.now = SEVEN
    assert passed(desk) == 0
    incident = opened(desk)
    with writing(desk.engine) as session:
        desk.row(session, incident).expires_at = SEVEN + timedelta(hours=5)
    desk.now = SEVEN + timedelta(days=1)
    assert passed(desk) == 0
    assert {(row.state, row.reply) for row in desk.rows(incident)} == {
        ("skipped", "expired: its moment has passed")
    }
    assert letters(desk) == []


def test_an_expired_update_is_left_out_of_a_summary_with_others(desk: Desk) -> None:
    """The rest is told."""
    old, new = opened(desk, "Old"), opened(desk, "New")
    with writing(desk.engine) as session:
        desk.row(session, old).expires_at = SEVEN
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "INC-2" in letters(desk)[0].text
    assert "INC-1" not in letters(desk)[0].text
    assert (desk.states(old), desk.states(new)) == ({"skipped": 2}, {"sent": 2})


def test_a_held_broadcast_waits(desk: Desk) -> None:
    """Its rows stay; what is cancelled is not told; the summary goes on without them."""
    paused, other = opened(desk, "Paused"), opened(desk, "Other")
    with writing(desk.engine) as session:
        desk.row(session, paused).send_state = "paused"
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "Paused" not in letters(desk)[0].text
    assert desk.states(paused) == {"digest": 2}
    with writing(desk.engine) as session:
        broadcasts.change(session, paused, "resume", "operator:ann", desk.now)
    desk.later(days=1)
    assert passed(desk) == 2
    assert "Paused" in letters(desk)[1].text
    assert desk.states(other) == {"sent": 2}


def test_who_is_gone_or_wants_none_gets_none(desk: Desk) -> None:
    """Disabled, switched off, suspended, each with its reason; the others get theirs."""
    desk_rows = opened(desk)
    with writing(desk.engine) as session:
        directory.set_active(session, "p00000", False, desk.now)
        preferences.set_(
            session,
            "p00001",
            "informational",
            Preference("off"),
            By("p00001", desk.now),
            must=MustReach(),
        )
    desk.now = SEVEN
    assert passed(desk) == 0
    assert [(row.state, row.reply) for row in desk.rows(desk_rows)] == [
        ("skipped", "the contact was disabled"), ("skipped", "switched off"),
    ]  # fmt: skip
    with writing(desk.engine) as session:
        directory.set_active(session, "p00000", True, desk.now)
    again = opened(desk)
    with writing(desk.engine) as session:
        session.add(
            SuppressionRow(
                key="p00000@bayside.example", kind="bounced", reason="bounced 5.1.1", since=desk.now
            )
        )
    desk.later(days=1)
    assert passed(desk) == 0
    assert [row.reply for row in desk.rows(again)] == ["suppressed: bounced 5.1.1"]


def test_a_summary_that_waits_is_not_sent_to_an_address_that_bounces(desk: Desk) -> None:
    """It is no answer to anybody, so a bounce in between stops it."""
    opened(desk)
    desk.now = SEVEN
    assert passed(desk) == 2
    with writing(desk.engine) as session:
        session.add(
            SuppressionRow(
                key="p00000@bayside.example", kind="bounced", reason="bounced", since=desk.now
            )
        )
        claimed = outbox.claim(session, desk.now, 60, 10)
    assert [one.contact_id for one in claimed] == ["p00001"]
    assert letters(desk)[0].state == "suppressed"


def test_what_comes_after_the_letter_waits_for_the_next_day(desk: Desk) -> None:
    """Also when its row has an older moment than the letter."""
    opened(desk)
    desk.now = SEVEN
    assert passed(desk) == 2
    late = opened(desk, "Late")
    with writing(desk.engine) as session:
        session.execute(
            text("UPDATE notice_recipients SET due_at = :at WHERE incident_id = :id"),
            {"at": SEVEN - timedelta(hours=3), "id": late},
        ) if desk.engine.dialect.name == "postgresql" else session.execute(
            text("UPDATE notice_recipients SET due_at = '2026-03-03 10:00:00.000000' "
                 "WHERE incident_id = :id"), {"id": late},
        )  # fmt: skip
    for _ in range(23):
        desk.later(hours=1)
        assert passed(desk) == 0
    desk.later(hours=1)
    assert passed(desk) == 2
    assert [("Late" in one.text) for one in letters(desk)] == [False, True]


def test_nothing_new_at_the_hour_means_no_letter_later_that_day(desk: Desk) -> None:
    """What happens at nine waits for tomorrow, although today had no letter."""
    desk.now = SEVEN + timedelta(hours=2)
    opened(desk)
    assert passed(desk) == 0
    desk.later(hours=21, minutes=59)
    assert passed(desk) == 0
    desk.later(minutes=1)
    assert passed(desk) == 2

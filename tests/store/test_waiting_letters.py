"""Acknowledgements that waited become one letter, on both databases, and never stop the sending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from intake.letters.letter import Letter, Templates
from intake.store import outbox
from intake.store.contacts import directory
from intake.store.engine import Engine, reading, writing
from intake.store.tables.cases import CaseRow
from intake.store.tables.outbox import OutboxRow
from intake.worker import ack_lists, bootstrap
from tests.support import installation
from tests.support.postgres import prepared
from tests.support.records import PEOPLE
from tests.support.values import NOW

SECRET = "SSN 123-45-6789"


def waiting(engine: Engine) -> None:
    """Three cases of Zack whose acknowledgements have waited."""
    with writing(engine) as session:
        directory.load(session, PEOPLE, NOW)
        for number in (1, 2, 3):
            session.add(CaseRow(
                number=f"CASE-{number}", account_id="bayside", contact_id="zack",
                type="ask_question", priority="Medium", department="support", status="open",
                subject=f"Topic {number}, {SECRET}", description="x", message_id=number,
                received_at=NOW, created_at=NOW, updated_at=NOW,
            ))  # fmt: skip
        session.flush()
        for number in (1, 2, 3):
            letter = Letter(
                "ack", f"ack:{number}", f"<{number}@desk.example>", "Zack.Morris@bayside.example",
                "Re: x", "x", b"raw", "zack", f"CASE-{number}", due_at=NOW, put_off="a rate",
            )  # fmt: skip
            outbox.put_letter(session, letter, number, NOW)


def states(engine: Engine) -> list[tuple[str, str]]:
    """Kind and state of each letter."""
    with reading(engine) as session:
        return [(row.kind, row.state) for row in session.query(OutboxRow).order_by(OutboxRow.id)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_letter_replaces_them(tmp_path: Path, kind: str) -> None:
    """Not before they are due; the list has every number and hides what letters never repeat."""
    context = bootstrap.judgement_context(
        installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    ).letter_context
    with prepared(kind, tmp_path / "var") as engine:
        waiting(engine)
        assert ack_lists.gather(engine, context, NOW - timedelta(seconds=1)) == 0
        assert ack_lists.gather(engine, context, NOW) == 3
        assert ack_lists.gather(engine, context, NOW) == 0
        assert states(engine) == [("ack", "suppressed")] * 3 + [("acks", "due")]
        with writing(engine) as session:
            (letter,) = outbox.claim(session, NOW, 90, 10)
        text = letter.raw.decode()
        assert all(f"CASE-{number}" in text for number in (1, 2, 3))
        assert "Topic 1" in text
        assert "123-45-6789" not in text


def test_without_repeated_text_the_list_has_no_subjects(tmp_path: Path) -> None:
    """`replies.repeat = "none"` holds for this letter, too."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    context = replace(bootstrap.judgement_context(config).letter_context, repeat="none")
    with prepared("sqlite", tmp_path / "var") as engine:
        waiting(engine)
        assert ack_lists.gather(engine, context, NOW) == 3
        with reading(engine) as session:
            text = session.query(OutboxRow).filter_by(kind="acks").one().text
        assert "CASE-2  Ask a Question\n" in text
        assert "Topic" not in text


def test_a_list_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """A mistake in the operator's template: the acknowledgements leave one by one."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    broken = Templates({"acks/subject.txt": "{{ nothing }}", "acks/body.txt": "x"})
    context = replace(bootstrap.judgement_context(config).letter_context, templates=broken)
    with prepared("sqlite", tmp_path / "var") as engine:
        waiting(engine)
        assert ack_lists.gather(engine, context, NOW) == 0
        assert states(engine) == [("ack", "due")] * 3

"""One answer for every case about an incident: resolved, told in its thread, opened by a reply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from intake.letters.letter import LetterContext
from intake.model.authorship import By
from intake.model.incidents import Change
from intake.store import reports
from intake.store.cases import manual
from intake.store.contacts import directory
from intake.store.incidents import resolve_cases
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.write import update
from intake.worker import bootstrap, service
from tests.support import installation
from tests.support.notice_answers import FORM, PEOPLE, answers, make, put, told

ZACK, ARCHIE, LISA = "zack@bayside.example", "archie@riverdale.example", "lisa@both.example"
WORDS = "Posting works again.\n\n- Grades that were entered before are safe."


def the_house(config: Config) -> LetterContext:
    """The house that letters are written with."""
    return bootstrap.judgement_context(config).letter_context


def answer(config: Config, number: int = 2, text: str = WORDS) -> tuple[str, ...]:
    """The incident's cases answered with that update."""
    with installation.database(config, write=True) as session:
        return resolve_cases.answer(
            session, "INC-1", number, text, By("operator:a", datetime.now(UTC)), the_house(config)
        )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An open case of Zack's, a draft of Archie's and one of Lisa's that waits, about INC-1."""
    made = make(tmp_path)
    incident = told(made, ZACK, ARCHIE, LISA)
    put(tmp_path, ZACK, "a", FORM, answers(incident, ZACK))
    put(tmp_path, ARCHIE, "b", "We see it too.", answers(incident, ARCHIE))
    put(tmp_path, LISA, "c", f"Account: Bayside School District\n{FORM}", answers(incident, LISA))
    service.once(made)
    with installation.database(made, write=True) as session:
        update(
            session, "INC-1", WORDS, By("operator:a", datetime.now(UTC)), Change(status="resolved")
        )
        lisas = next(one for one in reports.cases(session) if one["contact_id"] == "lisa")
        assert (
            manual.set_status(session, lisas["number"], "waiting", "a", "", datetime.now(UTC)) == ""
        )
    return made


def by_contact(config: Config) -> dict[str, dict[str, Any]]:
    """Every case by its contact."""
    return {one["contact_id"]: one for one in installation.everything(config)["cases"]}


def resolved(config: Config) -> list[dict[str, Any]]:
    """The answers in the outbox, with their text."""
    with installation.database(config) as session:
        ids = [one["id"] for one in reports.letters(session) if one["kind"] == "resolved"]
        return [found for one in sorted(ids) if (found := reports.letter(session, one))]


def test_every_open_case_is_resolved_and_told_once(config: Config) -> None:
    """Draft, open and waiting ones; a second time nothing is written and the same people named."""
    before = by_contact(config)
    assert set(answer(config)) == {"zack", "archie", "lisa"}
    after = by_contact(config)
    assert {one["status"] for one in after.values()} == {"resolved"}
    assert all(one["closed_at"] for one in after.values())
    kept = ("billable", "flag", "type", "subject", "description", "incident_id", "account_id")
    for name, case in after.items():
        assert {key: case[key] for key in kept} == {key: before[name][key] for key in kept}
        (event,) = (one for one in case["events"] if one["kind"] == "resolved")
        assert (event["detail"]["old"], event["who"]) == (before[name]["status"], "operator:a")
        assert (event["detail"]["incident"], event["detail"]["update"]) == ("INC-1", 2)
    assert [before[name]["status"] for name in ("zack", "archie", "lisa")] == [
        "open", "draft", "waiting",
    ]  # fmt: skip
    letters = resolved(config)
    assert sorted(one["recipient"] for one in letters) == sorted([ZACK, ARCHIE, LISA])
    assert all("Posting works again." in one["text"] for one in letters)
    assert all("INC-1: Grade Book posting delayed (resolved)" in one["text"] for one in letters)
    drafts = [one["recipient"] for one in letters if "need no answer any more" in one["text"]]
    assert drafts == [ARCHIE]
    assert set(answer(config)) == {"zack", "archie", "lisa"}
    assert [one["id"] for one in resolved(config)] == [one["id"] for one in letters]
    assert by_contact(config) == after


def test_the_answer_stands_in_the_cases_own_thread(config: Config, tmp_path: Path) -> None:
    """Subject with the tag, In-Reply-To our last letter; a reply opens the case again (R17)."""
    last = {one["case_number"]: one for one in installation.everything(config)["letters"]}
    answer(config)
    service.once(config)
    sent = [message_from_bytes(path.read_bytes()) for path in (tmp_path / "out/new").iterdir()]
    mine = [one for one in sent if one["Message-ID"].startswith("<resolved.")]
    assert len(mine) == 3
    for letter in mine:
        number = letter["Message-ID"].split(".")[1]
        assert letter["In-Reply-To"] == letter["References"] == last[number]["message_id_header"]
        assert " ".join(letter["Subject"].split()) == last[number]["subject"]
        assert letter["Auto-Submitted"] == "auto-generated"
    zacks = next(one for one in mine if one["To"] == ZACK)
    put(tmp_path, ZACK, "again", "It is back.", f"In-Reply-To: {zacks['Message-ID']}")
    service.once(config)
    case = by_contact(config)["zack"]
    assert (case["status"], case["closed_at"]) == ("open", None)
    assert installation.everything(config)["messages"][-1]["rule"] == "R17"


def test_a_case_that_was_opened_again_stays_open(config: Config, tmp_path: Path) -> None:
    """The same update does not resolve it twice; a later one does, with a letter of its own."""
    answer(config)
    (letter,) = (one for one in resolved(config) if one["recipient"] == ZACK)
    put(tmp_path, ZACK, "again", "It is back.", f"In-Reply-To: {letter['message_id_header']}")
    service.once(config)
    assert "zack" in answer(config)
    assert by_contact(config)["zack"]["status"] == "open"
    assert answer(config, 3, "Now it is over.") == ("zack",)
    assert by_contact(config)["zack"]["status"] == "resolved"
    assert len(resolved(config)) == 4


def test_a_question_that_was_open_asks_no_more(config: Config) -> None:
    """The draft's request is superseded: no reminder, no flag, whatever time goes by."""
    answer(config)
    with installation.database(config, write=True) as session:
        from intake.store import retention
        from intake.store.cases import reminders

        later = datetime.now(UTC) + timedelta(days=60)
        assert reminders.due(session, later, 4) == []
        assert retention.expire(session, later, 14) == []


def test_who_is_not_to_be_written_to_is_not(config: Config) -> None:
    """Disabled, or no longer of the account: resolved without a letter, the history says why."""
    now = datetime.now(UTC)
    with installation.database(config, write=True) as session:
        from sqlalchemy import delete

        from intake.store.tables.contacts import MembershipRow

        directory.set_active(session, "zack", False, now)
        session.execute(delete(MembershipRow).where(MembershipRow.contact_id == "archie"))
    assert answer(config) == ("lisa",)
    cases = by_contact(config)
    assert {one["status"] for one in cases.values()} == {"resolved"}
    why = {
        name: event["detail"].get("no letter", "")
        for name, case in cases.items()
        for event in case["events"]
        if event["kind"] == "resolved"
    }
    assert why == {
        "zack": "the contact is disabled",
        "archie": "the contact is no longer one of the account",
        "lisa": "",
    }


def test_whoever_is_disabled_before_the_letter_leaves_gets_none(config: Config) -> None:
    """The outbox looks once more before it sends."""
    assert "zack" in answer(config)
    with installation.database(config, write=True) as session:
        directory.set_active(session, "zack", False, datetime.now(UTC))
    service.once(config)
    states = {one["recipient"]: one["state"] for one in resolved(config)}
    assert states == {ZACK: "suppressed", ARCHIE: "sent", LISA: "sent"}


def test_other_cases_are_left_alone(config: Config, tmp_path: Path) -> None:
    """Of another incident, of none, closed already: nothing about them changes."""
    told(config, ZACK, title="Another one")
    put(tmp_path, ZACK, "other", FORM, answers("INC-2", ZACK))
    put(tmp_path, ARCHIE, "none", f"Case Type: Application Issue\nModule: Attendance\n{FORM}")
    service.once(config)
    with installation.database(config, write=True) as session:
        closed = next(one for one in reports.cases(session) if one["contact_id"] == "lisa")[
            "number"
        ]
        assert manual.set_status(session, closed, "closed", "a", "", datetime.now(UTC)) == ""
    before = {one["number"]: one for one in installation.everything(config)["cases"]}
    assert set(answer(config)) == {"zack", "archie"}
    after = {one["number"]: one for one in installation.everything(config)["cases"]}
    changed = {number for number in after if after[number] != before[number]}
    assert {before[number]["incident_id"] for number in changed} == {"INC-1"}
    assert len(changed) == 2
    assert closed not in changed


def test_an_incident_without_cases_answers_nobody(tmp_path: Path) -> None:
    """Nothing to do is no error; an unknown incident is."""
    made = make(tmp_path)
    told(made, ZACK)
    assert answer(made) == ()
    with (
        installation.database(made, write=True) as session,
        pytest.raises(IncidentError, match="INC-9"),
    ):
        resolve_cases.answer(session, "INC-9", 1, "x", By("a", datetime.now(UTC)), the_house(made))


def test_the_operators_words_are_no_template(config: Config) -> None:
    """Braces, long lines and lists come out as they were written, in lines of 72 characters."""
    text = (
        "{{ 7 * 7 }} {% if x %}\n- " + "word " * 40 + "\nSubject: forged\r\nBcc: eve@attack.example"
    )
    answer(config, text=text)
    (letter, *_) = resolved(config)
    assert "{{ 7 * 7 }} {% if x %}" in letter["text"]
    assert "\n  word" in letter["text"]
    assert "Bcc: eve@attack.example" in letter["text"]
    assert all(len(line) <= 76 for line in letter["text"].splitlines())
    with installation.database(config) as session:
        from sqlalchemy import select

        from intake.store.tables.outbox import OutboxRow

        raw = session.scalar(select(OutboxRow.raw).where(OutboxRow.id == letter["id"]))
    assert raw is not None
    assert message_from_bytes(raw)["Bcc"] is None


def test_a_case_that_had_no_letter_is_told_by_its_subject(tmp_path: Path) -> None:
    """Where acknowledgements are off, the subject of the case and its tag begin the thread."""
    made = make(tmp_path, "[replies]\nacknowledge = false\n", people=PEOPLE)
    incident = told(made, ZACK)
    put(tmp_path, ZACK, "a", FORM, answers(incident, ZACK), "Subject: Re: the button")
    service.once(made)
    assert installation.everything(made)["letters"] == []
    assert answer(made) == ("zack",)
    (letter,) = resolved(made)
    assert letter["subject"].startswith("Re: the button [CASE-1001-")

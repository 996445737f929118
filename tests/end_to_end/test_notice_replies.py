"""Answers to notices: drafts with what the notice knows, tied to its incident, for nobody else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as terms
from hypothesis import strategies as st

from intake.config import loader as settings
from intake.config.toml_files import ConfigError
from intake.letters.letter import LetterContext
from intake.parsers.scanner import scan
from intake.worker import bootstrap, service
from intake.worker.lookup_keys import keys
from tests.support import installation, notice_rows
from tests.support.forms import CATALOGUE
from tests.support.notice_answers import FORM, KEYS, PEOPLE, answers, make, put, told
from tests.support.rawmail import message


def test_an_answer_becomes_a_draft_and_its_completion_a_case(tmp_path: Path) -> None:
    """Asked for the rest, completed in the same thread: the link stays, both letters name it."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example")
    put(
        tmp_path,
        "zack@bayside.example",
        "a",
        "We see it too.",
        answers(made, "zack@bayside.example"),
    )
    service.once(config)
    found = installation.everything(config)
    (case,) = found["cases"]
    assert (case["status"], case["type"], case["incident_id"]) == (
        "draft", "application_issue", "INC-1",
    )  # fmt: skip
    assert case["fields"]["module"]["value"] == "Grade Book"
    assert case["fields"]["module"]["source"] == "notice"
    (asked,) = found["letters"]
    put(
        tmp_path, "zack@bayside.example", "b", FORM.replace("Description: It is grey.\n", ""),
        f"In-Reply-To: {asked['message_id_header']}",
    )  # fmt: skip
    service.once(config)
    found = installation.everything(config)
    (case,) = found["cases"]
    assert (case["status"], case["incident_id"], case["description"]) == (
        "open", "INC-1", "We see it too.",
    )  # fmt: skip
    letters = [" ".join(path.read_text().split()) for path in (tmp_path / "out/new").iterdir()]
    assert [one["kind"] for one in found["letters"]] == ["missing_fields", "ack"]
    assert all("INC-1: Grade Book posting delayed" in one for one in letters)
    assert all("no need to call" in one for one in letters)


@pytest.mark.parametrize("role", ["Authorized", "Read Only"])
def test_thanks_for_a_notice_make_no_case_and_get_no_letter(tmp_path: Path, role: str) -> None:
    """R27, whoever says them; a file with them is no thanks any more."""
    people = PEOPLE.replace('"Authorized"', f'"{role}"', 1)
    config = make(tmp_path, people=people)
    who = "zack@bayside.example"
    made = told(config, who)
    put(tmp_path, who, "a", "Got it, thanks!\nZack", answers(made, who))
    service.once(config)
    found = installation.everything(config)
    assert (found["cases"], found["letters"]) == ([], [])
    assert [(one["action"], one["rule"]) for one in found["messages"]] == [("ignore", "R27")]
    put(
        tmp_path, who, "b", "Thanks!", answers(made, who),
        "Content-Disposition: attachment; filename=log.txt", "Content-Type: text/plain",
    )  # fmt: skip
    service.once(config)
    assert installation.everything(config)["messages"][-1]["rule"] != "R27"


def test_an_incident_of_others_is_not_tied_to(tmp_path: Path) -> None:
    """Restricted to Riverdale: Zack's forwarded copy gives him nothing, Archie's his link."""
    config = make(tmp_path)
    made = told(config, "archie@riverdale.example", accounts=["riverdale"])
    field = answers(made, "archie@riverdale.example")
    put(tmp_path, "zack@bayside.example", "a", FORM, field)
    put(tmp_path, "archie@riverdale.example", "b", FORM, field)
    put(tmp_path, "lisa@both.example", "c", f"Account: Bayside School District\n{FORM}", field)
    put(tmp_path, "lisa@both.example", "d", f"Account: Riverdale Unified\n{FORM}", field)
    service.once(config)
    tied = {
        (case["contact_id"], case["account_id"]): (case["type"], case["incident_id"])
        for case in installation.everything(config)["cases"]
    }
    assert tied == {
        ("zack", "bayside"): ("", ""),
        ("archie", "riverdale"): ("application_issue", "INC-1"),
        ("lisa", "bayside"): ("application_issue", ""),
        ("lisa", "riverdale"): ("application_issue", "INC-1"),
    }


def test_a_maintenance_is_answered_too(tmp_path: Path) -> None:
    """The case is tied to it, and the letter says that it was announced, not that we mend it."""
    config = make(tmp_path)
    made = told(
        config, "zack@bayside.example", kind="maintenance", status="scheduled", title="New servers"
    )
    put(tmp_path, "zack@bayside.example", "a", FORM, answers(made, "zack@bayside.example"))
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    written = [path.read_text() for path in (tmp_path / "out/new").iterdir()]
    (letter,) = (one for one in written if "List-Id:" not in one)  # the clock has started it, too
    assert (case["status"], case["incident_id"]) == ("open", "INC-1")
    assert "It is about work that we have announced:" in letter
    assert "working on it" not in letter


@pytest.mark.parametrize(
    ("modules", "body", "module"),
    [
        (["Grade Book", "Attendance"], FORM, None),
        (["No such module"], FORM, "No such module"),
        ([], FORM, None),
        (["Grade Book"], f"Module: Attendance\n{FORM}", "Attendance"),
    ],
)  # fmt: skip
def test_only_one_module_is_taken_over(
    tmp_path: Path, modules: list[str], body: str, module: str | None
) -> None:
    """Where the notice has one and the mail names none; the operator's word is kept as it is."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example", modules=modules)
    put(tmp_path, "zack@bayside.example", "a", body, answers(made, "zack@bayside.example"))
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    assert case["incident_id"] == "INC-1"
    assert case["fields"].get("module", {}).get("value") == module


def test_an_answer_to_a_case_in_the_same_thread_stays_the_cases(tmp_path: Path) -> None:
    """Both ids in References: the case is added to, no second one is opened, nothing is tied."""
    config = make(tmp_path)
    put(
        tmp_path,
        "zack@bayside.example",
        "a",
        f"Case Type: Application Issue\nModule: Attendance\n{FORM}",
    )
    service.once(config)
    made = told(config, "zack@bayside.example")
    (letter,) = installation.everything(config)["letters"]
    notice = notice_rows.notice_id(KEYS, made, 1, "zack@bayside.example")
    put(
        tmp_path, "zack@bayside.example", "b", "One more thing.",
        f"In-Reply-To: {notice}", f"References: {letter['message_id_header']} {notice}",
    )  # fmt: skip
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    assert (case["incident_id"], case["fields"]["module"]["value"]) == ("", "Attendance")
    assert [event["kind"] for event in case["events"]].count("comment") == 1


def test_the_number_of_an_incident_is_no_case_number(tmp_path: Path) -> None:
    """Even where cases are counted with the same letters, a notice opens nobody's case."""
    config = make(
        tmp_path, head=installation.HEAD.replace("[logging]", 'case_prefix = "INC-"\n[logging]')
    )
    put(
        tmp_path,
        "zack@bayside.example",
        "a",
        f"Case Type: Application Issue\nModule: Attendance\n{FORM}",
    )
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    made = told(config, "zack@bayside.example", id=case["number"])
    put(tmp_path, "zack@bayside.example", "b", FORM, answers(made, "zack@bayside.example"))
    service.once(config)
    assert [one["number"] for one in installation.everything(config)["cases"]] == [
        "INC-1001",
        "INC-1002",
    ]


def test_a_type_that_the_catalogue_lacks_is_refused(tmp_path: Path) -> None:
    """The error names file, key, what was found and what there is; a chosen type is taken."""
    with pytest.raises(ConfigError, match=r"notices.reply_type: found 'nonsense', wanted a type"):
        make(tmp_path, '[notices]\nreply_type = "nonsense"\n')
    config = make(tmp_path, '[notices]\nreply_type = "ask_question"\n')
    made = told(config, "zack@bayside.example")
    put(tmp_path, "zack@bayside.example", "a", "How long?", answers(made, "zack@bayside.example"))
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    assert (case["type"], case["status"], case["incident_id"]) == ("ask_question", "open", "INC-1")


def test_a_catalogue_without_the_usual_type_asks_for_one(tmp_path: Path) -> None:
    """The default type is no mistake of an operator whose catalogue does not have it."""
    config = make(tmp_path)
    catalogue = settings.load_catalogue(config)
    types = {name: one for name, one in catalogue.types.items() if name != "application_issue"}
    assert settings.policy(config, catalogue).reply_type == "application_issue"
    assert settings.policy(config, replace(catalogue, types=types)).reply_type == ""


ABSENCE = ("Auto-Submitted: auto-replied", "Subject: Automatic reply: Posting")


@pytest.mark.parametrize("fields", [ABSENCE, ("Return-Path: <>",)])
def test_what_a_program_answers_makes_no_case(tmp_path: Path, fields: tuple[str, ...]) -> None:
    """Out of office and its kin: ignored by R2, even where the contact's programs are let in."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example")
    put(tmp_path, "zack@bayside.example", "a", FORM, answers(made, "zack@bayside.example"), *fields)
    service.once(config)
    found = installation.everything(config)
    assert [(one["action"], one["rule"]) for one in found["messages"]] == [("ignore", "R2")]
    assert found["cases"] == found["letters"] == []


@cache
def the_house() -> LetterContext:
    """A house that signs with the tests' secret."""
    with TemporaryDirectory() as folder:
        return bootstrap.judgement_context(make(Path(folder))).letter_context


@terms(deadline=None)
@given(st.integers(0, 200), st.characters(codec="ascii", categories=["Ll", "Lu", "Nd"]))
def test_no_altered_notice_is_answered(place: int, char: str) -> None:
    """One other character anywhere before the domain, and the mail answers nothing of ours."""
    made = notice_rows.notice_id(KEYS, "INC-42", 1, "zack@bayside.example")
    altered = made[: place % made.index("@")] + char + made[place % made.index("@") + 1 :]
    raw = f"From: zack@bayside.example\r\nIn-Reply-To: {altered}\r\n\r\nStop".encode()
    found = keys(message(raw), the_house(), scan(message(raw), CATALOGUE))
    if altered == made:
        assert (found.notice_ids, found.notice_incidents) == ((made,), ("INC-42",))
    else:
        assert (found.notice_ids, found.notice_incidents, found.outbox_ids) == ((), (), ())
    assert found.case_numbers == ()

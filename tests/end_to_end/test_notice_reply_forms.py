"""What counts as new in an answer to a notice: never our own words, whatever stands around them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import settings as terms
from hypothesis import strategies as st

from intake.model.incidents import Incident, Update
from intake.parsers import notice_replies
from intake.parsers.replies import added
from intake.worker import service
from tests.support import installation, notice_rows
from tests.support.forms import CATALOGUE
from tests.support.notice_answers import answers, make, put, told
from tests.support.rawmail import message

INCIDENT = Incident("INC-1", "incident", notice_rows.TITLE, "identified", modules=("Grade Book",))

UPDATE = Update(
    "INC-1", 1, "update", "identified", notice_rows.TEXT, datetime(2026, 3, 2, tzinfo=UTC)
)

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n>"), max_size=60)


@terms(deadline=None)
@given(st.lists(WORDS, max_size=6), st.sampled_from(["> ", ">", ">> ", ""]), st.booleans())
def test_our_own_words_are_never_the_contacts(lines: list[str], mark: str, below: bool) -> None:
    """However the copy is marked and wherever it stands, no line of it is an answer."""
    (text,) = notice_replies.texts(INCIDENT, [UPDATE])
    copy = [f"{mark}{line}".rstrip() for line in text.split("\n")]
    own = [line for line in lines if line.strip()]
    body = "\n".join([*copy, "", *own] if below else [*own, "", *copy])
    raw = b"From: zack@bayside.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    found = added(message(raw + body.encode()), text, CATALOGUE, "application_issue")
    said = "\n".join((found.comment, *(one.words for one in found.candidates)))
    for line in ("Teachers cannot post grades", "- Grades already posted", notice_rows.TITLE):
        assert line not in said or any(line in one for one in own)


def test_what_stood_above_an_unmarked_copy_is_all_there_is() -> None:
    """Lines of a notice that we do not know word for word, and that look like labels."""
    raw = (
        b"From: Zack <zack@bayside.example>\r\n\r\nError Message: E-17\r\n\r\n"
        b"On Mon, Mar 2, 2026, Support desk wrote:\r\n\r\nIssue Began: a notice's own line\r\n"
    )
    found = added(message(raw), "something else", CATALOGUE, "application_issue")
    assert [(one.field, one.words) for one in found.candidates] == [("error_message", "E-17")]
    assert found.comment == ""


def test_words_below_an_unmarked_copy_are_read_when_there_are_no_others() -> None:
    """A notice copied without marks on top, the answer under it."""
    raw = (
        f"From: Zack <zack@bayside.example>\r\n\r\nOn Mon, Mar 2, 2026, Support desk wrote:\r\n\r\n"
        f"{notice_rows.TITLE}\r\n\r\nWe have it too.\r\n"
    ).encode()
    found = added(message(raw), notice_rows.TITLE, CATALOGUE, "application_issue")
    assert (found.comment, found.candidates) == ("We have it too.", ())


def test_a_title_that_names_a_type_names_it_for_nobody(tmp_path: Path) -> None:
    """A title of ours makes no outage case of an answer; the writer's own subject does."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example", title="Report an Outage: login fails", modules=[])
    field = answers(made, "zack@bayside.example")
    ours = "Subject: Re: Report an Outage: login fails (INC-1)"
    put(tmp_path, "zack@bayside.example", "a", "Here as well.", field, ours)
    put(
        tmp_path,
        "zack@bayside.example",
        "b",
        "Here again.",
        field,
        "Subject: Report an Outage: all of it",
    )
    service.once(config)
    types = {one["description"]: one["type"] for one in installation.everything(config)["cases"]}
    assert types == {"Here as well.": "application_issue", "Here again.": "report_outage"}


def test_a_form_of_its_own_is_read_as_one(tmp_path: Path) -> None:
    """A table in HTML, which has no lines to compare with a notice: its cells count."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example")
    cells = {
        "Case Type": "Application Issue", "Module": "Attendance", "Who is impacted?": "all",
        "Issue Began": "yesterday", "Steps to Reproduce": "Press Post.", "Description": "Grey.",
    }  # fmt: skip
    rows = "".join(f"<tr><td>{name}</td><td>{words}</td></tr>" for name, words in cells.items())
    put(
        tmp_path, "zack@bayside.example", "a", f"<table>{rows}</table>",
        answers(made, "zack@bayside.example"), "Content-Type: text/html; charset=utf-8",
    )  # fmt: skip
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    assert (case["status"], case["incident_id"]) == ("open", "INC-1")
    assert case["fields"]["module"]["value"] == "Attendance"
    assert case["fields"]["who_is_impacted"]["value"] == "all"


def test_a_type_that_nobody_knows_is_asked_for(tmp_path: Path) -> None:
    """The writer meant a type, so the operator's is not taken; the module is filled in later."""
    config = make(tmp_path)
    made = told(config, "zack@bayside.example")
    field = answers(made, "zack@bayside.example")
    put(tmp_path, "zack@bayside.example", "a", "Case Type: Wizardry\n\nWe see it.", field)
    service.once(config)
    found = installation.everything(config)
    assert [(one["type"], one["incident_id"]) for one in found["cases"]] == [("", "INC-1")]
    (asked,) = found["letters"]
    put(
        tmp_path, "zack@bayside.example", "b", "Case Type: Ask a Question",
        f"In-Reply-To: {asked['message_id_header']}",
        f"References: {field.partition(' ')[2]} {asked['message_id_header']}",
    )  # fmt: skip
    service.once(config)
    (case,) = installation.everything(config)["cases"]
    assert (case["type"], case["status"], case["incident_id"]) == ("ask_question", "open", "INC-1")
    assert case["fields"]["module"]["value"] == "Grade Book"

"""No more notices, by mail: only for whom the token was made, and never of what must be heard."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from intake.config.loader import Config
from intake.letters import letter as templates
from intake.letters.letter import Templates
from intake.mail import tokens
from intake.mail.message import Message
from intake.model.accounts import Preference
from intake.model.authorship import By
from intake.parsers.commands import wants_no_notices
from intake.parsers.scanner import scan
from intake.store.contacts import preferences
from intake.store.tables.incidents import NoticePreferenceRow, NoticeRecipientRow
from intake.worker import service
from tests.support import installation
from tests.support.forms import CATALOGUE
from tests.support.notice_answers import KEYS, PEOPLE, answers, make, put, told
from tests.support.rawmail import message
from tests.support.values import MUST

ZACK, ARCHIE = "zack@bayside.example", "archie@riverdale.example"
OLD, NEW = b"an old secret of ours", b"a new secret of ours"


def modes(config: Config) -> dict[tuple[str, str], str]:
    """(contact, class) -> how they want notices."""
    with installation.database(config) as session:
        rows = session.scalars(select(NoticePreferenceRow))
        return {(row.contact_id, row.notice_class): row.mode for row in rows}


def token_of(config: Config, address: str) -> str:
    """The token in that person's notice."""
    with installation.database(config) as session:
        rows = session.scalars(select(NoticeRecipientRow))
        row = next(one for one in rows if one.address == address)
        return tokens.unsubscribe_token(KEYS, row.id or 0)


def outcome(config: Config) -> tuple[str, str, list[str]]:
    """Action and rule of the last mail, and the kinds of all letters."""
    service.once(config)
    found = installation.everything(config)
    last = found["messages"][-1]
    return last["action"], last["rule"], [one["kind"] for one in found["letters"]]


WORDS = Templates(
    {"en/words.txt": (Path(templates.__file__).parents[1] / "templates/en/words.txt").read_text()}
).words("en")
CLASSES = {
    name.removeprefix("class."): text for name, text in WORDS.items() if name.startswith("class.")
}
OFF = {("zack", "maintenance"): "off", ("zack", "informational"): "off"}


def test_the_token_of_the_writer_switches_off_what_can_be(tmp_path: Path) -> None:
    """R25: two classes off, a letter that names all four; doing it again changes nothing more."""
    config = make(tmp_path)
    told(config, ZACK, ARCHIE)
    subject = f"Subject: unsubscribe {token_of(config, ZACK)}"
    put(tmp_path, ZACK, "a", "", subject)
    assert outcome(config) == ("answer", "R25", ["unsubscribed"])
    assert modes(config) == OFF
    (letter,) = (path.read_text() for path in (tmp_path / "out/new").iterdir())
    stopped, _, kept = letter.partition("These notices go on:")
    assert "planned maintenance" in stopped
    assert "general information" in stopped
    assert "outages and other incidents" in kept
    assert "security matters" in kept
    assert "a\ncolleague of yours" in kept.replace("\r", "")
    put(tmp_path, ZACK, "b", "", subject)
    assert outcome(config)[:2] == ("answer", "R25")
    assert modes(config) == OFF


@pytest.mark.parametrize(
    ("mandatory", "classes", "words"),
    [
        ("[]", 4, "Answers to your own cases come as before"),
        ('["outage", "security", "maintenance", "informational"]', 0, "These have to go on:"),
    ],
)
def test_the_operator_says_what_must_be_heard(
    tmp_path: Path, mandatory: str, classes: int, words: str
) -> None:
    """With nothing mandatory all stops and nothing goes on; with everything nothing stops."""
    config = make(tmp_path, f"[notices]\nmandatory_classes = {mandatory}\n")
    told(config, ZACK)
    put(tmp_path, ZACK, "a", "", f"Subject: unsubscribe {token_of(config, ZACK)}")
    assert outcome(config) == ("answer", "R25", ["unsubscribed"])
    assert len(modes(config)) == classes
    (letter,) = (path.read_text() for path in (tmp_path / "out/new").iterdir())
    assert words in letter
    assert ("go on" in letter) is (classes == 0)


def test_a_whole_answer_that_says_stop_stops(tmp_path: Path) -> None:
    """The words of the catalogue in any language it has, alone or with courtesies."""
    config = make(tmp_path)
    made = told(config, ZACK)
    for number, words in enumerate(("STOP", "Hello,\n\nBitte abmelden.\n\nDanke", "Darme de baja")):
        put(tmp_path, ZACK, f"m{number}", f"{words}\n", answers(made, ZACK))
    service.once(config)
    found = installation.everything(config)
    assert [(one["action"], one["rule"]) for one in found["messages"]] == [("answer", "R25")] * 3
    assert (modes(config), found["cases"]) == (OFF, [])


def test_a_subject_that_was_changed_to_the_word_counts(tmp_path: Path) -> None:
    """An answer whose subject is the word and that says nothing else."""
    config = make(tmp_path)
    made = told(config, ZACK)
    put(tmp_path, ZACK, "a", "", answers(made, ZACK), "Subject: Re: unsubscribe")
    assert outcome(config) == ("answer", "R25", ["unsubscribed"])


NOT_THEIRS: dict[str, dict[str, Any]] = {
    "another's token": {"who": ARCHIE, "action": "ask"},
    "a stranger": {"who": "eve@attack.example", "action": "hold"},
    "unproved": {"who": ZACK, "proof": "dmarc=none", "action": "hold"},
    "forged": {"who": ZACK, "proof": "dmarc=fail", "action": "hold"},
    "a program": {"who": ZACK, "fields": ("Auto-Submitted: auto-generated",), "action": "hold"},
    "another number": {"who": ZACK, "number": True, "action": "ask"},
    "no token": {"who": ZACK, "token": "", "action": "ask"},
    "a file": {"who": ZACK, "body": "x" * 200, "action": "ask"},
}


@pytest.mark.parametrize("name", NOT_THEIRS)
def test_nobody_else_and_nothing_else_stops_them(tmp_path: Path, name: str) -> None:
    """Held, or read as the ordinary mail that it is; nobody's preferences change."""
    case = NOT_THEIRS[name]
    config = make(tmp_path)
    told(config, ZACK)
    token = token_of(config, ZACK)
    if "number" in case:
        token = token.replace("1-", "2-")
    words = f"unsubscribe {case.get('token', token)}".strip()
    put(
        tmp_path, case["who"], "a", case.get("body", ""), f"Subject: {words}",
        *case.get("fields", ()), proof=case.get("proof", ""),
    )  # fmt: skip
    action, rule, _ = outcome(config)
    assert (action, modes(config)) == (case["action"], {})
    assert rule != "R25"


def test_an_answer_to_anothers_notice_stops_nothing(tmp_path: Path) -> None:
    """Lisa answers the notice that was sent to Zack with the word: a draft, and she may go on."""
    config = make(tmp_path)
    made = told(config, ZACK)
    put(tmp_path, "lisa@both.example", "a", "stop", answers(made, ZACK))
    assert outcome(config)[0] == "ask"
    assert modes(config) == {}


OTHERS = """
[[contacts]]
id = "belding"
name = "Richard Belding"
emails = ["belding@bayside.example"]
accounts = ["bayside"]
contact_type = "Read Only"
"""


@pytest.mark.parametrize("who", ["zack", "lisa", "belding"])
def test_the_letter_says_what_the_database_does(tmp_path: Path, who: str) -> None:
    """Zack has named Lisa for outages: he keeps security, she both, a Read Only contact nothing."""
    config = make(tmp_path, people=PEOPLE + OTHERS)
    address = {"zack": ZACK, "lisa": "lisa@both.example", "belding": "belding@bayside.example"}[who]
    told(config, address)
    with installation.database(config, write=True) as session:
        now = datetime.now(UTC)
        preferences.set_(
            session, "zack", "outage", Preference("off", "lisa"), By("zack", now), must=MUST
        )
    put(tmp_path, address, "a", "", f"Subject: unsubscribe {token_of(config, address)}")
    assert outcome(config) == ("answer", "R25", ["unsubscribed"])
    off = {
        name for (contact, name), mode in modes(config).items() if contact == who and mode == "off"
    }
    (letter,) = (path.read_text() for path in (tmp_path / "out/new").iterdir())
    stopped = letter.partition("go on")[0]
    assert {name for name, words in CLASSES.items() if words in stopped} == off
    assert (
        off
        == {
            "zack": {"outage", "maintenance", "informational"},
            "lisa": {"maintenance", "informational"},
            "belding": set(CLASSES),
        }[who]
    )


@settings(deadline=None)
@given(st.integers(1, 2**53), st.integers(0, 40), st.characters(codec="ascii"))
def test_no_altered_token_is_ours(row: int, place: int, char: str) -> None:
    """One other character makes it nobody's; small and capital letters are the same one."""
    made = tokens.unsubscribe_token((NEW,), row)
    place %= len(made)
    altered = made[:place] + char + made[place + 1 :]
    if altered.lower() != made:
        assert tokens.read_unsubscribe_token((NEW,), altered) is None
    for text in (made, made.upper()):
        assert tokens.read_unsubscribe_token((OLD, NEW), text) == row
        assert tokens.read_unsubscribe_token((OLD,), text) is None
    bounce = tokens.bounce_address((NEW,), row, "bounce@desk.example")
    assert tokens.read_unsubscribe_token((NEW,), bounce.partition("+")[2].partition("@")[0]) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """No subject and no answer makes the reading raise, and none of random text is a wish."""
    assert tokens.read_unsubscribe_token((NEW,), text) is None
    head = b"From: zack@bayside.example\r\nContent-Type: text/plain; charset=utf-8\r\n"
    mail = message(head + b"\r\n" + text.encode("utf-8", "replace"))
    assert isinstance(mail, Message)
    assert wants_no_notices(mail, text, "Re: a notice", CATALOGUE) in (True, False)


@pytest.mark.parametrize(
    ("subject", "token"),
    [
        ("unsubscribe 12-k7q2m4xdk7q2m4xd", "12-k7q2m4xdk7q2m4xd"),
        ("Unsubscribe  12-K7Q2M4XDK7Q2M4XD ", "12-K7Q2M4XDK7Q2M4XD"),
        ("unsubscribe", ""),
        ("unsubscribe me please from this", ""),
        ("Re: unsubscribe 12-k7q2m4xdk7q2m4xd", ""),
        ("please unsubscribe 12-k7q2m4xdk7q2m4xd", ""),
    ],
)
def test_a_subject_names_a_token_or_none(subject: str, token: str) -> None:
    """One word and what stands behind it, as a whole subject."""
    mail = message(f"From: a@b.example\r\nSubject: {subject}\r\n\r\n".encode())
    wish = scan(mail, CATALOGUE).wish
    assert (wish.token if wish else "") == token

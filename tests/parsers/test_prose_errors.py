"""The error message in ordinary mails: with and without quotation marks."""

from __future__ import annotations

import pytest

from tests.support.prose_score import values_of as read

ISSUE, OUTAGE, SERVER = "application_issue", "report_outage", "server_issue"


@pytest.mark.parametrize(("text", "kind", "message"), [
    ("Parents cant get in. It just says This site can’t be reached and that is all.", OUTAGE,
     "This site can’t be reached"),
    ("A los maestros les sale Su sesión ha caducado y pierden lo que escriben.", ISSUE,
     "Su sesión ha caducado"),
    ("Anmeldung geht nicht. Einzige Meldung ist Dienst nicht verfügbar. Bitte Rückruf.", OUTAGE,
     "Dienst nicht verfügbar"),
    ("El servidor está lento y a ratos saca Timeout expired. La red está bien.", SERVER,
     "Timeout expired"),
    ("Teachers cant post finals, it says Grading window closed but its open till Friday.", ISSUE,
     "Grading window closed"),
])  # fmt: skip
def test_a_message_without_quotation_marks(text: str, kind: str, message: str) -> None:
    """It begins with a capital letter behind "says" and tells of a fault."""
    assert read(text, kind)["error_message"] == message


def test_a_heading_behind_says_is_no_message() -> None:
    """What tells of no fault is only what stands on the screen."""
    assert "error_message" not in read("The tab says Grade Entry and the list is empty.", ISSUE)


def test_a_quotation_of_its_own_below_a_line_with_a_colon() -> None:
    """The line above says that it is what they get."""
    text = 'All of our principals get this in Behavior:\n\n"Object reference not set."\n\nThanks'
    assert read(text, ISSUE)["error_message"] == "Object reference not set."


@pytest.mark.parametrize(("text", "kind", "message"), [
    ("Payment could not be posted (FEE-2207).\n\nThat is what I get, every time.", ISSUE,
     "Payment could not be posted (FEE-2207)"),
    ("The server loses its database every night. In the log it says\n\nConnection refused: db01\n\n"
     "I restart it by hand.", SERVER, "Connection refused: db01"),
])  # fmt: skip
def test_a_message_on_a_line_of_its_own(text: str, kind: str, message: str) -> None:
    """By its code, or behind a line that stops in the middle."""
    assert read(text, kind)["error_message"] == message


def test_the_name_of_a_server_is_no_message() -> None:
    """Letters and digits in brackets are a code only with a hyphen."""
    text = (
        "Our Campus app server (APP02) keeps rebooting. It shows java.lang.OutOfMemoryError: heap"
    )
    assert read(text, SERVER)["error_message"] == "java.lang.OutOfMemoryError: heap"

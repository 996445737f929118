"""Who has the trouble in a mail that is passed on, and prose under the label of a long field."""

from __future__ import annotations

from tests.support.forms import read, told

ABOVE = "Please see below from one of our science teachers. The Grade Book gives her an error.\n\n"
HEAD = "From: Greta Halvorsen\nSent: Tuesday, September 14, 2021 3:48 PM\nSubject: grades\n\n"


def test_the_one_who_sent_the_trouble_has_it() -> None:
    """Nobody else is named, so the letter offers the person who told of it."""
    below = "No grades for biology, I get a red bar. It does not post.\n"
    case = read(f"{ABOVE}{HEAD}{below}", subject="FW: grades wont post")
    assert told(case, "who_is_impacted") == "one of our science teachers"
    assert "who_is_impacted" in case.likely


def test_what_the_passed_on_mail_says_counts_more() -> None:
    """It names the people itself."""
    below = "No grades for biology, it does not post. All the 8th grade teachers have it.\n"
    case = read(f"{ABOVE}{HEAD}{below}", subject="FW: grades wont post")
    assert told(case, "who_is_impacted") == "all the 8th grade teachers"


def test_prose_under_a_long_label_is_read_above_the_signature() -> None:
    """The words of the label are joined to the mail, and are no part of its closing lines."""
    text = (
        "The list has been empty since Monday and shows an error message.\n\n"
        "Steps to reproduce: Attendance > Daily open, pick a class, press Post.\n\n"
        "Best regards\nOsterkamp\nPrincipal\n"
    )
    assert told(read(text, subject="empty list"), "module") == "attendance"


def test_a_weekday_tells_the_order_of_the_numbers() -> None:
    """The 6th of September was a Monday, the 9th of June was none."""
    text = "The Grade Book shows an error message. It began on Monday, 06/09/2021."
    assert told(read(text, subject="grade book"), "issue_began") == "2021-09-06"

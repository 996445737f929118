"""One case in five shapes: as the page has it, as prose, as a print-out, passed on, from a phone.

The facts are those of the page's own example (seed L170), in our words.
"""

from __future__ import annotations

import pytest

from tests.support.forms import read, told

SUBJECT = "Teachers unable to post grades"
STEPS = (
    "1. Log in as teacher Anne Shirley\n2. Open Learning > Grade Book, section 1100-1\n"
    "3. Select Q1, the quarter grade\n4. Click Post: it is grey and cannot be pressed"
)
FORM = (
    f"Case Type: Application Issue\nModule: Grade Book\nIssue Began: 09/07/2021\n"
    f"Who is impacted?: English Lit 1100 teachers\nSteps to Reproduce:\n{STEPS}\n\n"
    "Expected Results: The Post button should be active\n"
    "Description: The Post button is grey.\n"
)
PROSE = (
    "Hello,\n\nsince September 7 the Grade Book is broken for our English teachers: the Post button"
    " is greyed out and does not work. Only the English Lit 1100 teachers are affected.\n\n"
    f"{STEPS}\n\nThe Post button should be active.\n\nThank you,\n\nZack Morris\n"
)
PRINTED = (
    "Case Details\n\nContact\nBayside School District\nZack Morris\n\nCase Type\n"
    "Application Issue\n\nModule\nGrade Book\n\nWho is impacted\nEnglish Lit 1100 teachers\n\n"
    f"Issue Began\n09/07/2021\n\nSteps to Reproduce\n{STEPS}\n\n"
    "Expected Results\nThe Post button should be active\n"
)
PASSED_ON = (
    "Please have a look, the Grade Book does not work and shows no error message.\n\n"
    "From: Anne Shirley\nSent: Tuesday, September 14, 2021 3:41 PM\nTo: Zack Morris\n"
    f"Subject: {SUBJECT}\n\n"
    "Dear Zack,\n\nsince September 7 the Post button is greyed out. Only the English Lit 1100"
    f" teachers are affected.\n\n{STEPS}\n\nThe Post button should be active.\n\nAnne\n"
)
PHONE = (
    "grade book broken since 9/7, post button greyed out and doesnt work. only the english lit 1100"
    " teachers are affected. log in as teacher anne shirley, open learning > grade book, select q1,"
    " click post. the post button should be active\n\nSent from my iPhone\n"
)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        (FORM, SUBJECT), (PROSE, SUBJECT), (PRINTED, SUBJECT),
        (PASSED_ON, f"FW: {SUBJECT}"), (PHONE, "grades"),
    ],
    ids=("form", "prose", "printed", "passed on", "phone"),
)  # fmt: skip
def test_each_shape_is_the_same_case(text: str, subject: str) -> None:
    """Type, module, day, people, steps and what should be."""
    case = read(text, subject=subject)
    assert case.type == "application_issue"
    assert told(case, "module") == "grade book"
    assert told(case, "issue_began") == "2021-09-07"
    assert "english lit 1100 teachers" in told(case, "who_is_impacted")
    assert "click post" in told(case, "steps_to_reproduce")
    assert "post button should be active" in told(case, "expected_results")
    assert {name for name in case.missing if name != "case_type"} <= set(case.likely)

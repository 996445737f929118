"""A draft and the request that its contact answers."""

from __future__ import annotations

from intake.model.cases import CaseBrief, PendingForm, StoredField

DRAFT = CaseBrief(
    "CASE-1", "bayside", "zack", "", "application_issue", "Medium", "support", "draft", "Grades",
    "The button is grey.",
    {"module": StoredField("Grade Book", "Grade Book", "label"),
     "steps_to_reproduce": StoredField("1. x", "1. x", "label"),
     "who_is_impacted": StoredField("all", "all", "label")},
)  # fmt: skip

LETTER = "Hello Zack Morris,\n\nwe need one answer.\n\nIssue Began:\n\n-- \nSupport desk\n"

ASKED = PendingForm("CASE-1", "zack", ("issue_began",), "<q@x.example>", LETTER, 1)

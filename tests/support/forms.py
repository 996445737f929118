"""Filled forms of every case type, and short ways to scan and interpret them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.loader import build
from intake.config.toml_files import catalogue_text, parsed
from intake.mail.message import Html, Message
from intake.model.accounts import Account, Contact, Membership
from intake.model.cases import CaseBrief, PendingForm
from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from intake.parsers.submission import Circumstances, Scan, Submission
from tests.support.values import BAYSIDE, RIVERDALE, ZACK, message

FILE = Path(__file__).resolve().parents[2] / "intake" / "catalogue.toml"
DATA: dict[str, Any] = parsed(catalogue_text(None))
CATALOGUE: Catalogue = build(DATA)
NOW = datetime(2021, 9, 15, 18, 44, tzinfo=UTC)
KELLY = Contact(
    "kelly", "Kelly Kapowski", ("kelly@bayside.example",), (Membership("bayside", "Technical"),)
)
AT = Circumstances(ZACK, (BAYSIDE,), (KELLY,), NOW, NOW, "America/Chicago")

FORMS: dict[str, dict[str, str]] = {
    "application_issue": {
        "Case Type": "Application Issue",
        "Priority": "High",
        "Module": "Grade Book",
        "Who is impacted?": "English teachers",
        "Issue Began": "09/07/2021",
        "Steps to Reproduce": "Log in and press Post",
        "Expected Results": "Post is active",
        "Error Message": "none",
        "Description": "The button is grey.",
    },
    "ask_question": {
        "Case Type": "Ask a Question",
        "Location within Product": "Calendar",
        "Description": "How do we set up a snow day?",
    },
    "report_outage": {
        "Case Type": "Report an Outage",
        "Priority": "Critical",
        "Description": "Nobody can log in.",
    },
    "request_training": {
        "Case Type": "Request Training",
        "Request Type": "On site",
        "Preferred Training Date": "10/20/2021",
        "Preferred Training Date 2": "10/27/2021",
        "Description": "Scheduling for counselors.",
    },
    "data_restore": {
        "Case Type": "Data Restore",
        "Approximate Date of Loss": "09/10/2021",
        "Reason for Restore": "deleted by mistake",
        "Written Permission": "Yes, I give permission to restore this data.",
        "Description": "One enrollment.",
    },
    "server_issue": {
        "Case Type": "Server Issue",
        "Issue Began": "yesterday",
        "Error Message": "Login timeout",
        "Description": "No database.",
    },
    "server_access": {
        "Case Type": "Server Access",
        "Request Type": "SQL Server, SSRS",
        "Schema Bootcamp": "Zack, in May 2021",
        "Description": "For the state report.",
    },
    "modify_support_contacts": {
        "Case Type": "Modify Support Contacts",
        "Request Type": "Replace",
        "Contact First Name": "Jessie",
        "Contact Last Name": "Spano",
        "Contact Email": "jessie@bayside.example",
        "Contact Primary Phone": "(555) 010-2030 x12",
        "Contact Type": "technical contact",
        "Area of Responsibility": "SIS, HR and Finance",
        "Contact Replacement Name": "Richard Belding",
    },
    "request_consulting": {
        "Case Type": "Request Consulting",
        "Preferred Consult Date": "10/20/2021",
        "Description": "Standards-based grading.",
    },
    "request_technical_services": {
        "Case Type": "Request Technical Services",
        "Type": "report card",
        "Desired Completion Date": "by the end of term",
        "Description": "A new logo.",
    },
}


def plain(form: dict[str, str]) -> str:
    """A label a line, the answer behind it."""
    return "\n".join(f"{label}: {value}" for label, value in form.items())


def below(form: dict[str, str]) -> str:
    """The answer under the label, a blank line after it."""
    return "\n".join(f"{label}\n{value}\n" for label, value in form.items())


def table(form: dict[str, str]) -> Html:
    """Two-column rows as the HTML reader gives them."""
    text = "\n".join(f"{label}\t{value}" for label, value in form.items())
    return Html(text, tuple(form.items()))


def mail(text: str = "", **changes: Any) -> Message:
    """Zack's mail with that text."""
    return message(**{"plain": text, "received_at": NOW, **changes})


def scanned(text: str = "", **changes: Any) -> Scan:
    """What the mail offers."""
    return scan(mail(text, **changes), CATALOGUE)


def read(text: str = "", at: Circumstances = AT, **changes: Any) -> Submission:
    """The submission that the mail amounts to."""
    one = mail(text, **changes)
    return interpret(scan(one, CATALOGUE), one, CATALOGUE, at)


def told(case: Submission, name: str) -> str:
    """A value of the case, or the one that its letter offers."""
    value = case.fields.get(name) or case.likely.get(name)
    return str(value.value or value.words).casefold() if value else ""


def several() -> Circumstances:
    """Zack works for two districts."""
    both = (Membership("bayside", "Authorized"), Membership("riverdale", "Authorized"))
    return replace(AT, contact=replace(ZACK, memberships=both), accounts=(BAYSIDE, RIVERDALE))


def replying(case: CaseBrief, pending: PendingForm | None = None) -> Circumstances:
    """Zack answers about that case."""
    return replace(AT, case=case, pending=pending)


def account(**changes: Any) -> Account:
    """Bayside with the given changes."""
    return replace(BAYSIDE, **changes)

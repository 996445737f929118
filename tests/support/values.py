"""Values the pure rooms are tested with: a contact of Bayside, her mail, and what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from intake.authentication.sender import Sender
from intake.mail.addresses import Mailbox, read_mailbox
from intake.mail.message import Header, Html, Message, Refusal
from intake.model.accounts import Account, Contact, Membership, MustReach
from intake.model.cases import CaseBrief, PendingForm
from intake.model.context import Known
from intake.parsers.submission import Submission
from intake.triage.policy import Policy

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SERVICE = "support@desk.example"
AUTHSERV = "mx.desk.example"
PASS = f"{AUTHSERV}; dkim=pass header.d=bayside.example; dmarc=pass header.from=bayside.example"

BAYSIDE = Account("bayside", "Bayside School District", ("Bayside",))
RIVERDALE = Account("riverdale", "Riverdale Unified")
MUST = MustReach(("outage", "security"), ("Authorized", "Technical"), ("Authorized",))
ZACK = Contact(
    "zack", "Zack Morris", ("Zack.Morris@bayside.example",), (Membership("bayside", "Authorized"),)
)
POLICY = Policy(own_addresses=(SERVICE,))
KNOWN = Known(
    contacts=(ZACK,), accounts=(BAYSIDE,), domain_registered=True, next_number="CASE-1001"
)
STRANGER = Known(next_number="CASE-1001")
SIGNED = Sender("L3", "zack.morris@bayside.example", ZACK, False, ("signed by bayside.example",))
COMPLETE = Submission(
    type="ask_question",
    subject="Snow day",
    description="How?",
    priority="Medium",
    department="support",
    billable=False,
    account="bayside",
    contact="zack",
    submitted_by="",
    fields={},
    missing=(),
    recommended=(),
    problems=(),
    warnings=(),
)


def fields(*pairs: tuple[str, str]) -> tuple[Header, ...]:
    """Header fields of the given names and values, top to bottom."""
    return tuple(Header(name, value) for name, value in pairs)


def message(**changes: Any) -> Message:
    """Zack's mail to the service, signed and aligned, with the given changes."""
    sender = read_mailbox(b"Zack Morris <zack.morris@bayside.example>")
    assert isinstance(sender, Mailbox)
    made = Message(
        digest="d" * 64,
        size=400,
        mailbox="support",
        received_at=NOW,
        sender=sender,
        subject="Snow day",
        message_id="<1@bayside.example>",
        date=NOW,
        to=(SERVICE,),
        cc=(),
        recipients=(),
        in_reply_to=(),
        references=(),
        fields=fields(("authentication-results", PASS), ("received", "by mx.desk.example")),
        plain="How?",
        html=Html(),
        attachments=(),
        automatic=(),
        body_digest="b" * 64,
    )
    return replace(made, **changes)


def refusal(code: str = "limits", detail: str = "too many parts") -> Refusal:
    """A mail that could not be read."""
    return Refusal("d" * 64, 400, "support", NOW, code, detail)


def case(status: str = "open", account: str = "bayside", kind: str = "ask_question") -> CaseBrief:
    """Zack's case with that status."""
    return CaseBrief(
        "CASE-1000", account, "zack", "", kind, "Medium", "support", status, "Snow day"
    )


def pending(round_: int = 1, *asked: str) -> PendingForm:
    """The request that was sent for that case."""
    return PendingForm(
        "CASE-1000", "zack", asked or ("module",), "<q@desk.example>", "Module:", round_
    )

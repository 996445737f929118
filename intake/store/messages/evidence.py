"""The evidence that is stored for a mail, so that a decision can be understood and repeated."""

from __future__ import annotations

from dataclasses import asdict

from intake.authentication.sender import Sender
from intake.mail.message import Message, Refusal
from intake.store.sql import clean, clean_all
from intake.triage.decision import Decision

MAX_HEADER = 2000  # characters of one field
EVIDENCE_FIELDS = (
    "from", "sender", "reply-to", "return-path", "message-id", "to", "cc",
    "authentication-results", "auto-submitted", "received",
)  # fmt: skip


def evidence(mail: Message | Refusal, decision: Decision) -> dict[str, object]:
    """The evidence of one mail: its fields, the proofs, the person as stored, what tripped."""
    sender = decision.sender
    kept: dict[str, object] = {
        "sender": list(sender.evidence) if sender else [],
        "passed": list(decision.passed),
        "silence": decision.silence,
    }
    if sender is not None:
        kept |= _sender(sender)
    if decision.accounts:
        kept["accounts"] = dict(decision.accounts)
    if isinstance(mail, Refusal):
        kept["refused"] = {"code": mail.code, "detail": clean(mail.detail)[:500]}
        return kept
    kept["headers"] = {
        name: [clean(value)[:MAX_HEADER] for value in mail.all(name)[:10]]
        for name in EVIDENCE_FIELDS
        if mail.all(name)
    }
    kept["automatic"] = list(mail.automatic)
    kept["warnings"] = [[one.code, clean(one.detail)[:300]] for one in mail.warnings[:50]]
    return kept


def _sender(sender: Sender) -> dict[str, object]:
    kept: dict[str, object] = {}
    if sender.details:
        kept |= clean_all(dict(sender.details))
    if sender.conflict:
        kept["conflict"] = True
    if sender.proof.signatures:
        kept["dkim"] = [clean_all(asdict(one)) for one in sender.proof.signatures]
    if sender.contact:
        contact = sender.contact
        kept["contact"] = {
            "id": contact.id, "active": contact.active, "version": contact.version,
            "roles": {one.account_id: one.contact_type for one in contact.memberships},
        }  # fmt: skip
    return kept

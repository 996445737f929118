"""A judgement as ``intake explain --json`` prints it: one object per mail."""

from __future__ import annotations

from intake.mail.message import Message, Refusal
from intake.model.context import Known
from intake.parsers.submission import Submission
from intake.triage.decision import Decision
from intake.worker.pipeline import Judgement


def explanation(mail: Message | Refusal, judged: Judgement, file: str = "") -> dict[str, object]:
    """One object per mail as ``intake explain --json`` prints it."""
    decision = judged.decision
    submission = decision.submission
    shown: dict[str, object] = {
        "file": file,
        "message_id": mail.message_id,
        "decision": decision.action,
        "rule": decision.rule,
        "reasons": list(decision.reasons),
        "level": decision.level,
        "contact": _contact(decision, judged.known),
        "contact_id": decision.contact,
        "account": decision.account,
        "submitted_by": decision.sender.address if _behalf(decision) and decision.sender else "",
        "case": decision.change.number if decision.change else "",
        "incident": decision.change.incident if decision.change else "",
        "silence": decision.silence,
    }
    shown |= _submission(submission)
    shown["warnings"] = [
        {"code": warning.code, "detail": warning.detail}
        for warning in (
            *(mail.warnings if isinstance(mail, Message) else ()),
            *(submission.warnings if submission else ()),
        )
    ]
    shown["attachments"] = _attachments(mail)
    shown["letters"] = [
        {"kind": one.kind, "to": one.recipient, "subject": one.subject, "text": one.text}
        for one in judged.letters
    ]
    shown["evidence"] = list(decision.sender.evidence) if decision.sender else []
    shown["further"] = [explanation(mail, one, file) for one in judged.further]
    return shown


def _behalf(decision: Decision) -> bool:
    """Whether the mail was written on behalf of a colleague."""
    return bool(decision.submission and decision.submission.submitted_by)


def _contact(decision: Decision, known: Known) -> str:
    """The address of the contact whose case it is; empty if no contact is known."""
    sender = decision.sender
    if sender is None or sender.contact is None:
        return ""
    wanted = decision.submission.contact if decision.submission else ""
    colleague = next((one for one in known.colleagues if one.id == wanted), None)
    return colleague.emails[0] if colleague and colleague.emails else sender.address


def _submission(submission: Submission | None) -> dict[str, object]:
    if submission is None:
        return {
            "type": "", "priority": "", "department": "", "subject": "", "description": "",
            "fields": {}, "fields_text": {}, "missing": [], "problems": [], "comment": "",
        }  # fmt: skip
    values = submission.fields
    own = {"subject": submission.subject, "description": submission.description}
    own = {name: words for name, words in own.items() if words}
    return {
        "type": submission.type,
        "priority": submission.priority,
        "department": submission.department,
        "subject": submission.subject,
        "description": submission.description,
        "fields": own | {name: one.value for name, one in values.items() if one.value is not None},
        "fields_text": {name: one.words for name, one in values.items() if one.words},
        "comment": submission.comment,
        "missing": list(submission.missing),
        "problems": [
            {"field": one.field, "code": one.code, "found": one.found, "used": one.used}
            for one in submission.problems
        ],
    }


def _attachments(mail: Message | Refusal) -> list[dict[str, object]]:
    if isinstance(mail, Refusal):
        return []
    return [
        {"name": one.name, "size": one.size, "sha256": one.sha256, "inline": one.inline}
        for one in mail.attachments
    ]

"""Read an answer to a notice: what its writer added, and what the notice implies.

A notice is our own text and has nothing to fill in, so no text of its copy is the writer's. Values
that the writer leaves out come from the notice: the type that the operator chose, and the module if
it names just one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from intake.catalogue.catalogue import CaseType, Catalogue
from intake.catalogue.labels import fold
from intake.mail.message import Message
from intake.model.incidents import Incident, Update
from intake.model.states import CaseStatus
from intake.parsers.case_type import type_of
from intake.parsers.commands import wants_no_notices
from intake.parsers.dates import Calendar
from intake.parsers.form_rules import Form
from intake.parsers.replies import added
from intake.parsers.subjects import clean_subject
from intake.parsers.submission import Circumstances, FieldValue, Scan, Wish
from intake.parsers.values import WEAK, take

SOURCE = "notice"


def answers_one(circumstances: Circumstances) -> bool:
    """Return whether the mail answers a notice, and neither a case nor a form."""
    bare = circumstances.case is None and circumstances.pending is None
    return circumstances.replied is not None and bare


def texts(incident: Incident, updates: Iterable[Update]) -> tuple[str, ...]:
    """Return the text of each notice as far as the incident shows it, one per update, newest first.

    A copy is recognised by whole lines, so no module is alone on a line here.
    """
    what = f"What is affected: {', '.join(incident.modules)}" if incident.modules else ""
    head = (incident.title, f"{incident.title} ({incident.id})", incident.impact, what)
    newest = sorted(updates, key=lambda one: -one.number)
    return tuple("\n".join(line for line in (*head, one.text) if line) for one in newest)


def read(scan: Scan, message: Message, catalogue: Catalogue, circumstances: Circumstances) -> Scan:
    """Return the scan without our own text, with the type and the wish of an answer to a notice."""
    subject = clean_subject(message.subject, catalogue.normalise.subject_marks)
    ours = scan.type_source == "subject" and _is_ours(subject, circumstances)
    type_name = "" if ours else scan.type
    chosen = type_name or circumstances.reply_type
    title = circumstances.replied.title if circumstances.replied else ""
    own = added(message, "\n".join(circumstances.sent), catalogue, chosen, title)
    candidates, free = own.candidates, own.comment
    if scan.read_from or (
        scan.type_source == "label" and _strong(scan) > len({one.field for one in candidates})
    ):
        candidates, free = scan.candidates, scan.leftover
    named = next((one.words for one in candidates if one.field == "case_type" and one.words), "")
    if named and not type_of(named, catalogue, near=True):
        chosen = ""  # the writer meant a type; a letter asks which one
    stops = circumstances.may_unsubscribe and not candidates
    if stops and wants_no_notices(message, free, subject, catalogue):
        scan, chosen = replace(scan, wish=Wish("unsubscribe")), ""
    return replace(
        scan,
        type=chosen,
        type_source=(SOURCE if chosen else "") if not type_name else scan.type_source,
        type_words="" if ours else scan.type_words,
        candidates=candidates,
        leftover=free,
        subject=subject if ours else scan.subject,
    )


def _is_ours(subject: str, circumstances: Circumstances) -> bool:
    """Return whether the subject is still that of the notice."""
    title = circumstances.replied.title if circumstances.replied else ""
    return bool(title) and fold(title, {}) in fold(subject, {})


def _strong(scan: Scan) -> int:
    return len({one.field for one in scan.candidates if one.words and one.source not in WEAK})


def fill(form: Form, case: CaseType | None, calendar: Calendar) -> None:
    """Set the module that the notice is about, if it has just one and the mail names none."""
    replied, stored = form.circumstances.replied, form.circumstances.case
    if stored is not None and stored.status != CaseStatus.DRAFT:
        return
    field = form.catalogue.fields.get("module")
    if replied is None or field is None or case is None or "module" not in case.fields:
        return
    named = "module" in form.values or any(one.field == "module" for one in form.problems)
    if named or len(replied.modules) != 1:
        return
    words = replied.modules[0]
    taken = take(words, field, form.type, form.catalogue, calendar)
    if taken.value is not None and not taken.blocking:
        form.values["module"] = FieldValue(taken.value, words, SOURCE)

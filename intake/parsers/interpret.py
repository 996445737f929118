"""Turn a Scan and its Circumstances into a Submission: typed values, defaults, rules, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from intake.catalogue.catalogue import CaseType, Catalogue, Field
from intake.catalogue.translation import labels_of
from intake.mail.message import Message
from intake.model.cases import StoredField
from intake.model.states import CaseStatus
from intake.parsers import account_and_contact, gaps, notice_replies, prose_values, quoted_text
from intake.parsers.commands import says_only
from intake.parsers.confirmation import consent
from intake.parsers.dates import Calendar, split_dates
from intake.parsers.form_rules import Form, apply
from intake.parsers.offered_numbers import chosen
from intake.parsers.prose.asked_type import settled
from intake.parsers.replies import answers, type_in
from intake.parsers.scanner import type_of
from intake.parsers.submission import (
    CASE_TYPE,
    Candidate,
    Circumstances,
    FieldValue,
    Problem,
    Scan,
    Submission,
)
from intake.parsers.unused_labels import unused
from intake.parsers.values import WEAK, is_blank, take

NO_SUBJECT = "(no subject)"
MAX_SUBJECT = 255
MAX_SUBJECT_TAKEN = 80  # characters of a description that are used as the subject


def interpret(
    scan: Scan, message: Message, catalogue: Catalogue, circumstances: Circumstances
) -> Submission:
    """Build the typed case from the mail, the stored data and the defaults. Never raises."""
    if notice_replies.answers_one(circumstances):
        scan = notice_replies.read(scan, message, catalogue, circumstances)
    candidates, free = _words(scan, message, catalogue, circumstances)
    candidates, free = account_and_contact.named(
        candidates, free, message.subject, circumstances, catalogue
    )
    named = _type(scan, candidates, catalogue, circumstances)
    type_name, guessed = settled(named, scan, candidates, free, circumstances, catalogue)
    case = catalogue.types.get(type_name)
    party = account_and_contact.resolve(candidates, circumstances, catalogue)
    form = _form(type_name, catalogue, circumstances, party)
    form.sealed = any(one.code == "sealed" for one in message.warnings)
    form.forms += sum(one.code == "two-forms" for one in scan.warnings)
    lost = _fill(form, candidates, free, party, scan)
    subject = _subject(scan, candidates, circumstances)
    description = _description(
        form, candidates, quoted_text.joined(free, lost), subject, circumstances
    )
    to_one = notice_replies.answers_one(circumstances)
    quoted = "" if to_one else quoted_text.quoted(scan, candidates, circumstances)
    if circumstances.case is None:
        description = quoted_text.joined(description, scan.invited, quoted)
    missing = () if scan.wish else gaps.missing(form, case, scan, party, description)
    missing = (CASE_TYPE, *missing) if guessed else prose_values.completed(form, missing)
    said = "" if any(one.words for one in candidates) else quoted_text.joined(free, lost)
    only = "" if quoted else _only(message, said, circumstances, catalogue)  # quoted: new to us
    return Submission(
        type=type_name,
        subject=subject,
        description=description,
        priority=form.priority,
        department=case.department if case else "",
        billable=case.billable if case else False,
        account=party.account,
        contact=party.contact,
        submitted_by=party.submitted_by,
        fields=form.values,
        missing=missing,
        recommended=gaps.recommended(form, case, missing),
        problems=tuple(form.problems),
        warnings=scan.warnings,
        notices=tuple(form.notices),
        changed=gaps.changed(form, candidates, circumstances),
        comment=quoted_text.joined(free, lost, scan.invited, quoted) if circumstances.case else "",
        wish=scan.wish,
        unknown=scan.unknown,
        read_from=scan.read_from,
        tidings=scan.tidings,
        thanks=bool(scan.tidings) or only == "thanks",
        may_close=only == "close",
        returned=scan.returned,
        likely=form.likely,
        other_matter="" if circumstances.case else scan.other_matter,
        guesses=tuple(filter(None, scan.guesses)) if guessed or not type_name else (),
    )


def _form(
    type_name: str,
    catalogue: Catalogue,
    circumstances: Circumstances,
    party: account_and_contact.Parties,
) -> Form:
    """Return the empty form, with the account's time zone and order of dates."""
    zone = party.zone or circumstances.timezone
    order = party.date_order or catalogue.date_order
    calendar = Calendar(circumstances.written_at, zone, order, catalogue.languages)
    form = Form(type_name, catalogue, circumstances, zone, calendar)
    form.account = party.account
    form.problems += party.problems
    return form


def _only(message: Message, said: str, circumstances: Circumstances, catalogue: Catalogue) -> str:
    """Return "thanks" or "close" for a mail that says only that."""
    names = account_and_contact.names(message, circumstances)
    return says_only(message, said, names, catalogue)


def _fill(
    form: Form,
    candidates: Sequence[Candidate],
    free: str,
    party: account_and_contact.Parties,
    scan: Scan,
) -> str:
    """Put values, phrases and rules into the form; return the text that fits no field."""
    case, calendar = form.catalogue.types.get(form.type), form.calendar
    _priority(form, candidates)
    lost = _values(form, case, candidates, calendar)
    lost = quoted_text.joined(
        lost, unused(candidates, form.type, form.circumstances, form.catalogue)
    )
    notice_replies.fill(form, case, calendar)
    _phrases(form, case, candidates, free)
    if party.behalf:
        form.values["contact"] = FieldValue(party.behalf, party.behalf, "label")
    if not notice_replies.answers_one(form.circumstances):
        parts = prose_values.parts_of(form, scan, free, candidates)
        prose_values.fill(form, case, candidates, parts)
    if form.sealed:
        form.problems.append(Problem("description", "sealed", "", blocking=True))
    apply(form)
    return lost


# ---------------------------------------------------------------- text and type


def _words(
    scan: Scan, message: Message, catalogue: Catalogue, circumstances: Circumstances
) -> tuple[tuple[Candidate, ...], str]:
    """Return the candidates and the free text; compare an answer to a request with the request."""
    pending, case = circumstances.pending, circumstances.case
    if pending is None or not pending.text.strip():
        return account_and_contact.unsigned(
            scan.candidates, scan.leftover, message, catalogue, circumstances
        )
    known_type = case.type if case else type_in(pending.text, catalogue)
    read = answers(message, pending, catalogue, known_type or scan.type)
    return account_and_contact.unsigned(
        read.candidates, read.comment, message, catalogue, circumstances
    )


def _type(
    scan: Scan,
    candidates: Sequence[Candidate],
    catalogue: Catalogue,
    circumstances: Circumstances,
) -> str:
    """Return the type. A case keeps its type; a draft takes another one from the answer.

    A blank form that comes back contains its type in print.
    """
    case, pending = circumstances.case, circumstances.pending
    if case is not None and case.type and case.status != CaseStatus.DRAFT:
        return case.type
    for candidate in candidates:
        if candidate.field == "case_type":
            found = type_of(candidate.words, catalogue, near=True)
            if found:
                return found
    if case is not None and case.type:
        return case.type
    printed = type_in(pending.text, catalogue) if pending and case is None else ""
    return printed or scan.type or circumstances.earlier_type


# ---------------------------------------------------------------- values


def best(
    candidates: Sequence[Candidate], name: str, field: Field, catalogue: Catalogue
) -> Candidate | None:
    """Return the first candidate of the field that is not blank; in a reply, the last one."""
    given = [
        one for one in candidates if one.field == name and not is_blank(one.words, field, catalogue)
    ]
    strong = [one for one in given if one.source not in WEAK]
    ranked = strong or given
    if not ranked:
        return None
    return ranked[-1] if ranked[0].source == "reply" else ranked[0]


def _priority(form: Form, candidates: Sequence[Candidate]) -> None:
    """Set the priority: as written, as stored, or the default."""
    catalogue, stored = form.catalogue, form.circumstances.case
    case = catalogue.types.get(form.type)
    default = (case.default_priority if case else "") or catalogue.default_priority
    form.priority = stored.priority if stored and stored.priority else default
    field = catalogue.fields.get("priority")
    candidate = best(candidates, "priority", field, catalogue) if field else None
    if field is None or candidate is None:
        return
    calendar = Calendar(form.circumstances.written_at, form.zone, catalogue.date_order)
    taken = take(candidate.words, field, form.type, catalogue, calendar)
    if isinstance(taken.value, str):
        form.priority = taken.value
    elif candidate.source not in WEAK:
        form.problems.append(Problem("priority", "unknown-choice", candidate.words, form.priority))


def _values(
    form: Form, case: CaseType | None, candidates: Sequence[Candidate], calendar: Calendar
) -> str:
    """Set every field of the type; return the text under weak labels that did not fit.

    Labels of a signature that the type lacks did not fit: the mail was read before it was guessed.
    """
    catalogue = form.catalogue
    stored = form.circumstances.case.fields if form.circumstances.case else {}
    names = case.fields if case else tuple(dict.fromkeys((*(c.field for c in candidates), *stored)))
    lost: list[str] = []
    for name in names:
        field = catalogue.fields.get(name)
        if field is None or name in gaps.OWN_COLUMNS:
            continue
        if name in stored:
            form.values[name] = _stored(stored[name])
        candidate = best(candidates, name, field, catalogue)
        if candidate is not None:
            lost += _take(form, field, candidate, calendar)
    _deal_out(form, candidates, calendar)
    _split_names(form, candidates)
    signed = set(catalogue.normalise.signature_fields) - set(names)
    foreign = (one for one in candidates if one.source in WEAK and one.field in signed)
    lost += [f"{one.label}: {one.words}" for one in foreign]
    return "\n".join(lost)


def _stored(one: StoredField) -> FieldValue:
    return FieldValue(one.value, one.words, "stored")


def _take(form: Form, field: Field, candidate: Candidate, calendar: Calendar) -> list[str]:
    words = _meant(form, field, candidate)
    if field.list_split:
        words = (split_dates(words) or [words])[0]
    taken = take(words, field, form.type, form.catalogue, calendar)
    weak = candidate.source in WEAK
    if weak and (taken.code or (field.keep_text and taken.value is None)):
        return [f"{candidate.label}: {candidate.words}"]
    if taken.code:
        form.problems.append(
            Problem(
                field.name, taken.code, words, taken.used, taken.choices, taken.blocking, taken.near
            )
        )
    kept = field.keep_text or bool(field.list_split and not taken.code)  # "am liebsten im Januar"
    if not taken.blocking and (taken.value is not None or kept):
        form.values[field.name] = FieldValue(
            taken.value, words, candidate.source, candidate.label, candidate.start, candidate.end
        )
    return []


def _meant(form: Form, field: Field, candidate: Candidate) -> str:
    """Return the words of an answer; for a number, the choice at that place of our letter."""
    pending = form.circumstances.pending
    if candidate.source != "reply" or pending is None or field.name not in pending.asked:
        return candidate.words
    labels = labels_of(form.catalogue, field.name)
    return chosen(candidate.words, pending.text, labels) or candidate.words


def _deal_out(form: Form, candidates: Sequence[Candidate], calendar: Calendar) -> None:
    """Use several dates under the first label as the second and third choice."""
    for field in form.catalogue.fields.values():
        if not field.list_split or field.name not in form.values:
            continue
        parts = _parts(candidates, field, form.catalogue)
        for name, (words, one) in zip(field.list_split[1:], parts[1:], strict=False):
            other = form.catalogue.fields[name]
            taken = take(words, other, form.type, form.catalogue, calendar)
            if name not in form.values and taken.value is not None:
                form.values[name] = FieldValue(
                    taken.value, words, one.source, one.label, one.start, one.end
                )


def _parts(
    candidates: Sequence[Candidate], field: Field, catalogue: Catalogue
) -> list[tuple[str, Candidate]]:
    """Return every date under the field's label, which may occur three times (seed L143).

    In a reply only the last answer counts: it corrects the earlier ones.
    """
    first = best(candidates, field.name, field, catalogue)
    if first is None:
        return []
    same = [one for one in candidates if one.field == field.name and one.source == first.source]
    if first.source == "reply":
        same = [first]
    return [(words, one) for one in same for words in split_dates(one.words)]


def _split_names(form: Form, candidates: Sequence[Candidate]) -> None:
    """Split a full name under one label into the first and the last name."""
    for field in form.catalogue.fields.values():
        one = form.values.get(field.name)
        if not field.split_from or one is None or one.source == "stored":
            continue
        labels = {word.casefold() for word in field.split_from}
        parts = str(one.value).split()
        last = field.name.replace("first", "last")
        if one.label.casefold() in labels and len(parts) >= 2 and last in form.catalogue.fields:
            form.values[field.name] = replace(one, value=" ".join(parts[:-1]))
            form.values.setdefault(last, replace(one, value=parts[-1]))


def _phrases(form: Form, case: CaseType | None, candidates: Sequence[Candidate], free: str) -> None:
    """Accept a confirmation that is a sentence in the writer's own new text, under any label.

    Quoted text, a copy of an older mail and our own request are not the writer's new text.
    """
    own = "\n\n".join((free, *(one.words for one in candidates)))
    for name in case.fields if case else ():
        field = form.catalogue.fields[name]
        if field.kind != "confirm" or name in form.values:
            continue
        if any(problem.field == name for problem in form.problems):
            continue
        words = consent(own, field)
        if words:
            form.values[name] = FieldValue(True, words, "phrase")


# ---------------------------------------------------------------- subject and description


def _subject(scan: Scan, candidates: Sequence[Candidate], circumstances: Circumstances) -> str:
    given = next((one.words for one in candidates if one.field == "subject" and one.words), "")
    if circumstances.case is not None:
        return " ".join(given.split())[:MAX_SUBJECT]
    if not given and circumstances.pending:  # the subject of a blank form carries no information
        given = next((one.words for one in candidates if one.field == "description"), "")
        given = given if len(given) <= MAX_SUBJECT_TAKEN else f"{given[:MAX_SUBJECT_TAKEN]}…"
    return " ".join((given or scan.subject).split())[:MAX_SUBJECT] or NO_SUBJECT


def _description(
    form: Form,
    candidates: Sequence[Candidate],
    free: str,
    subject: str,
    circumstances: Circumstances,
) -> str:
    """Return the text under the label, else the free text; for an outage the subject is enough."""
    field = form.catalogue.fields.get("description")
    given = best(candidates, "description", field, form.catalogue) if field else None
    words = given.words if given else ""
    case = circumstances.case
    if case is not None:
        unsaid = not case.description and not words
        return words or (free if unsaid else "")
    if given is not None and given.source in WEAK and free:
        words = quoted_text.joined(free, words)
    kind = form.catalogue.types.get(form.type)
    ours = notice_replies.answers_one(circumstances)  # then the subject may be ours, too
    if not words and not free and kind and kind.opens_at_once and not ours:
        return subject if subject != NO_SUBJECT else ""
    return words if words and not free else quoted_text.joined(words, free) if words else free

"""The words of staff on their way to the contacts, and what else their mails lead to.

A contact gets the words that were written for them, with the name and the department of who wrote
them, and nothing else of the staff mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from intake.letters import wording
from intake.letters.compose import to_person
from intake.letters.handover import (
    CaseNow,
    Handover,
    Written,
    addresses,
    case_now,
    hand_over,
    lines,
)
from intake.letters.handover_files import mail_files, split
from intake.letters.letter import Letter, Occasion, Reached, Thread
from intake.letters.locale import Locale, locale
from intake.letters.questions import questions
from intake.letters.text import one_line
from intake.mail.message import Message
from intake.model.accounts import Contact
from intake.model.context import FileRef, Known
from intake.model.staff import Staff
from intake.parsers.body_lines import is_courtesy
from intake.parsers.conversation_text import said
from intake.parsers.submission import Submission
from intake.triage.decision import Decision
from intake.triage.facts import StaffWork


def from_staff(
    decision: Decision, known: Known, mail: Message, setup: Handover, now: datetime
) -> tuple[Letter, ...]:
    """Return every letter that a staff member's mail leads to. Raises LetterError."""
    work = decision.work
    if work is None:
        return ()
    if work.refused or work.held or work.helps:
        return (_to_writer(work, known, mail, setup, now),)
    made = _answers(decision, work, known, mail, setup, now)
    made += _left_behind(decision, work, known, mail, setup, now) if made else ()
    made += _merges(work, known, mail, setup, now)
    return made + _moves(decision, work, known, mail, setup, now)


def _to_writer(
    work: StaffWork,
    known: Known,
    mail: Message,
    setup: Handover,
    now: datetime,
    left: Sequence[str] = (),
) -> Letter:
    """Return the letter to the staff member whose mail did nothing, or asked for help.

    ``left`` names files that did not go with an answer that has left.
    """
    case = known.case
    values: dict[str, object] = {
        "name": work.staff.name,
        "helps": work.helps,
        "held": work.held,
        "left": left,
        "brings_files": any(not one.inline for one in mail.attachments),
        "sent": False,
        "refused": work.refused,
        "words": lines(said(mail).own) if not (work.helps or left) else [],
        "title": one_line(case.subject, 100) if case else "",
    }
    cause = f"files:{mail.digest}" if left else mail.digest
    shown = CaseNow(case.number if case else "", "", "", "", "", None, "", "", {})
    letter = Written(setup, shown, values, cause, now, "staff_reply")
    return letter.to(_own_address(work.staff, mail))


def _own_address(staff: Staff, mail: Message) -> str:
    """Return the stored address that the mail came from, else the first one."""
    sender = getattr(getattr(mail.sender, "address", None), "key", "")
    return next((one for one in staff.emails if one.lower() == sender), staff.emails[0])


def _answers(
    decision: Decision,
    work: StaffWork,
    known: Known,
    mail: Message,
    setup: Handover,
    now: datetime,
) -> tuple[Letter, ...]:
    """Return the answer, or the request for fields, to everybody who takes part."""
    change, case = decision.change, known.case
    if change is None or case is None or not work.readers or not (work.answer or work.asks):
        return ()
    files = () if work.sends else mail_files(decision, mail, quarantined=setup.quarantined)
    attached, _ = split([one for one in files if not one.note], setup.attach_bytes)
    cause = f"{mail.digest}"
    made = []
    for one in work.readers:
        spoken = locale(setup.letters, one.reads)
        values = {
            "text": work.answer,
            "greets": is_courtesy(work.answer.partition("\n")[0]),
            "staff": work.staff.name,
            "department": _name(case.department, spoken, setup),
            "status": change.status if change.status != case.status else "",
            "files": [f"- {one_line(f.name, 80)} ({wording.size_text(f.size, spoken)})"
                      for f in attached],
        }  # fmt: skip
        thread = thread_of(known, one, case.number, case.subject)
        occasion = Occasion(
            "answer", f"{cause}:{one.id}", values, thread, files=attached, as_written=True
        )
        if work.answer:
            made.append(to_person(setup.letters, _reached(known, one), occasion, now))
        if work.asks:
            made.append(_request(change.asked, known, one, setup, occasion, now))
    return tuple(made)


def _left_behind(
    decision: Decision,
    work: StaffWork,
    known: Known,
    mail: Message,
    setup: Handover,
    now: datetime,
) -> tuple[Letter, ...]:
    """Return the letter to the writer about files that did not go with the answer."""
    files = () if work.sends else mail_files(decision, mail, quarantined=setup.quarantined)
    kept = [one for one in files if one.note]
    _, big = split([one for one in files if not one.note], setup.attach_bytes)
    left = [f"- {one_line(one.name, 80)}: {one.note}" for one in kept]
    left += [f"- {one_line(one.name, 80)}: too big for a letter" for one in big]
    return (_to_writer(work, known, mail, setup, now, left),) if left else ()


def file_follows(
    known: Known, staff: Staff, readers: Sequence[Contact], file: FileRef, setup: Handover,
    now: datetime,
) -> tuple[Letter, ...]:  # fmt: skip
    """Return the letters with a file of an answer that had to wait for the virus scanner."""
    case, made = known.case, list[Letter]()
    attached, _ = split([file], setup.attach_bytes)
    for one in readers if case is not None and attached else ():
        assert case is not None
        spoken = locale(setup.letters, one.reads)
        size = wording.size_text(file.size, spoken)
        values: dict[str, object] = {
            "text": spoken.say("file-follows"), "greets": False, "staff": staff.name,
            "department": _name(case.department, spoken, setup), "status": "",
            "files": [f"- {one_line(file.name, 80)} ({size})"],
        }  # fmt: skip
        occasion = Occasion(
            "answer", f"file:{file.sha256}:{one.id}", values,
            thread_of(known, one, case.number, case.subject), files=attached,
        )  # fmt: skip
        made.append(to_person(setup.letters, _reached(known, one), occasion, now))
    return tuple(made)


def _request(
    asked: Sequence[str],
    known: Known,
    reader: Contact,
    setup: Handover,
    occasion: Occasion,
    now: datetime,
) -> Letter:
    """Return our own request for fields that a staff member wants to know."""
    case = known.case
    assert case is not None
    spoken = locale(setup.letters, reader.reads)
    empty = Submission(case.type, "", "", case.priority, "", False, case.account_id, "", "", {},
                       tuple(asked), (), (), ())  # fmt: skip
    values = {
        "opened": True, "handed": True, "repeated": False, "matters": 1, "other_matter": "",
        "incident": [],
        "billable": False, "guessed": False, "asks_back": False, "understood": "", "optional": [],
        "changes": [],
        "read": [], "attachments": [], "maintenance": False,
        "department": occasion.values["department"],
        "questions": questions(empty, spoken, asked),
    }  # fmt: skip
    request = replace(occasion, kind="missing_fields", values=values, files=(), as_written=False)
    return to_person(setup.letters, _reached(known, reader), request, now)


def thread_of(known: Known, reader: Contact, number: str, subject: str) -> Thread:
    """Return the thread of a case as that reader has it."""
    last = known.threads.get(reader.id)
    return Thread(number, last.subject if last else subject, last.message_id if last else "")


def _reached(known: Known, reader: Contact) -> Reached:
    """Return the reader at the address to which the last letter about the case went."""
    last = known.threads.get(reader.id)
    there = last.recipient if last and last.recipient in reader.emails else reader.emails[0]
    return Reached.at(reader, there)


def _name(key: str, spoken: Locale, setup: Handover) -> str:
    """Return the department's name below an answer."""
    place = setup.departments.get(key)
    label = setup.letters.departments.get(key) or (place.name if place else "")
    return label or spoken.catalogue.departments.get(key, setup.letters.service)


def _merges(
    work: StaffWork, known: Known, mail: Message, setup: Handover, now: datetime
) -> tuple[Letter, ...]:
    """Return what contacts are told of a case that goes on in another one, or became two."""
    case = known.case
    if case is None or not (work.merge or work.split is not None):
        return ()
    made = []
    for one in work.readers:
        if work.merge:
            values: dict[str, object] = {"target": work.merge}
            occasion = Occasion("merged", f"{mail.digest}:{one.id}", values)
            occasion = replace(occasion, thread=thread_of(known, one, case.number, case.subject))
        else:
            title = one_line(work.split or work.text, 120)
            values = {"origin": case.number, "title": title}
            thread = Thread(known.next_number, title)
            occasion = Occasion("split", f"{mail.digest}:{one.id}", values, thread)
        made.append(to_person(setup.letters, _reached(known, one), occasion, now))
    return tuple(made)


def _moves(
    decision: Decision,
    work: StaffWork,
    known: Known,
    mail: Message,
    setup: Handover,
    now: datetime,
) -> tuple[Letter, ...]:
    """Return what the department or owner hears that gets a case, and the one that loses it."""
    if decision.change is None or known.case is None:
        return ()
    case = case_now(decision, known)
    people = {one.id: one for one in (*known.colleagues, *known.participants)}
    case = replace(case, contact=people.get(known.case.contact_id), writer=work.staff.name)
    made: tuple[Letter, ...] = ()
    letter = Written(setup, case, {}, mail.digest, now)
    if work.split is not None:
        title = one_line(work.split or work.text, 120)
        second = replace(case, number=known.next_number, subject=title, fields={}, missing=())
        words = f"{work.staff.name} has made a case of its own of a part of {case.number}."
        made += hand_over(second, words, work.text, known, letter)
    old, owner = work.was
    if (case.department, case.owner) == (old, owner):
        return made
    place, before = setup.departments.get(case.department), setup.departments.get(old)
    whither = (place.name if place else case.department) or "another department"
    if case.owner and case.owner != owner:
        names = {one.id: one.name for one in known.colleagues_of_staff}
        whither = names.get(case.owner, case.owner)
    there = addresses(place, case.owner, known.colleagues_of_staff) if place else ()
    left = addresses(before, owner, known.colleagues_of_staff) if before else ()
    words = f"{work.staff.name} has given this case to {whither}."
    shown = known.case.description if not work.is_note else f"{work.text}"
    writer = work.staff.emails
    if not set(there) <= set(writer):
        made += hand_over(case, words, shown, known, letter)
    values = {"headline": words}
    moved = replace(letter, values=values, kind="moved")
    return made + tuple(moved.to(one) for one in left if one not in {*there, *writer})

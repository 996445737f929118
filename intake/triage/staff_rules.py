"""The rules R32 to R34: mail of staff, who answer cases by mail.

A staff member is proved like a contact. Their mail never opens or answers anything unless it is a
reply to a case, has `#for`, or asks for help; what is in doubt is told to its writer and not sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from intake.mail.message import Message
from intake.mail.mime.auto_submitted import is_answer
from intake.model.accounts import Contact
from intake.model.cases import CaseBrief
from intake.model.context import Known
from intake.model.staff import Staff
from intake.model.states import CASE_OVER, CaseStatus
from intake.parsers.staff_orders import NOBODY
from intake.parsers.submission import StaffOrders
from intake.triage.facts import CaseChange, Facts, StaffWork, Verdict
from intake.triage.sender_rules import counted_only

SOON = timedelta(minutes=1)  # two answers so close together are told even if a copy was seen
MAX_SHOWN_CHARS = 300


def automatic(facts: Facts) -> Verdict | None:
    """Ignore what a program sends in a staff member's name: absences, receipts, reports."""
    staff = facts.known.staff
    if staff is None or not (facts.machine or is_answer(facts.automatic)):
        absent = facts.returned is not None and facts.returned.kind == "absence"
        if staff is None or not (absent or facts.submission.tidings):
            return None
    return Verdict("ignore", (f"an automatic mail of {staff.id} of the staff",))


def unproved(facts: Facts) -> Verdict | None:
    """Hold a mail in a staff member's name when nothing proves that they wrote it."""
    staff = facts.known.staff
    if staff is None or (facts.proved and staff.active):
        return None
    if not staff.active:
        return Verdict("hold", (f"{staff.id} of the staff is disabled",))
    if facts.no_place_left:
        return counted_only(facts)
    return Verdict("hold", (f"nothing proves that {staff.id} of the staff wrote this",))


def works(facts: Facts) -> Verdict | None:
    """Do what a staff member's mail asks for, or tell them why not."""
    staff, orders = facts.known.staff, facts.submission.orders
    if staff is None or orders is None or not isinstance(facts.mail, Message):
        return None
    case = facts.known.case
    if orders.helps:
        return _told(staff, case, ("asks what works",), StaffWork(staff, helps=True))
    if case is None and orders.slips:
        return _refused(staff, None, orders.slips)
    if case is None:
        why = "It names no case: reply to a letter about a case, or begin with #for ADDRESS."
        return _refused(staff, None, (why,))
    trouble = _not_allowed(facts, staff, case, orders) or list(orders.slips)
    trouble = trouble or _impossible(facts, case, orders)
    if trouble:
        return _refused(staff, case, tuple(trouble))
    doubt = _doubt(facts, staff, case, orders)
    if doubt:
        return _kept_back(staff, case, orders, doubt)
    return _done(facts, staff, case, orders)


def _told(
    staff: Staff, case: CaseBrief | None, reasons: tuple[str, ...], work: StaffWork
) -> Verdict:
    number = case.number if case else ""
    return Verdict("staff", reasons, work=replace(work, number=number))


def _refused(staff: Staff, case: CaseBrief | None, why: tuple[str, ...]) -> Verdict:
    """Tell the writer what is wrong; nothing is done."""
    return _told(staff, case, ("nothing was done", *why), StaffWork(staff, refused=why))


def _kept_back(staff: Staff, case: CaseBrief, orders: StaffOrders, doubt: str) -> Verdict:
    """Keep the words with the case until their writer says that they may leave."""
    work = StaffWork(staff, text=orders.text, held=doubt)
    return _told(staff, case, (f"kept back: {doubt}",), work)


def _not_allowed(facts: Facts, staff: Staff, case: CaseBrief, orders: StaffOrders) -> list[str]:
    """Return what the staff member may not do."""
    if not staff.handles(case.department, case.owner):
        return [f"{case.number} is a case of another department."]
    found = []
    answers = bool((orders.text and not orders.is_note) or orders.asks or orders.question)
    if (answers or orders.sends) and not staff.may("answer"):
        found.append("You may not write to contacts; begin with #note.")
    if orders.status and not staff.may("close"):
        found.append("You may not change the state of a case.")
    moves = orders.assign or orders.department or orders.merge or orders.split is not None
    if moves and not staff.may("assign"):
        found.append("You may not give cases to others, merge or divide them.")
    return found


def _impossible(facts: Facts, case: CaseBrief, orders: StaffOrders) -> list[str]:
    """Return what cannot be done as it is asked for."""
    found = [*_unknown_names(facts, orders), *_wrong_merge(facts, case, orders)]
    if orders.split is not None and not orders.text:
        found.append("#split: write on the next lines what the new case is about.")
    if orders.type and orders.type == case.type:
        found.append("#type: the case has that type already.")
    writes = bool((orders.text and not orders.is_note) or orders.asks or orders.question)
    if (writes or orders.sends) and orders.split is None and not readers(facts.known):
        found.append(
            "The contact of this case cannot be written to: disabled, or no longer of the account."
        )
    if orders.sends and not facts.known.held_answer:
        found.append("#send: no answer of yours waits in this case.")
    if not (orders.text or orders.changes or orders.sends):
        found.append("It holds no new text and no command.")
    if orders.is_note and not orders.text:
        found.append("#note: the note itself is missing; write it on the next lines.")
    return found


def _unknown_names(facts: Facts, orders: StaffOrders) -> list[str]:
    """Return who and what is named in the commands and does not exist."""
    found, known = [], facts.known
    if orders.assign and _assignee(facts, orders.assign) is None:
        names = ", ".join(one.id for one in known.colleagues_of_staff if one.active)
        found.append(f"#assign: there is no {orders.assign!r} among the staff: {names}.")
    if orders.incident and orders.incident not in {one.id for one in known.incidents}:
        names = ", ".join(one.id for one in known.incidents) or "none"
        found.append(f"#incident: {orders.incident} is not open. Open now: {names}.")
    found += [
        f"{key} is no active contact of the case's account."
        for key in (*orders.cc, *orders.uncc)
        if _contact_at(facts, key) is None
    ]
    return found


def _wrong_merge(facts: Facts, case: CaseBrief, orders: StaffOrders) -> list[str]:
    other = facts.known.other_case
    if not orders.merge:
        return []
    if other is None:
        return [f"#merge: there is no case {orders.merge}."]
    if other.number == case.number:
        return [f"#merge: {orders.merge} is this case already."]
    if other.account_id != case.account_id:
        return [f"#merge: {orders.merge} is a case of another account."]
    return []


def _doubt(facts: Facts, staff: Staff, case: CaseBrief, orders: StaffOrders) -> str:
    """Return why words may not be meant to leave, or not like this."""
    if orders.is_note or not orders.text or orders.sends:
        return ""
    if orders.doubt:
        return orders.doubt
    for answer in facts.known.answers:
        seen = facts.known.seen_until
        unseen = seen is not None and answer.at > seen
        close = facts.mail.received_at - answer.at < SOON
        if answer.who != staff.id and (unseen or close):
            words = " ".join(answer.text.split())[:MAX_SHOWN_CHARS]
            return f"{answer.name} has answered in the meantime: “{words}”"
    return ""


def _done(facts: Facts, staff: Staff, case: CaseBrief, orders: StaffOrders) -> Verdict:
    """Return the change of the case, and what is written to whom."""
    text = facts.known.held_answer if orders.sends else orders.text
    split = orders.split is not None
    answer = "" if orders.is_note or split else "\n\n".join(filter(None, (orders.question, text)))
    owner = _assignee(facts, orders.assign) if orders.assign else None
    status = _status(case, orders, answer)
    department = orders.department or _department_of(facts, owner, case)
    change = CaseChange(
        number=case.number,
        new=False,
        status=status,
        account=case.account_id,
        type=orders.type,
        priority=orders.priority,
        department=department if department != case.department else "",
        incident=orders.incident or "",
        fields=orders.fields,
        asked=orders.asks,
        round=(facts.known.pending.round if facts.known.pending else 0) + 1 if orders.asks else 0,
        keeps_request=not orders.asks and status not in CASE_OVER,
        who=staff.id,
        owner=owner.id if owner is not None else None,
        untie=orders.incident == "",
    )
    work = StaffWork(
        staff,
        text=text,
        answer=answer,
        is_note=orders.is_note,
        asks=orders.asks,
        merge=orders.merge,
        split=orders.split,
        joins=tuple(one.id for key in orders.cc if (one := _contact_at(facts, key))),
        leaves=tuple(one.id for key in orders.uncc if (one := _contact_at(facts, key))),
        sends=orders.sends,
        readers=_readers_after(facts, orders)
        if answer or orders.asks or orders.merge or split
        else (),
        was=(case.department, case.owner),
    )
    return replace(_told(staff, case, _reasons(orders, answer), work), change=change)


def _readers_after(facts: Facts, orders: StaffOrders) -> tuple[Contact, ...]:
    """Return who gets the words once `#cc` and `#uncc` of the same mail are done."""
    there = {one.id: one for one in readers(facts.known)}
    for key in orders.cc:
        joined = _contact_at(facts, key)
        if joined is not None:
            there[joined.id] = joined
    for key in orders.uncc:
        left = _contact_at(facts, key)
        case = facts.known.case
        if left is not None and case is not None and left.id != case.contact_id:
            there.pop(left.id, None)
    return tuple(there.values())


def _status(case: CaseBrief, orders: StaffOrders, answer: str) -> str:
    if orders.merge:
        return CaseStatus.CLOSED
    if orders.status:
        return orders.status
    if orders.asks or orders.question:
        return CaseStatus.WAITING
    return case.status if case.status != CaseStatus.DRAFT or not answer else CaseStatus.DRAFT


def _reasons(orders: StaffOrders, answer: str) -> tuple[str, ...]:
    """Return what was done, in short words."""
    found = []
    if orders.is_note:
        found.append("a note")
    elif answer:
        found.append("an answer to the contact")
    if orders.asks:
        found.append(f"asks for {', '.join(orders.asks)}")
    for name in ("status", "assign", "department", "priority", "type", "merge"):
        value = getattr(orders, name)
        if value:
            found.append(f"{name} {value}")
    found += [f"set {name}" for name in orders.fields]
    if orders.split is not None:
        found.append("a second case")
    return tuple(found) or ("changed",)


def _assignee(facts: Facts, words: str) -> Staff | None:
    """Return the staff member that the words mean; an empty one for "none"."""
    flat = " ".join(words.casefold().split())
    if flat == "me":
        return facts.known.staff
    if flat in NOBODY:
        return Staff("", "", ())
    active = [one for one in facts.known.colleagues_of_staff if one.active]
    exact = [
        one
        for one in active
        if flat in (one.id.casefold(), one.name.casefold(), *(m.casefold() for m in one.emails))
    ]
    named = exact or [one for one in active if flat in one.name.casefold().split()]
    return named[0] if len(named) == 1 else None


def _department_of(facts: Facts, owner: Staff | None, case: CaseBrief) -> str:
    """Return the department of a new owner who is in exactly one, and not in the case's."""
    if owner is None or not owner.id or case.department in owner.departments:
        return case.department
    return owner.departments[0] if len(owner.departments) == 1 else case.department


def _contact_at(facts: Facts, key: str) -> Contact | None:
    """Return the active contact of the case's account with that address."""
    case = facts.known.case
    people = (*facts.known.colleagues, *facts.known.participants)
    for one in people:
        if case and one.active and one.at(case.account_id) and _has(one, key):
            return one
    return None


def _has(one: Contact, key: str) -> bool:
    return key in {address.lower() for address in one.emails}


def readers(known: Known) -> tuple[Contact, ...]:
    """Return who gets the words: the contact, who wrote for them, and the participants.

    Only active contacts of the case's account with a stored address are written to.
    """
    case = known.case
    if case is None:
        return ()
    wanted = [case.contact_id, case.submitted_by, *(one.id for one in known.participants)]
    there = {one.id: one for one in (*known.participants, *known.colleagues)}
    found = (there.get(one) for one in dict.fromkeys(filter(None, wanted)))
    return tuple(
        one
        for one in found
        if one is not None and one.active and one.emails
        and (not case.account_id or one.at(case.account_id) is not None)
    )  # fmt: skip

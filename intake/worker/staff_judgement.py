"""Reads the mail of a staff member: its commands, or the mail of the contact it is written for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from intake.authentication.sender import Sender
from intake.catalogue.catalogue import Catalogue
from intake.mail.addresses import Address, Mailbox, read_address
from intake.mail.message import Html, Message
from intake.model.context import Known
from intake.model.departments import Departments
from intake.parsers import staff_mail
from intake.parsers.dates import Calendar
from intake.parsers.staff_orders import resolve
from intake.parsers.submission import Scan, StaffOrders, Submission
from intake.triage.decision import NO_SUBMISSION


@dataclass(frozen=True, slots=True)
class StaffSetup:
    """What the commands of staff depend on apart from the mail and the database."""

    catalogue: Catalogue
    timezone: str
    case_prefix: str
    departments: Departments


def written_for(mail: Message, known: Known, sender: Sender) -> Message | None:
    """The mail as if the contact behind `#for` had written it; None when it is not for one.

    Nothing of the staff member's header is kept.
    """
    staff = known.staff
    if staff is None or not (sender.proved and staff.active) or known.case is not None:
        return None
    asked = staff_mail.read(mail, known.sent_texts, staff.emails)
    address = read_address(asked.behalf) if asked.behalf and not asked.slips else None
    if not isinstance(address, Address) or not staff.may("answer"):
        return None
    return replace(
        mail, sender=Mailbox("", address), plain=asked.text, html=Html(), message_id="",
        in_reply_to=(), references=(), automatic=(), through="", cc=(), to=(), fields=(),
    )  # fmt: skip


def ordered(mail: Message, known: Known, setup: StaffSetup, scan: Scan | None = None) -> Submission:
    """What the commands on top of the mail ask for, and its words.

    ``scan`` shows whether a program wrote it: an absence, a report about a letter.
    """
    staff, catalogue = known.staff, setup.catalogue
    asked = staff_mail.read(mail, known.sent_texts, staff.emails if staff else ())
    calendar = Calendar(mail.received_at, setup.timezone, catalogue.date_order, catalogue.languages)
    names = {key: one.name for key, one in setup.departments.items()}
    names = {**catalogue.departments, **names}
    orders = resolve(asked, known.case, catalogue, calendar, names, setup.case_prefix)
    found = replace(NO_SUBMISSION, orders=_with_for(orders, asked, known))
    return replace(found, returned=scan.returned, tidings=scan.tidings) if scan else found


def _with_for(orders: StaffOrders, asked: staff_mail.StaffMail, known: Known) -> StaffOrders:
    """`#for` that led to no case is a slip: an answer to a case, or no contact's address."""
    if not asked.has("for") or orders.slips:
        return orders
    why = f"#for: there is no active contact with the address {asked.words('for')!r}."
    if known.case is not None:
        why = "#for opens a new case: write it in a new mail and not as a reply."
    return replace(orders, slips=(why,))

"""Checks before a letter is sent: whether its reader may still get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.states import SuppressionKind
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import ContactEmailRow, ContactRow, MembershipRow, SuppressionRow
from intake.store.tables.handover import StaffEmailRow, StaffRow
from intake.store.tables.messages import NOBODY

OPERATOR_KINDS = ("alert", "nag", "test")  # letters to the configured address of the operator
HANDS_OVER = ("handover", "desk")  # bring a case to its department
STAFF_KINDS = ("handover", "staff_reply", "moved", "late", "desk", "summary")  # to departments
NOTICES = ("notice", "digest")  # kinds that nobody has asked for begin so
LEAVERS = ("replaced", "removed")  # letters to who has just left
FOR_ANYBODY = ("refusal", *LEAVERS, "verify", "join")  # letters to who is not of the account


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that this worker may send until the lease runs out."""

    id: int
    fence: int
    kind: str
    recipient: str
    contact_id: str
    case_number: str
    message_id_header: str
    raw: bytes
    attempts: int
    files: Sequence[Mapping[str, Any]] = ()  # are attached when it is sent
    sender: str = ""  # envelope sender; empty: the default one
    trouble: str = ""  # why it cannot be sent at all
    must: bool = False  # a mandatory notice: bounces do not stop it


def barred(session: Session, rows: Sequence[Claimed], now: datetime) -> dict[int, str]:
    """Letter id -> reason, for letters whose address no longer belongs to an active contact."""
    keys = {ascii_lower(row.recipient) for row in rows}
    if not keys:
        return {}
    owners = {
        key: (owner, active)
        for key, owner, active in session.execute(
            select(
                col(ContactEmailRow.key), col(ContactEmailRow.contact_id), col(ContactRow.active)
            )
            .join(ContactRow, col(ContactRow.id) == col(ContactEmailRow.contact_id))
            .where(col(ContactEmailRow.key).in_(keys))
        )
    }
    rows_ = session.scalars(select(SuppressionRow).where(col(SuppressionRow.key).in_(keys)))
    stopped = {one.key: one for one in rows_ if one.until is None or one.until > now}
    left = _of_accounts_left(session, rows)
    disabled = _of_disabled_staff(session, keys)
    return {
        row.id: why
        for row in rows
        if (why := _why_not(row, owners, stopped) or left(row) or disabled(row))
    }


def _of_disabled_staff(session: Session, keys: set[str]) -> Callable[[Claimed], str]:
    """Checks whether a letter goes to a staff member who was disabled."""
    query = (
        select(col(StaffEmailRow.key))
        .join(StaffRow, col(StaffRow.id) == col(StaffEmailRow.staff_id))
        .where(col(StaffEmailRow.key).in_(keys), ~col(StaffRow.active))
    )
    gone: set[str] = set()
    asked = False

    def why_not(row: Claimed) -> str:
        nonlocal gone, asked
        if row.kind not in STAFF_KINDS:
            return ""
        if not asked:
            gone, asked = set(session.scalars(query)), True
        return "the staff member was disabled" if ascii_lower(row.recipient) in gone else ""

    return why_not


def _of_accounts_left(session: Session, rows: Sequence[Claimed]) -> Callable[[Claimed], str]:
    """Checks whether a letter's contact has left the account of the case."""
    numbers = {row.case_number for row in rows if row.case_number}
    cases = select(col(CaseRow.number), col(CaseRow.account_id)).where(
        col(CaseRow.number).in_(numbers), col(CaseRow.account_id) != NOBODY
    )
    accounts = {row[0]: str(row[1]) for row in session.execute(cases)} if numbers else {}
    belonging = select(col(MembershipRow.contact_id), col(MembershipRow.account_id)).where(
        col(MembershipRow.account_id).in_(set(accounts.values())),
        col(MembershipRow.contact_id).in_({row.contact_id for row in rows}),
    )
    members = {(row[0], row[1]) for row in session.execute(belonging)} if accounts else set()

    def why_not(row: Claimed) -> str:
        account = accounts.get(row.case_number)
        if account is None or row.kind in FOR_ANYBODY or not row.contact_id:
            return ""
        here = (row.contact_id, account) in members
        return "" if here else "the contact is not of the case's account any more"

    return why_not


def _why_not(
    row: Claimed, owners: dict[str, tuple[str, bool]], stopped: Mapping[str, SuppressionRow]
) -> str:
    key = ascii_lower(row.recipient)
    owner, active = owners.get(key, ("", False))
    if row.kind in (*OPERATOR_KINDS, *STAFF_KINDS) and not row.contact_id:
        return ""  # to an address from the configuration, or to a staff member
    if owner != row.contact_id:
        return "the address is not stored for this contact any more"
    if not active and row.kind not in ("refusal", *LEAVERS):
        return "the contact was disabled"
    if row.must:
        return ""
    why = stopped.get(key)
    if why is None or (why.kind == SuppressionKind.BOUNCED and not row.kind.startswith(NOTICES)):
        return ""  # who writes to us gets an answer, whatever bounced before
    return why.reason

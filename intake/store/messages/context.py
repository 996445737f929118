"""All stored data that the decisions about a batch of mails may need, in few queries.

What the mails of a batch have in common is read once for all of them. A mail that refers to a case,
to a notice or to a letter of ours needs a few queries more of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from intake.letters.letter import Letter
from intake.model.accounts import Contact
from intake.model.cases import NO_CASES, CaseBrief
from intake.model.context import Keys, Known, PastMail, Twin
from intake.model.incidents import Incident
from intake.model.staff import Staff
from intake.store.cases.write import next_number
from intake.store.contacts import suppressions
from intake.store.engine import Session
from intake.store.handover.directory import whole_staff
from intake.store.incidents import notice_lookup, read
from intake.store.messages import (
    answered_questions,
    case_lookup,
    rate_counts,
    staff_lookup,
)
from intake.store.messages.case_facts import case_facts
from intake.store.messages.people import people
from intake.store.messages.twins import twins
from intake.store.tables.handover import StaffEmailRow
from intake.triage.facts import CaseChange
from intake.triage.loops import LOOP


class NotLoadedError(Exception):
    """A snapshot was asked about keys that it was not made for."""


def look_up(
    session: Session, keys: Keys, now: datetime, case_prefix: str = "CASE-", not_row: int = 0
) -> Known:
    """What is known about the mail with those keys. ``not_row`` is its own row if judged again."""
    return Snapshot(session, (keys,), now, case_prefix, not_row).known(keys)


class Snapshot:
    """What the database says about a batch of mails, and what was decided about them since.

    The next number is read first. In a write transaction this locks its row until the end. If two
    workers have the same mail, the second one therefore sees the first one's result.
    """

    def __init__(
        self,
        session: Session,
        keys: Sequence[Keys],
        now: datetime,
        case_prefix: str = "CASE-",
        not_row: int = 0,
    ) -> None:
        self._number = next_number(session)
        self._session, self._now, self._prefix = session, now, case_prefix
        self._loaded = set(keys)
        self._people = people(session, keys)
        self._twins = twins(session, keys, not_row)
        self._cases = case_lookup.briefs(session, self._numbers(keys))
        senders = sorted({one.sender for one in keys} - {""})
        limits = max((one.max_strangers, one.max_unproved) for one in keys)
        ids = sorted({one for found in self._people.ids_of.values() for one in found})
        accounts = sorted(self._people.accounts)
        self._counts = rate_counts.counts(session, senders, ids, accounts, limits, now)
        self._answered = rate_counts.answered(session, keys, ids, now)
        self._facts = case_facts(session, list(self._cases.values()), keys)
        self._staff_senders = _staff_senders(session, senders)
        self._accepted = suppressions.accepted(session, senders)
        self._stopped = suppressions.all_stopped(session, senders, now)
        self._incidents: dict[bool, tuple[Incident, ...]] = {}
        self._staff: tuple[Staff, ...] | None = None
        self._changed: set[str] = set()

    def _numbers(self, keys: Sequence[Keys]) -> set[str]:
        """The cases that the mails may be about."""
        numbers = {one for key in keys for one in (*key.case_numbers, *key.plain_numbers)}
        numbers |= {key.other_number for key in keys} - {""}
        numbers |= {one for key in keys for one in self._twins.cases(key.thread_ids)}
        twin = (self._twins.of(key) for key in keys)
        return numbers | {one.case_number for one in twin if one and one.altered}

    def known(self, keys: Keys) -> Known:
        """What is known about one of the mails. Raises NotLoadedError for keys of another mail."""
        if keys not in self._loaded:
            raise NotLoadedError
        session, now = self._session, self._now
        contacts = self._people.of(keys.sender)
        accounts = self._people.accounts_of(contacts)
        account_ids = [one.id for one in accounts]
        twin = self._twins.of(keys)
        referred, also = self._referred(keys, contacts, twin)
        owners = [contact.id for contact in contacts]
        staff = self._about_staff(keys, referred, owners)
        colleagues = staff.pop("colleagues", ())
        if keys.names_contact and not colleagues:
            colleagues = self._people.colleagues(contacts)
        domain = keys.sender.rpartition("@")[2]
        registered = bool(domain) and domain in self._people.domains
        ask_name = registered and not contacts
        return Known(
            contacts=contacts,
            accounts=accounts,
            colleagues=colleagues,
            domain_registered=registered,
            case=referred,
            also_named=also,
            twin=twin,
            recent=self._counts.recent(keys, owners, account_ids),
            next_number=f"{self._prefix}{self._number}",
            returned=case_lookup.returned(session, keys),
            incidents=self._open_incidents(approved=keys.only_approved),
            replies=any(
                (message_id, owner, keys.sender) in self._answered
                for message_id in keys.outbox_ids
                for owner in owners
            ),
            domain_accepted=bool(contacts) and domain in self._accepted,
            stopped=self._stopped.get(keys.sender, "") if contacts else "",
            namesake=answered_questions.namesake(session, keys, now) if ask_name else None,
            is_own_letter=suppressions.was_sent(session, keys.own_id, keys.sender),
            other_case=self._cases.get(keys.other_number),
            **answered_questions.answered(session, keys, owners, now),
            **self._about_cases(keys, referred, [one.id for one in accounts if one.active], owners),
            **staff,
            **notice_lookup.about(session, keys, account_ids),
        )

    def _about_cases(
        self, keys: Keys, case: CaseBrief | None, in_force: list[str], owners: list[str]
    ) -> dict[str, Any]:
        """The open request, our letters and the list of cases that a mail asks for."""
        session = self._session
        listed = NO_CASES
        if keys.list_state != "-":
            listed = case_lookup.listed(session, keys, in_force, owners)
        said = case_lookup.said(session, listed) if keys.list_number else ()
        if case is None:
            form = case_lookup.blank_form(session, keys.form_ids)
            return {"pending": form, "listed": listed, "said": said}
        facts, number = self._facts, case.number
        return {
            "pending": facts.pending.get(number),
            "sent_texts": facts.sent_texts(number, keys.outbox_ids),
            "comments": facts.comments.get(number, ()),
            "participants": facts.participants.get(number, ()),
            "files": facts.files.get(number, ()),
            "desk_mails": facts.desk_mails.get(number, {}) if keys.desks else {},
            "account_name": facts.accounts.get(case.account_id, ""),
            "listed": listed,
            "said": said,
        }

    def _about_staff(self, keys: Keys, case: CaseBrief | None, owners: list[str]) -> dict[str, Any]:
        if keys.sender in self._staff_senders and not owners:
            return staff_lookup.about(self._session, keys, case)
        wanted = keys.wants_staff or (case is not None and case.owner)
        return {"colleagues_of_staff": self._all_staff()} if wanted else {}

    def _all_staff(self) -> tuple[Staff, ...]:
        if self._staff is None:
            self._staff = whole_staff(self._session)
        return self._staff

    def _open_incidents(self, *, approved: bool) -> tuple[Incident, ...]:
        if approved not in self._incidents:
            self._incidents[approved] = read.open_ones(self._session, approved=approved)
        return self._incidents[approved]

    def _referred(
        self, keys: Keys, contacts: tuple[Contact, ...], twin: Twin | None
    ) -> tuple[CaseBrief | None, tuple[str, ...]]:
        """The case that a mail is about, and the other ones of the sender that its subject names.

        A reference that only we can have written counts first. Anyone can write a Message-ID of
        another person or the number of a case, so these count only for cases of the sender's own
        accounts: first the mail that it answers, then the number in its subject.
        """
        found = self._first(keys.case_numbers)
        if found is None and not contacts and keys.sender in self._staff_senders:
            return self._first(keys.plain_numbers), ()
        if found is not None or not contacts:
            return found, ()
        altered = twin is not None and twin.altered
        threads = (twin.case_number,) if twin and altered else self._twins.cases(keys.thread_ids)
        for number in threads:
            one = self._cases.get(number)
            if one is not None and any(map(one.is_for, contacts)):
                return one, ()
        named = [self._cases.get(number) for number in keys.plain_numbers]
        own = {one.number: one for one in named if one and any(map(one.is_for, contacts))}
        return next(iter(own.values()), None), tuple(own)[1:]

    def _first(self, numbers: Iterable[str]) -> CaseBrief | None:
        """The first of the referenced cases that exists."""
        return next((self._cases[one] for one in numbers if one in self._cases), None)

    # ------------------------------------------------------------ what was decided since

    def depends(self, keys: Keys) -> bool:
        """Whether the mail refers to something that a mail decided since has changed."""
        return bool(self._changed) and (
            keys.list_state != "-" or not self._changed.isdisjoint(self._names(keys))
        )

    def _names(self, keys: Keys) -> set[str]:
        """Everything that a mail refers to: mails, letters, cases."""
        contacts = self._people.of(keys.sender)
        case, also = self._referred(keys, contacts, self._twins.of(keys))
        names = {
            keys.digest, keys.message_id, keys.own_id, keys.other_number, *keys.signatures,
            *keys.thread_ids, *keys.case_numbers, *keys.plain_numbers, *keys.outbox_ids,
            *keys.form_ids, *keys.return_ids, *also,
        }  # fmt: skip
        return (names | ({case.number} if case else set())) - {""}

    def waits(self, contact: str) -> bool:
        """Whether a letter to the contact waits because of a suspected loop."""
        letters = self._counts.letters.get(contact, ())
        return any(one.put_off.startswith(LOOP) for _, one in letters)

    def add_mail(self, keys: Keys, status: str, rule: str, mail: PastMail | None) -> None:
        """A mail was decided; ``mail`` is given for one of a contact that was not held."""
        self._counts.add_mail(keys.sender, status, rule, mail)
        self._changed |= {keys.digest, keys.message_id, *keys.signatures} - {""}

    def add_matter(
        self, change: CaseChange | None, letters: Sequence[Letter], wrote_in: Mapping[str, str]
    ) -> None:
        """One matter of a mail was decided; ``wrote_in``: contact -> language of the mail."""
        self._counts.add_letters(letters, self._now)
        self._changed |= {one.message_id for one in letters}
        for contact, language in wrote_in.items():
            self._people.wrote_in(contact, language)
        if change is None:
            return
        self._changed.add(change.number)
        if change.new:
            self._counts.add_case(change)
            self._number = max(self._number, int(change.number.rpartition("-")[2]) + 1)


def _staff_senders(session: Session, senders: Sequence[str]) -> set[str]:
    """The addresses that belong to staff."""
    query = select(col(StaffEmailRow.key)).where(col(StaffEmailRow.key).in_(senders))
    return set(session.scalars(query)) if senders else set()

"""The ledger of notices as a queue: letters written when they are claimed, at the operator's pace.

A letter is built once for all its readers who share time zone and past, and made theirs one by one.
Everything in it comes from rows that do not change any more, so a letter that is sent again is the
same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from intake.adapters.smtp import Outcome
from intake.mail.encoder import LetterError
from intake.model.incidents import Incident, Update, as_told
from intake.notifier import Addressee, Notice
from intake.store.engine import Session
from intake.store.incidents import read, send_queue
from intake.store.incidents.send_queue import Entry, Pace
from intake.store.incidents.write import find
from intake.store.outbox import Claimed

Writer = Callable[[Notice, Addressee, int, datetime], tuple[bytes, str]]
"""(what, to whom, ledger row, Date) -> (the message, its envelope sender). Raises LetterError."""


@dataclass(frozen=True, slots=True)
class NoticeQueue:
    """Notices that wait, for ``dispatch``."""

    write: Writer
    pace: Pace = field(default_factory=Pace)
    connections_domain: int = 1

    def any_due(self, session: Session, now: datetime) -> bool:
        """Whether something waits that may be sent."""
        return send_queue.any_due(session, now)

    def claim(
        self, session: Session, now: datetime, lease_seconds: float, limit: int
    ) -> list[Claimed]:
        """As many as the pace allows, those in need first."""
        return send_queue.claim(session, now, lease_seconds, limit, self.pace)

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """The letters written; one that cannot be written says why and stops no other."""
        entries = send_queue.entries(session, [one.id for one in claimed])
        known: dict[str, tuple[Incident, tuple[Update, ...]]] = {}
        done = []
        for one in claimed:
            entry = entries[one.id]
            about = entry.row.incident_id
            if about not in known:
                known[about] = (find(session, about), read.updates(session, about))
            done.append(self._written(one, entry, *known[about]))
        return done

    def _written(
        self, claimed: Claimed, entry: Entry, incident: Incident, updates: Sequence[Update]
    ) -> Claimed:
        row = entry.row
        notice = told(incident, updates, row.number, row.first_number)
        notice = replace(notice, zone=row.zone, plain=row.plain, cases=tuple(row.cases))
        person = Addressee(
            row.contact_id, row.name, row.address, tuple(row.reasons), row.message_id_header,
            row.root_id, entry.last_id,
        )  # fmt: skip
        try:
            raw, sender = self.write(notice, person, row.id or 0, row.created_at)
        except LetterError as error:
            return replace(claimed, trouble=f"the letter cannot be written: {error}")
        return replace(claimed, raw=raw, sender=sender)

    def rounds(self, claimed: Sequence[Claimed], lanes: int) -> list[list[Claimed]]:
        """Groups of one letter a lane, no domain in a group more often than it may be."""
        waiting, groups = list(claimed), []
        while waiting:
            group: list[Claimed] = []
            used: dict[str, int] = {}
            for one in waiting:
                domain = one.recipient.rpartition("@")[2].lower()
                if len(group) < lanes and used.get(domain, 0) < self.connections_domain:
                    used[domain] = used.get(domain, 0) + 1
                    group.append(one)
            chosen = {one.id for one in group}
            waiting = [one for one in waiting if one.id not in chosen]
            groups.append(group)
        return groups

    def mark_in_doubt(
        self, session: Session, letters: Sequence[tuple[int, int]], until: datetime
    ) -> list[int]:
        """(id, fence) whose final dot is about to go out; gives the ids that may not."""
        return send_queue.mark_in_doubt(session, letters, until)

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: datetime,
        jitter: float,
    ) -> list[int]:
        """Outcomes written down; gives the ids that somebody else holds by now."""
        return send_queue.settle(session, outcomes, now, jitter, self.pace)


def told(incident: Incident, updates: Sequence[Update], number: int, first: int) -> Notice:
    """What a letter about that update tells, with what its reader has missed since ``first``.

    Reminders are not told later, and neither is what a later update has corrected.
    """
    chosen = next(one for one in updates if one.number == number)
    wrong = {one.wrong_number for one in updates if one.number <= number}
    earlier = tuple(
        one
        for one in updates
        if first <= one.number < number and one.kind != "reminder" and one.number not in wrong
    )
    return Notice(as_told(incident, chosen), chosen, "UTC", earlier, was=_was(updates, chosen))


def _was(updates: Sequence[Update], chosen: Update) -> Update | None:
    """The update that a correction is about, or the one with the plan that has been changed."""
    if chosen.kind == "correction":
        return next((one for one in updates if one.number == chosen.wrong_number), None)
    if chosen.kind != "reschedule":
        return None
    older = [one for one in updates if one.number < chosen.number]
    return max(older, key=lambda one: one.number, default=None)

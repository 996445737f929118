"""The notice_recipients table as a queue: letters are written when claimed, at the set pace.

A letter is built once for all recipients with the same language, time zone and history, then
addressed to each one. Everything in it comes from rows that no longer change, so a letter that is
sent again is identical to the byte.
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
from intake.store.incidents import due_notices, read, send_queue
from intake.store.incidents import refused as refusals
from intake.store.incidents.send_queue import Entry, Pace
from intake.store.incidents.write import find
from intake.store.letter_checks import Claimed

Writer = Callable[[Notice, Addressee, int, datetime], tuple[bytes, str]]
"""(what, to whom, notice_recipients row, Date) -> (the mail, its envelope sender). LetterError."""


@dataclass(frozen=True, slots=True)
class NoticeQueue:
    """The waiting notices as a queue for ``dispatch``."""

    write: Writer
    pace: Pace = field(default_factory=Pace)
    connections_domain: int = 1

    def any_due(self, session: Session, now: datetime) -> bool:
        """Whether a waiting notice may be sent."""
        return due_notices.any_due(session, now)

    def claim(
        self, session: Session, now: datetime, lease_seconds: float, limit: int
    ) -> list[Claimed]:
        """Claims as many as the pace allows, in order of priority."""
        return send_queue.claim(session, now, lease_seconds, limit, self.pace)

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Writes the letters; one that cannot be written carries the reason and stops no other."""
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
        notice = replace(
            notice, zone=row.zone, language=row.language, plain=row.plain, cases=tuple(row.cases)
        )
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
        """Groups with one letter for each lane; the connections to one domain are limited."""
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
        """Marks (id, fence) before the final dot is sent; returns the ids that must not be sent."""
        return send_queue.mark_in_doubt(session, letters, until)

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: datetime,
        jitter: float,
    ) -> list[int]:
        """Records outcomes; returns the ids that another worker holds now."""
        return send_queue.settle(session, outcomes, now, jitter, self.pace)

    def take_back(self, session: Session, refused: Sequence[int], now: datetime) -> int:
        """Queues notices again that the relay refused like all others; returns how many."""
        return refusals.take_back(session, refused, now)


def told(incident: Incident, updates: Sequence[Update], number: int, first: int) -> Notice:
    """The content of a letter about that update, with the updates since ``first`` that were missed.

    Old reminders are left out, and so are updates that a later one has corrected.
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
    """The update that a correction is about, or the one with the plan that was changed."""
    if chosen.kind == "correction":
        return next((one for one in updates if one.number == chosen.wrong_number), None)
    if chosen.kind != "reschedule":
        return None
    older = [one for one in updates if one.number < chosen.number]
    return max(older, key=lambda one: one.number, default=None)

"""`intake reconcile`: compares the server's folders, blobs and journal with the database.

After a restore, data is missing in the database: mails that were already moved, numbers that were
assigned, letters that were sent. `--repair` corrects this. It handles each such mail, under its old
number if that is known. No number is assigned twice, and no letter is sent twice without a flag.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from intake.adapters.blob_store import BlobError
from intake.adapters.mailbox.protocol import Filed, MailboxClient
from intake.config.loader import Config
from intake.mail import tokens
from intake.mail.message import Arrival, Message
from intake.store import restore_check
from intake.store.cases.write import FIRST_NUMBER
from intake.store.engine import StoreError, reading, writing
from intake.store.locks import collecting, naming_blobs
from intake.store.messages import held, mailboxes
from intake.store.messages.record import Entry, record
from intake.worker.bootstrap import Application, MailboxJob, assemble
from intake.worker.judgement import in_database
from intake.worker.parser_process import ReadMail
from intake.worker.pipeline import Again, judge, results

HEAD_BYTES = 64 * 2**10  # the part of a mail that is searched for our references
_SUBJECT = re.compile(r"(?im)^subject:.*(?:\r?\n[ \t].*)*")
_ID = re.compile(r"<[^<>\s]{3,250}>")
log = structlog.get_logger("intake.reconcile")


@dataclass(frozen=True, slots=True)
class Lost:
    """A mail that was collected once but that the database does not know."""

    arrival: Arrival
    where: str  # "processed", "held", "journal"
    number: str = ""  # of its case, according to the journal
    at: datetime | None = None  # when it was first recorded


@dataclass(slots=True)
class Report:
    """What was found, and what was done about it."""

    why: str = ""  # why the database is an older copy; empty if nothing shows that it is
    seen: int = 0  # mails in the folders
    lost: list[Lost] = field(default_factory=list)
    handled: dict[str, int] = field(default_factory=dict)  # of the lost mails, by action
    failed: list[str] = field(default_factory=list)  # mails that could not be handled, and why
    missing: list[str] = field(default_factory=list)  # digests of blobs that are gone or damaged
    mended: list[str] = field(default_factory=list)  # of them, found again on the server
    next_number: int = 0  # the next case number that will be assigned
    letters: dict[str, int] = field(default_factory=dict)  # how many letters got which state
    notices: dict[str, int] = field(default_factory=dict)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong, or everything wrong has been repaired."""
        left = [one for one in self.missing if one not in self.mended]
        found = bool(self.why or self.lost) and not self.repaired
        return not (found or self.failed or left)


def reconcile(config: Config, *, repair: bool) -> Report:
    """Checks everything; with ``repair`` also corrects the database.

    Raises ConfigError, MailboxError, StoreError, BlobError, PoolError.
    """
    with assemble(config, reconciling=True) as app:
        return _Work(config, app).run(repair=repair)


class _Work:
    def __init__(self, config: Config, app: Application) -> None:
        self._app = app
        self._collector = app.collector
        self._prefix = config.service.case_prefix
        self._report = Report()
        self._highest = 0  # the highest case number in any of our letters
        self._lost: dict[str, Lost] = {}
        with reading(self._collector.engine) as session:
            self._report.why = restore_check.older(session, self._collector.journal.tail())
            self._said = restore_check.testimony(session, self._collector.journal.lines())
            self._counter = restore_check.counter(session, "case")
            self._named = restore_check.blobs(session, self._collector.limits.max_mail_bytes)

    def run(self, *, repair: bool) -> Report:
        blobs, report = self._collector.blobs, self._report
        report.missing = [one for one in sorted(self._named) if not blobs.verify(one)]
        for job in self._app.mailboxes:
            self._folders(job)
        self._journalled()
        report.lost = self._in_order()
        if not self._lost.keys() <= self._said.mails.keys():
            self._said.reliable = False  # the journal itself is an older copy
        floor = max(self._counter, self._highest, FIRST_NUMBER - 1)
        if not self._said.reliable:  # each of them may have got a number that is now unknown
            floor = max(floor, self._counter + len(report.lost))
        if repair:
            floor = self._repair(floor)
        report.next_number = floor + 1
        return report

    def _folders(self, job: MailboxJob) -> None:
        """Looks at every mail in the folders for handled mails."""
        with collecting(self._collector.engine, job.name) as turn:
            if turn is None:
                raise StoreError("busy", f"mailbox {job.name}: a worker is running; stop it first")
            try:
                job.box.open()
                for folder in ("processed", "held"):
                    self._folder(job.box, folder)
            finally:
                job.box.close()

    def _folder(self, box: MailboxClient, folder: str) -> None:
        for one in box.filed(folder, 1, self._collector.limits.max_mail_bytes):
            self._report.seen += 1
            if one.raw:  # otherwise it was too big to be fetched
                self._filed(box, folder, one)

    def _filed(self, box: MailboxClient, folder: str, one: Filed) -> None:
        blobs, digest = self._collector.blobs, hashlib.sha256(one.raw).hexdigest()
        self._highest = max([self._highest, *map(self._numbered, self._referred(one.raw))])
        if digest in self._report.missing:
            blobs.flush([blobs.stage(one.raw)])
            self._report.mended.append(digest)
        with reading(self._collector.engine) as session:
            known = restore_check.finished(session, [digest])
        if not known and digest not in self._lost:
            # its UID in the mailbox is lost: it gets a place that no mail there can have
            validity = -1 - 2 * one.uidvalidity - (folder == "held")
            place = (box.name, validity, one.uid, one.received_at)
            blobs.flush([blobs.stage(one.raw)])
            self._lost[digest] = Lost(Arrival(*place, digest, len(one.raw)), folder)

    def _referred(self, raw: bytes) -> list[str]:
        """The case numbers in our letters, as replies to them show."""
        letter_context, head = (
            self._collector.context.letter_context,
            raw[:HEAD_BYTES].decode("latin-1"),
        )
        own = tokens.own_ids(letter_context.secrets, _ID.findall(head), letter_context.domain)
        numbers = [one.case_number for one in own if one.kind != "notice"]
        subject = _SUBJECT.search(head)
        return [
            *numbers,
            *tokens.read_subject_tags(letter_context.secrets, subject[0] if subject else ""),
        ]

    def _journalled(self) -> None:
        """Looks at mails that came by a pipe: they are in no folder, but their bytes are blobs."""
        with reading(self._collector.engine) as session:
            known = restore_check.finished(session, self._said.mails)
        for number, (digest, job) in enumerate(self._said.mails.items(), 1):
            self._highest = max(self._highest, self._numbered(job.case_number))
            if digest in known:
                continue
            found = self._lost.get(digest)
            if found is None and self._collector.blobs.verify(digest):
                size = self._collector.blobs.path(digest).stat().st_size
                # no server is trusted for an unknown mailbox, so such a mail is held
                arrival = Arrival(job.mailbox or "unknown", -1, number, job.at, digest, size)
                found = Lost(arrival, "journal")
            if found is not None:
                self._lost[digest] = replace(found, number=job.case_number, at=job.at)

    def _numbered(self, number: str) -> int:
        digits = number.removeprefix(self._prefix)
        return int(digits) if digits.isdecimal() else 0

    def _in_order(self) -> list[Lost]:
        """The lost mails in the order of the journal; those not in it by time of arrival."""
        place = {digest: index for index, digest in enumerate(self._said.mails)}
        return sorted(
            self._lost.values(),
            key=lambda one: (
                one.arrival.digest not in place,
                place.get(one.arrival.digest, 0),
                one.arrival.received_at,
                one.arrival.uid,
            ),
        )

    def _repair(self, floor: int) -> int:
        """Repairs everything; returns the highest case number that was assigned."""
        collector, report = self._collector, self._report
        with writing(collector.engine) as session:
            restore_check.set_counters(
                session, {restore_check.MARK: 1}
            )  # stays set until the last step is done
            report.letters = restore_check.settle_letters(session, self._said, collector.clock())
            report.notices = restore_check.settle_notices(session, self._said, collector.clock())
        read = collector.reader.map([one.arrival for one in report.lost])
        for lost, (_, mail) in zip(report.lost, read, strict=True):
            floor = self._handle(lost, mail, floor)
        with writing(collector.engine) as session:
            restore_check.set_counters(session, {"case": floor, restore_check.MARK: 0})
        collector.journal.begin_anew()
        report.repaired = True
        return floor

    def _handle(self, lost: Lost, mail: ReadMail, floor: int) -> int:
        """Handles one lost mail under its old number, or under a new one if it must."""
        old = self._numbered(lost.number)
        for before in dict.fromkeys((old - 1 if old else floor, floor)):
            try:
                return max(floor, self._handled(lost, mail, before))
            except StoreError as failure:
                if failure.kind != "constraint":
                    raise
                why = str(failure)
            except BlobError:
                raise
            except Exception as failure:  # noqa: BLE001 - one bad mail must not stop the others
                why = f"{type(failure).__name__}: {failure}"
        self._report.failed.append(f"{lost.arrival.digest}: {why}")
        return floor

    def _handled(self, lost: Lost, mail: ReadMail, before: int) -> int:
        """Records the mail after case number ``before``; returns the last number after that."""
        collector, context, arrival = self._collector, self._collector.context, lost.arrival
        now, proof = lost.at or collector.clock(), None
        if isinstance(mail.message, Message):
            collector.blobs.flush(
                [arrival.digest, *(one.sha256 for one in mail.message.attachments)]
            )
            proof = (
                collector.prover.proof(mail.message, collector.blobs.read, registered=True)
                if collector.prover
                else None
            )
        with writing(collector.engine) as session:
            naming_blobs(session)
            newest = restore_check.newest_letter(session)
            row = restore_check.deferred(session, arrival.mailbox, arrival.digest)
            restore_check.set_counters(session, {"case": before})
            found = in_database(session, context, now, row)
            judged = judge(found, mail, context, now, proof, Again(row))
            if judged.decision.action == "defer":  # it is in no inbox that a pass would look at
                judged = replace(judged, decision=replace(judged.decision, action="hold"))
            entry = Entry(arrival, mail.message, row)
            done = record(session, entry, results(judged), now, context.stamp)
            mailboxes.settle(session, [done.row])
            detail = {"where": lost.where, "number": lost.number}
            held.note(session, done.row, "recovered", "intake", collector.clock(), detail)
            settled = restore_check.settle_letters(
                session, self._said, collector.clock(), after=newest
            )
            after = restore_check.counter(session, "case")
        for state, count in settled.items():
            self._report.letters[state] = self._report.letters.get(state, 0) + count
        self._report.handled[done.action] = self._report.handled.get(done.action, 0) + 1
        log.info("recovered", message=done.row, action=done.action, case=done.case_number)
        return after

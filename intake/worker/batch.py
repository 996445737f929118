"""One batch of mails from a mailbox: fetch and read; then store the blobs, record, move.

The order matters. Blobs are on disk before the transaction that names them commits. Mails are moved
on the server only if their rows were read back after that commit. If the process dies between two
steps, the mail is fetched again and recognised, so it is never lost and never handled twice. An
exception counts against a mail only if that mail raised it. When the database or the blob store
fails, the whole batch is given up, nothing is moved, and the next pass starts again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from intake.adapters.blob_store import BlobError, Blobs
from intake.adapters.dkim_verifier import Prover
from intake.adapters.journal import Journal, MailLine
from intake.adapters.mailbox.protocol import MailboxClient, Opened, Waiting
from intake.adapters.time_limits import PROGRESS
from intake.authentication.dkim import Proof
from intake.mail.addresses import Mailbox
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message
from intake.model.fault_points import reached
from intake.model.states import MessageStatus
from intake.store.contacts import suppressions
from intake.store.engine import Engine, StoreError, reading, writing
from intake.store.locks import Turn, naming_blobs
from intake.store.messages import deferred, mailboxes, record
from intake.worker import oversize, runs
from intake.worker.counter import Counter, NoCounter
from intake.worker.judgement import JudgementContext
from intake.worker.parser_process import MailReader, ReadMail
from intake.worker.patience import patiently

PROVING_SECONDS = 60  # for the DNS lookups of one batch; later mails are judged without proof
DOMAIN_SHARE = 0.5  # the part of that time that mails of one domain may take
ITS_OWN = ("constraint", "data")  # kinds of database errors that a single mail of a batch may cause
log = structlog.get_logger("intake.collect")


@dataclass(slots=True)
class Tally:
    """The result of one pass over a mailbox."""

    mailbox: str
    collected: int = 0  # mails recorded
    actions: dict[str, int] = field(
        default_factory=dict
    )  # by Decision.action, "shelved", "vanished"
    letters: int = 0  # letters put into the outbox
    moved: int = 0
    again: bool = False  # a deferred or unmoved mail waits for the next pass
    left_alone: int = 0  # mails from before the first connection that stay where they are
    busy: bool = False  # another worker is collecting this mailbox, so nothing was done


@dataclass(frozen=True, slots=True)
class CollectorContext:
    """All objects and settings that a pass needs."""

    engine: Engine
    blobs: Blobs
    reader: MailReader
    context: JudgementContext
    limits: Limits
    clock: Callable[[], datetime]
    prover: Prover | None = None
    stopped: Callable[[], bool] = lambda: False
    journal: Journal = field(default_factory=Journal)
    compared: set[str] = field(default_factory=set)  # mailboxes whose folders were compared
    counter: Counter = field(default_factory=NoCounter)
    backlog: dict[str, int] = field(default_factory=dict)  # mailbox -> mails listed, not handled


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over an open mailbox."""

    box: MailboxClient
    opened: Opened
    collector: CollectorContext
    tally: Tally
    turn: Turn = field(default_factory=Turn)

    def arrival(self, one: Waiting, digest: str, size: int) -> Arrival:
        """Returns the mail as an Arrival."""
        return Arrival(
            self.box.name, self.opened.uidvalidity, one.uid, one.received_at, digest, size
        )


Read = tuple[Arrival, ReadMail]


@dataclass(slots=True)
class Fetch:
    """The result of fetching a batch."""

    arrivals: list[Arrival] = field(default_factory=list)  # staged in the blob store
    big: list[tuple[Arrival, Arrival]] = field(default_factory=list)  # (oversized mail, its header)
    missing: list[tuple[Waiting, str]] = field(default_factory=list)  # not delivered, and why


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch that was fetched and is being read."""

    done: set[int]  # UIDs that were recorded before
    found: Fetch
    read: Callable[[], list[Read]]
    """The results, when all are there and their blobs are stored."""


def begin(current: Pass, batch: Sequence[Waiting], aside: Executor | None = None) -> Begun:
    """Fetches a batch and lets the children read it. Raises MailboxError, StoreError, BlobError.

    With ``aside`` a thread waits for the children and stores the blobs.
    """
    collector = current.collector
    known = _known(current, [one.uid for one in batch])
    done = {uid for uid, row in known.items() if row.status != MessageStatus.DEFERRED}
    resting = {uid for uid, row in known.items() if deferred.rests(row, collector.clock())}
    current.tally.again = current.tally.again or bool(resting)
    found = _fetch(current, [one for one in batch if one.uid not in done | resting])
    reading = collector.reader.map(found.arrivals)

    results: list[Read] = []

    def read() -> list[Read]:
        for one in reading:
            results.append(one)
            PROGRESS.note()
        collector.blobs.flush(_digests(results))
        return results

    return Begun(done, found, patiently(aside.submit(read), results) if aside else read)


def finish(current: Pass, begun: Begun) -> None:
    """Records and moves a batch. Raises MailboxError, StoreError, BlobError, PoolError."""
    collector, found = current.collector, begun.found
    began, reader = time.monotonic(), collector.reader
    read = begun.read()
    reader.waited(time.monotonic() - began)
    big = oversize.read(found.big, reader.map, collector.limits.max_mail_bytes)
    proofs = _proofs(read, collector)
    current.turn.check()
    reached("K09")
    recorded = _record(current, [*read, *big], proofs)
    collector.journal.mails(recorded)
    uids = begun.done | {arrival.uid for arrival, _ in (*read, *big)}
    uids |= _note_missing(current, found.missing)
    move(current, _to_move(current, sorted(uids)))


def _to_move(current: Pass, uids: Sequence[int]) -> list[mailboxes.Row]:
    """The rows, read after the commit, whose mails must be moved on the server.

    A Maildir mail keeps its UID when it is moved back. Its row is then already settled, and the
    mail is moved again.
    """
    again = not current.opened.uidvalidity
    rows = _known(current, uids).values()
    return [row for row in rows if row.folder and (again or not row.settled)]


def _known(current: Pass, uids: Sequence[int]) -> dict[int, mailboxes.Row]:
    with reading(current.collector.engine) as session:
        return mailboxes.handled(session, current.box.name, current.opened.uidvalidity, uids)


def move(current: Pass, rows: Sequence[mailboxes.Row], *, again: bool = False) -> None:
    """Moves recorded mails, with one UID command for each folder, and notes the verified moves."""
    box, tally = current.box, current.tally
    done: list[int] = []
    for folder in sorted({row.folder for row in rows}):
        row_of = {row.uid: row.id for row in rows if row.folder == folder}
        for settled in box.settle(folder, sorted(row_of), again=again):
            reached("K14")
            if settled.done:
                done.append(row_of[settled.uid])
            else:
                tally.again = True
                log.warning("not-moved", mailbox=box.name, uid=settled.uid, why=settled.detail)
    if done:
        with writing(current.collector.engine) as session:
            mailboxes.settle(session, done)
        reached("K15")
    tally.moved += len(done)


def _fetch(current: Pass, batch: Sequence[Waiting]) -> Fetch:
    """Stages the mails in the blob store; a mail of unknown size is fetched like a large one."""
    collector, found = current.collector, Fetch()
    small = {one.uid: one for one in batch if 0 < one.size <= collector.limits.max_mail_bytes // 4}
    for fetched in current.box.fetch(sorted(small)):
        current.turn.renew()
        one = small[fetched.uid]
        if fetched.raw is None:
            found.missing.append((one, fetched.why))
            continue
        digest = collector.blobs.stage(fetched.raw)
        found.arrivals.append(current.arrival(one, digest, len(fetched.raw)))
        reached("K05")
    for one in batch:
        if one.uid not in small:
            _fetch_large(current, one, found)
    return found


def _fetch_large(current: Pass, one: Waiting, found: Fetch) -> None:
    collector = current.collector
    if one.size > collector.limits.max_mail_bytes:
        found.big.append(_head(current, one, one.size))
        return
    writer = collector.blobs.stage_writer()
    came = 0

    def write(chunk: bytes) -> None:
        nonlocal came
        current.turn.renew()
        came += len(chunk)
        if came > collector.limits.max_mail_bytes:
            raise oversize.Enough
        writer.write(chunk)

    try:
        if current.box.fetch_large(one.uid, write):
            found.arrivals.append(current.arrival(one, *writer.close()))
        else:
            found.missing.append((one, f"{came} bytes came, and not its end"))
    except oversize.Enough:
        found.big.append(_head(current, one, came))
    finally:
        writer.abandon()


def _head(current: Pass, one: Waiting, size: int) -> tuple[Arrival, Arrival]:
    whole = current.arrival(one, "", size)
    return oversize.head(current.box, whole, current.collector.limits.max_header_bytes)


def _digests(read: Sequence[Read]) -> set[str]:
    """The digests of all blobs that the rows of this batch will name."""
    digests = {arrival.digest for arrival, _ in read}
    for _, mail in read:
        if isinstance(mail.message, Message):
            digests.update(attachment.sha256 for attachment in mail.message.attachments)
    return digests


def _proofs(read: Sequence[Read], collector: CollectorContext) -> dict[str, Proof]:
    """Verifies DKIM signatures before the transaction, because it needs DNS, within a time limit.

    Mails from domains with registered contacts come first. No domain may use more than its share of
    the time, so slow name servers of one domain do not delay the mails of others.
    """
    if collector.prover is None:
        return {}
    mails = [one.message for _, one in read if isinstance(one.message, Message)]
    with reading(collector.engine) as session:
        known = suppressions.registered(session, {_domain(one) for one in mails})
    ends, used, found = time.monotonic() + PROVING_SECONDS, dict[str, float](), {}
    for mail in sorted(mails, key=lambda one: _domain(one) not in known):
        began, domain = time.monotonic(), _domain(mail)
        if began < ends and used.get(domain, 0.0) < PROVING_SECONDS * DOMAIN_SHARE:
            found[mail.digest] = collector.prover.proof(
                mail, collector.blobs.read, registered=domain in known
            )
            used[domain] = used.get(domain, 0.0) + time.monotonic() - began
    return found


def _domain(mail: Message) -> str:
    return mail.sender.address.domain if isinstance(mail.sender, Mailbox) else ""


def _record(current: Pass, read: Sequence[Read], proofs: Mapping[str, Proof]) -> list[MailLine]:
    """Records the batch in one transaction.

    When the database refuses a value of one mail, or another worker has already recorded one, every
    mail gets a transaction of its own. Then only the mail that caused the error counts as failed.
    """
    try:
        return _together(current, read, proofs)
    except StoreError as failure:
        if failure.kind not in ITS_OWN:
            raise
        log.warning("batch-taken-apart", mailbox=current.box.name, why=str(failure))
    lines: list[MailLine] = []
    for one in read:
        try:
            lines += _together(current, [one], proofs)
        except StoreError as failure:
            if failure.kind not in ITS_OWN:
                raise
            _shelve_alone(current, one[0], str(failure))
    return lines


def _shelve_alone(current: Pass, arrival: Arrival, why: str) -> None:
    """Counts a failed attempt of the mail, unless another worker has recorded it meanwhile."""
    with writing(current.collector.engine) as session:
        result = deferred.shelve(session, arrival, why, current.collector.clock())
    if result is not None:
        _note(arrival, result, current.tally)


def _together(current: Pass, read: Sequence[Read], proofs: Mapping[str, Proof]) -> list[MailLine]:
    box, opened, collector = current.box, current.opened, current.collector
    now = collector.clock()
    noted: list[tuple[Arrival, record.Recorded]] = []
    with writing(collector.engine) as session:
        naming_blobs(session)
        _all_there(collector, read)
        uids = [arrival.uid for arrival, _ in read]
        seen = mailboxes.handled(session, box.name, opened.uidvalidity, uids)
        known = mailboxes.by_digest(session, box.name, [arrival.digest for arrival, _ in read])
        todo: list[runs.Mail] = []
        for arrival, mail in read:
            row, moved = seen.get(arrival.uid), known.get(arrival.digest)
            if row is not None and row.status != MessageStatus.DEFERRED:
                continue  # another worker has already recorded it
            if row is None and moved is not None and moved.uidvalidity != opened.uidvalidity:
                mailboxes.rebind(session, moved.id, opened.uidvalidity, arrival.uid)
                continue
            proof = proofs.get(arrival.digest)
            todo.append(runs.Mail(arrival, mail, proof, row.id if row is not None else 0))
        run = runs.Run(session, collector.context, now, collector.counter)
        noted += ((one, done) for one, done in runs.handle_all(run, todo) if done is not None)
    reached("K12")
    for arrival, result in noted:
        _note(arrival, result, current.tally)
        collector.counter.handled(result.action)
    return [MailLine(mail.digest, one.row, one.case_number, now, box.name) for mail, one in noted]


def _note_missing(current: Pass, missing: Sequence[tuple[Waiting, str]]) -> set[int]:
    """Records mails that the server did not deliver; those that no search lists have vanished.

    Returns the UIDs of shelved mails, which are moved to the held folder.
    """
    if not missing:
        return set()
    there = current.box.present([one.uid for one, _ in missing])
    now, shelved = current.collector.clock(), set()
    with writing(current.collector.engine) as session:
        for one, why in missing:
            arrival = current.arrival(one, "", one.size)
            if one.uid not in there:
                deferred.vanished(session, arrival, now)
            elif deferred.not_handed_over(session, arrival, why, now):
                shelved.add(one.uid)
    for one, why in missing:
        action = "shelved" if one.uid in shelved else "deferred"
        _count(current.tally, action if one.uid in there else "vanished")
        if one.uid in there:
            log.warning("not-handed-over", mailbox=current.box.name, uid=one.uid, why=why)
    current.tally.again = current.tally.again or bool(there - shelved)
    return shelved


def _all_there(collector: CollectorContext, read: Sequence[Read]) -> None:
    """Raises BlobError if a blob was removed since the flush; oversized mails have no blob."""
    fetched = [one for one in read if one[0].size <= collector.limits.max_mail_bytes]
    missing = collector.blobs.missing(_digests(fetched))
    if missing:
        raise BlobError(0, f"a blob went missing before it was recorded: {missing[0]}")


def _note(arrival: Arrival, result: record.Recorded, tally: Tally) -> None:
    tally.collected += 1
    tally.letters += result.letters
    _count(tally, result.action)
    tally.again = tally.again or not result.folder
    log.info(
        "recorded", mailbox=arrival.mailbox, uid=arrival.uid, message=result.row,
        action=result.action, rule=result.rule, case=result.case_number, letters=result.letters,
    )  # fmt: skip


def _count(tally: Tally, action: str) -> None:
    tally.actions[action] = tally.actions.get(action, 0) + 1

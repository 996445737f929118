"""One mailbox, one pass: list, fetch, read, make durable, record, move — in batches.

The order of a batch is the promise: the blobs are on disk before the transaction that names
them commits, and the server is told only after that commit. Dying anywhere in between means the
mail is fetched again and recognised, never lost and never handled twice.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from intake.blobs import Blobs
from intake.evidence import Prover
from intake.mailbox.box import Box, Opened, Waiting
from intake.message import Arrival, Limits, Message, Refusal
from intake.pipeline import Judge, handle
from intake.pool import ReadMail
from intake.proof import Proof
from intake.store import mailboxes, record, unread
from intake.store.engine import Engine, Unit, savepoint, writing

PROVING_SECONDS = 60  # of one batch that DNS may take; what is left is judged without
log = structlog.get_logger("intake.collect")

Clock = Callable[[], datetime]


class Reader(Protocol):
    """Whatever turns arrivals into messages; the pool of child processes in real life."""

    def map(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ReadMail]]:
        """Each arrival with what was read, in the given order."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much is taken at a time, and what is taken on first connecting."""

    batch_mails: int = 50
    batch_bytes: int = 16 * 2**20
    backfill_since: datetime | None = None  # None: only what arrives from now on
    backfill_all: bool = False  # a folder that is ours alone: everything in it is ours to handle


@dataclass(slots=True)
class Tally:
    """What one pass over a mailbox did."""

    mailbox: str
    collected: int = 0  # mails recorded
    actions: dict[str, int] = field(
        default_factory=dict
    )  # by Decision.action, "shelved", "vanished"
    letters: int = 0  # letters put into the outbox
    moved: int = 0
    again: bool = False  # something deferred or unmoved waits for the next pass


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a pass works with."""

    engine: Engine
    blobs: Blobs
    reader: Reader
    bench: Judge
    limits: Limits
    clock: Clock
    prover: Prover | None = None
    stopped: Callable[[], bool] = lambda: False


def collect(
    box: Box, desk: Desk, rules: Rules, progress: Callable[[int], None] | None = None
) -> Tally:
    """Every mail waiting in the mailbox recorded and moved; raises MailboxError or StoreError."""
    tally = Tally(box.name)
    opened = box.open()
    state = _state(box, opened, desk, rules)
    _move_rest(box, opened, desk, tally)
    waiting = [one for one in box.waiting(state.next_uid) if _ours(one, state)]
    for batch in _batches(waiting, rules):
        if desk.stopped():
            tally.again = True
            return tally
        _batch(box, opened, batch, desk, tally)
        if progress:
            progress(len(batch))
    _advance(box, opened, waiting, state, desk)
    return tally


def _state(box: Box, opened: Opened, desk: Desk, rules: Rules) -> mailboxes.MailboxState:
    """How far the mailbox was collected; sets the line on first connecting or a new UIDVALIDITY."""
    now = desk.clock()
    with writing(desk.engine) as unit:
        state = mailboxes.state(unit, box.name)
        if state is not None and state.uidvalidity == opened.uidvalidity:
            return state
        if state is not None:
            log.warning(
                "uidvalidity-changed",
                mailbox=box.name,
                was=state.uidvalidity,
                now=opened.uidvalidity,
            )
            line, next_uid = state.baseline_at, 1
        elif rules.backfill_all:
            line, next_uid = None, 1
        elif rules.backfill_since is not None:
            line, next_uid = rules.backfill_since, 1
        else:
            line, next_uid = now, opened.uid_next or 1
        mailboxes.baseline(unit, box.name, opened.uidvalidity, next_uid, line)
        state = mailboxes.state(unit, box.name)
    if state is None:
        raise AssertionError("the line was just written")
    return state


def _ours(one: Waiting, state: mailboxes.MailboxState) -> bool:
    """Mail that arrived before the line belongs to whoever had the mailbox before."""
    return state.baseline_at is None or one.received_at >= state.baseline_at.replace(microsecond=0)


def _move_rest(box: Box, opened: Opened, desk: Desk, tally: Tally) -> None:
    """Mails that were recorded before a crash and not moved yet."""
    with writing(desk.engine) as unit:
        rest = mailboxes.unsettled(unit, box.name, opened.uidvalidity)
    _move(box, rest, desk, tally)


def _move(box: Box, rows: Sequence[tuple[int, int, str]], desk: Desk, tally: Tally) -> None:
    """Moves recorded mails, one UID command a folder, and notes which ones are verified."""
    done: list[int] = []
    for folder in sorted({folder for _, _, folder in rows}):
        row_of = {uid: row for row, uid, where in rows if where == folder}
        for settled in box.settle(folder, sorted(row_of)):
            if settled.done:
                done.append(row_of[settled.uid])
            else:
                tally.again = True
                log.warning("not-moved", mailbox=box.name, uid=settled.uid, why=settled.detail)
    if done:
        with writing(desk.engine) as unit:
            mailboxes.settle(unit, done)
    tally.moved += len(done)


def _batches(waiting: Sequence[Waiting], rules: Rules) -> Iterator[list[Waiting]]:
    """Batches bounded by count and bytes; one mail over the byte bound is a batch of its own."""
    batch: list[Waiting] = []
    size = 0
    for one in waiting:
        if batch and (len(batch) >= rules.batch_mails or size + one.size > rules.batch_bytes):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _batch(box: Box, opened: Opened, batch: list[Waiting], desk: Desk, tally: Tally) -> None:
    handled = _handled(box, opened, batch, desk)
    fresh = [one for one in batch if one.uid not in handled]
    arrivals, refused, gone = _fetch(box, opened, fresh, desk)
    read = list(desk.reader.map(arrivals))
    desk.blobs.flush(_digests(arrivals, read))
    proofs = _proofs(read, desk)
    read += refused
    rows = [(row, uid, folder) for uid, (row, _, settled, folder) in handled.items() if not settled]
    rows += _record(box, opened, read, gone, desk, tally, proofs)
    _move(box, [row for row in rows if row[2]], desk, tally)


def _handled(
    box: Box, opened: Opened, batch: list[Waiting], desk: Desk
) -> dict[int, tuple[int, str, bool, str]]:
    """Rows that need no second look; deferred and shelved mails get one."""
    with writing(desk.engine) as unit:
        rows = mailboxes.handled(unit, box.name, opened.uidvalidity, [one.uid for one in batch])
    return {uid: row for uid, row in rows.items() if row[1] not in ("deferred",)}


def _fetch(
    box: Box, opened: Opened, batch: list[Waiting], desk: Desk
) -> tuple[list[Arrival], list[tuple[Arrival, ReadMail]], list[Waiting]]:
    """Arrivals staged in the blob store, mails too big to fetch, and mails that vanished."""
    arrivals: list[Arrival] = []
    refused: list[tuple[Arrival, ReadMail]] = []
    gone: list[Waiting] = []
    small = {one.uid: one for one in batch if one.size <= desk.limits.max_mail_bytes // 4}
    for fetched in box.fetch(sorted(small)):
        one = small[fetched.uid]
        if fetched.raw is None:
            gone.append(one)
            continue
        digest = desk.blobs.stage(fetched.raw)
        arrivals.append(_arrival(box, opened, one, digest, len(fetched.raw)))
    for one in batch:
        if one.uid in small:
            continue
        if one.size > desk.limits.max_mail_bytes:
            refused.append(_too_big(_arrival(box, opened, one, "", one.size), desk.limits))
            continue
        with desk.blobs.stage_writer() as writer:
            found = box.fetch_large(one.uid, writer.write)
            digest, size = writer.close() if found else ("", 0)
        if found:
            arrivals.append(_arrival(box, opened, one, digest, size))
        else:
            gone.append(one)
    return arrivals, refused, gone


def _arrival(box: Box, opened: Opened, one: Waiting, digest: str, size: int) -> Arrival:
    return Arrival(box.name, opened.uidvalidity, one.uid, one.received_at, digest, size)


def _too_big(arrival: Arrival, limits: Limits) -> tuple[Arrival, ReadMail]:
    """Not fetched at all: it stays on the server, in the held folder."""
    name = f"{arrival.mailbox}:{arrival.uidvalidity}:{arrival.uid}:{arrival.size}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    arrival = replace(arrival, digest=digest)
    detail = f"the mail has {arrival.size} bytes, at most {limits.max_mail_bytes} are fetched"
    refusal = Refusal(digest, arrival.size, arrival.mailbox, arrival.received_at, "limits", detail)
    return arrival, ReadMail(refusal, None)


def _digests(arrivals: Sequence[Arrival], read: Sequence[tuple[Arrival, ReadMail]]) -> set[str]:
    """Every blob that the batch's rows will refer to."""
    digests = {arrival.digest for arrival in arrivals}
    for _, mail in read:
        if isinstance(mail.message, Message):
            digests.update(attachment.sha256 for attachment in mail.message.attachments)
    return digests


def _proofs(read: Sequence[tuple[Arrival, ReadMail]], desk: Desk) -> dict[str, Proof]:
    """Our own look at signatures: with DNS, so before the transaction and within a time."""
    if desk.prover is None:
        return {}
    ends = time.monotonic() + PROVING_SECONDS
    return {
        arrival.digest: desk.prover.proof(mail.message, desk.blobs.read)
        for arrival, mail in read
        if isinstance(mail.message, Message) and time.monotonic() < ends
    }


def _record(
    box: Box,
    opened: Opened,
    read: Sequence[tuple[Arrival, ReadMail]],
    gone: Sequence[Waiting],
    desk: Desk,
    tally: Tally,
    proofs: Mapping[str, Proof],
) -> list[tuple[int, int, str]]:
    """One transaction for the batch, a savepoint for each mail; gives what is to be moved."""
    now = desk.clock()
    rows: list[tuple[int, int, str]] = []
    noted: list[tuple[Arrival, record.Recorded]] = []
    with writing(desk.engine) as unit:
        uids = [arrival.uid for arrival, _ in read]
        seen = mailboxes.handled(unit, box.name, opened.uidvalidity, uids)
        known = mailboxes.by_digest(unit, box.name, [arrival.digest for arrival, _ in read])
        for arrival, mail in read:
            row = seen.get(arrival.uid)
            if row is not None and row[1] not in ("deferred", "shelved"):
                rows.append((row[0], arrival.uid, row[3]))
                continue
            moved = known.get(arrival.digest)
            if row is None and moved is not None and moved.uidvalidity != opened.uidvalidity:
                mailboxes.rebind(unit, moved.id, opened.uidvalidity, arrival.uid)
                rows.append((moved.id, arrival.uid, moved.folder))
                continue
            result = _one(unit, arrival, mail, desk, now, proofs.get(arrival.digest))
            noted.append((arrival, result))
            rows.append((result.row, arrival.uid, result.folder))
        for one in gone:
            arrival = _arrival(box, opened, one, "", one.size)
            unread.vanished(unit, arrival, now)
    for arrival, result in noted:
        _note(arrival, result, tally)
    for _ in gone:
        _count(tally, "vanished")
    return rows


def _one(
    unit: Unit,
    arrival: Arrival,
    mail: ReadMail,
    desk: Desk,
    now: datetime,
    proof: Proof | None,
) -> record.Recorded:
    """The one catch-all: a mail whose handling raises is kept with its traceback."""
    try:
        with savepoint(unit):
            return handle(unit, arrival, mail.message, mail.scan, desk.bench, now, proof)
    except Exception:  # noqa: BLE001 - one bad mail never takes its batch with it
        trace = traceback.format_exc(limit=20)
        log.error(
            "handling-raised", mailbox=arrival.mailbox, uid=arrival.uid, digest=arrival.digest[:12]
        )
        return unread.shelve(unit, arrival, trace, now)


def _note(arrival: Arrival, result: record.Recorded, tally: Tally) -> None:
    tally.collected += 1
    tally.letters += result.letters
    _count(tally, result.action)
    tally.again = tally.again or not result.folder
    log.info(
        "recorded",
        mailbox=arrival.mailbox,
        uid=arrival.uid,
        message=result.row,
        action=result.action,
        rule=result.rule,
        case=result.case_number,
        letters=result.letters,
    )


def _count(tally: Tally, action: str) -> None:
    tally.actions[action] = tally.actions.get(action, 0) + 1


def _advance(
    box: Box,
    opened: Opened,
    waiting: Sequence[Waiting],
    state: mailboxes.MailboxState,
    desk: Desk,
) -> None:
    """The line moves up to the first mail that has no terminal status yet."""
    now = desk.clock()
    with writing(desk.engine) as unit:
        top = max((one.uid for one in waiting), default=state.next_uid - 1)
        rows = mailboxes.handled(unit, box.name, opened.uidvalidity, [one.uid for one in waiting])
        open_uids = [
            one.uid
            for one in waiting
            if rows.get(one.uid, (0, "deferred", False, ""))[1] == "deferred"
        ]
        next_uid = min([top + 1, *open_uids])
        if box_counts_up(opened):
            mailboxes.advance(unit, box.name, max(next_uid, 1), now)
        else:
            mailboxes.advance(unit, box.name, 1, now)


def box_counts_up(opened: Opened) -> bool:
    """UIDs of IMAP grow (RFC 9051 §2.3.1.1); those of a Maildir are derived from names."""
    return opened.uidvalidity != 0


def utc_now() -> datetime:
    """The moment, aware."""
    return datetime.now(UTC)

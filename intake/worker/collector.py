"""One pass over one mailbox by one worker: lists the waiting mails, handles them in batches.

The position of a mailbox is a UID. It never passes a mail that has no outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog

from intake.adapters.blob_store import BlobError
from intake.adapters.mailbox.protocol import MailboxClient, MailboxError, Opened, Waiting
from intake.model.fault_points import reached
from intake.model.states import MessageStatus
from intake.store import restore_check
from intake.store.engine import StoreError, reading, writing
from intake.store.locks import Turn, collecting
from intake.store.messages import mailboxes
from intake.worker import batch
from intake.worker.batch import CollectorContext, Pass, Tally

__all__ = ["CollectorContext", "Rules", "Tally", "collect", "utc_now"]

log = structlog.get_logger("intake.collect")

COMPARED = 200  # mails of a folder that are checked; a single unknown one is enough

EVERY_UID = 2**63 - 1  # UIDs of a Maildir do not show the order of arrival

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Rules:
    """How many mails are taken at a time, and which mails are taken at the first connection."""

    batch_mails: int = 50
    batch_bytes: int = 16 * 2**20
    backfill_since: datetime | None = None  # None: only what arrives from now on
    backfill_all: bool = False  # a folder that only intake uses: every mail in it is handled
    alone: bool = True  # take the mailbox lock; a mail from a pipe needs none


def collect(
    box: MailboxClient,
    collector: CollectorContext,
    rules: Rules,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Records and moves every waiting mail, unless another worker is collecting the mailbox.

    Raises MailboxError, StoreError, BlobError, PoolError.
    """
    if not rules.alone:
        return _collect(box, collector, rules, progress, Turn())
    with collecting(collector.engine, box.name) as turn:
        if turn is None:
            return Tally(box.name, busy=True)
        return _collect(box, collector, rules, progress, turn)


def _collect(
    box: MailboxClient,
    collector: CollectorContext,
    rules: Rules,
    progress: Callable[[int], None] | None,
    turn: Turn,
) -> Tally:
    tally = Tally(box.name)
    opened = box.open()
    reached("K02")
    state = _state(box, opened, collector, rules)
    current = Pass(box, opened, collector, tally, turn)
    _compare(current, state)
    batch.move(current, _unmoved(current), again=True)
    waiting = [one for one in box.waiting(state.next_uid) if _ours(one, state)]
    reached("K03")
    if waiting:
        collector.reader.ready()
    if state.baseline_at is not None:
        tally.left_alone = max(opened.exists - len(waiting), 0)
    collector.backlog[box.name] = len(waiting)
    if not _in_batches(current, list(_batches(waiting, rules)), progress):
        tally.again = True
        return tally
    _advance(box, opened, waiting, state, collector)
    if tally.moved or box.name not in collector.compared:
        _note_tops(current)
    return tally


def _in_batches(
    current: Pass, parts: Sequence[Sequence[Waiting]], progress: Callable[[int], None] | None
) -> bool:
    """Handles the batches in their order; False if the worker is stopping.

    While one batch is recorded, the children read the next one, and a thread stores its blobs. If
    that cannot be fetched, the batch before it is still recorded.
    """
    reached("K04")
    if len(parts) < 2:
        return _one_by_one(current, parts, progress, None)
    with ThreadPoolExecutor(1, thread_name_prefix="intake-blobs") as aside:
        return _one_by_one(current, parts, progress, aside)


def _one_by_one(
    current: Pass,
    parts: Sequence[Sequence[Waiting]],
    progress: Callable[[int], None] | None,
    aside: Executor | None,
) -> bool:
    collector = current.collector
    begun: batch.Begun | None = None
    for number, part in enumerate(parts):
        if collector.stopped():
            return False
        current.turn.check()
        this, begun = begun or batch.begin(current, part, aside), None
        trouble: Exception | None = None
        if number + 1 < len(parts) and not collector.stopped():
            try:
                begun = batch.begin(current, parts[number + 1], aside)
            except (MailboxError, StoreError, BlobError) as error:
                trouble = error
        batch.finish(current, this)
        collector.backlog[current.box.name] -= len(part)
        if progress:
            progress(len(part))
        if trouble is not None:
            raise trouble
    return True


def _compare(current: Pass, state: mailboxes.MailboxState) -> None:
    """Once for each process: looks for moved mails that are newer than the database.

    Such mails arrived after the last pass that the database knows, and are in a folder for handled
    mails. Either the database is an older copy, or a person moved them there. An operator must
    check.
    """
    box, collector = current.box, current.collector
    if box.name in collector.compared or state.checked_at is None:
        return
    found = box.tops()
    with reading(collector.engine) as session:
        known = restore_check.tops(session, box.name, found)
    since = state.checked_at - timedelta(hours=1)
    for folder, (_, top) in found.items():
        if top <= known.get(folder, top):
            continue
        filed = islice(box.filed(folder, known[folder], collector.limits.max_mail_bytes), COMPARED)
        late = [hashlib.sha256(one.raw).hexdigest() for one in filed if one.received_at >= since]
        with reading(collector.engine) as session:
            lost = set(late) - restore_check.finished(session, late)
        if lost:
            why = f"{len(lost)} newer mails in the {folder} folder are unknown to the database"
            raise StoreError("restored", f"mailbox {box.name}: {why}; {restore_check.ADVICE}")


def _note_tops(current: Pass) -> None:
    found = current.box.tops()
    with writing(current.collector.engine) as session:
        restore_check.note_tops(session, current.box.name, found)
    current.collector.compared.add(current.box.name)


def _unmoved(current: Pass) -> list[mailboxes.Row]:
    """Mails that are recorded but were not moved, for example because of a crash."""
    with reading(current.collector.engine) as session:
        return mailboxes.unsettled(session, current.box.name, current.opened.uidvalidity)


def _state(
    box: MailboxClient, opened: Opened, collector: CollectorContext, rules: Rules
) -> mailboxes.MailboxState:
    """The position in the mailbox; set at the first connection and when UIDVALIDITY changes.

    A mail that arrives later has a higher UID and is collected, whatever date the server gives it.
    The date matters only for mails that were already there.
    """
    with writing(collector.engine) as session:
        state = mailboxes.state(session, box.name)
        line = _line(state, box.name, opened, collector, rules)
        if line != state:
            mailboxes.baseline(session, line)
    return line


def _line(
    state: mailboxes.MailboxState | None,
    name: str,
    opened: Opened,
    collector: CollectorContext,
    rules: Rules,
) -> mailboxes.MailboxState:
    dated = opened.uid_next if box_counts_up(opened) else EVERY_UID
    if state is not None and state.uidvalidity == opened.uidvalidity:
        return state if state.dated_below is not None else replace(state, dated_below=dated)
    if state is not None:
        log.warning(
            "uidvalidity-changed", mailbox=name, was=state.uidvalidity, now=opened.uidvalidity
        )
        return replace(state, uidvalidity=opened.uidvalidity, next_uid=1, dated_below=dated)
    if rules.backfill_all or rules.backfill_since is not None:
        since = None if rules.backfill_all else rules.backfill_since
        return mailboxes.MailboxState(name, opened.uidvalidity, 1, since, dated)
    start = opened.uid_next or 1
    return mailboxes.MailboxState(name, opened.uidvalidity, start, collector.clock(), dated)


def _ours(one: Waiting, state: mailboxes.MailboxState) -> bool:
    """False for a mail that was in the mailbox before and arrived before the baseline date."""
    if state.baseline_at is None or one.uid >= (state.dated_below or 0):
        return True
    return one.received_at >= state.baseline_at.replace(microsecond=0)


def _batches(waiting: Sequence[Waiting], rules: Rules) -> Iterator[list[Waiting]]:
    """Batches limited by count and bytes; a mail over the byte limit is a batch of its own."""
    part: list[Waiting] = []
    size = 0
    for one in waiting:
        if part and (len(part) >= rules.batch_mails or size + one.size > rules.batch_bytes):
            yield part
            part, size = [], 0
        part.append(one)
        size += one.size
    if part:
        yield part


def _advance(
    box: MailboxClient,
    opened: Opened,
    waiting: Sequence[Waiting],
    state: mailboxes.MailboxState,
    collector: CollectorContext,
) -> None:
    """Moves the position up to the first mail that has no final status yet."""
    now = collector.clock()
    with writing(collector.engine) as session:
        top = max((one.uid for one in waiting), default=state.next_uid - 1)
        rows = mailboxes.handled(
            session, box.name, opened.uidvalidity, [one.uid for one in waiting]
        )
        done = {uid for uid, row in rows.items() if row.status != MessageStatus.DEFERRED}
        open_uids = [one.uid for one in waiting if one.uid not in done]
        next_uid = min([top + 1, *open_uids])
        if box_counts_up(opened):
            mailboxes.advance(session, box.name, max(next_uid, 1), now)
        else:
            mailboxes.advance(session, box.name, 1, now)


def box_counts_up(opened: Opened) -> bool:
    """True for IMAP, whose UIDs grow (RFC 9051 §2.3.1.1); a Maildir's come from file names."""
    return opened.uidvalidity != 0


def utc_now() -> datetime:
    """The current time, with time zone."""
    return datetime.now(UTC)

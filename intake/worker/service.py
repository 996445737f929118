"""One pass over everything, one mail from a pipe, and the tasks of every pass besides mail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from intake.adapters import heartbeat
from intake.adapters.blob_store import BlobError
from intake.adapters.heartbeat import Beat
from intake.adapters.mailbox.pipe import PipeBox
from intake.adapters.mailbox.protocol import MailboxError
from intake.adapters.smtp import DeliveryError
from intake.config.loader import Config
from intake.letters import compose
from intake.letters.letter import Occasion, Reached
from intake.store import alerts as alarm
from intake.store import outbox, retention
from intake.store.cases import reminders
from intake.store.contacts import held_notice, undeliverable_notice
from intake.store.engine import Session, StoreError, reading, writing
from intake.store.messages import mailboxes
from intake.store.outbox import put_letter
from intake.worker import ack_lists, claimed_mails, file_jobs, handover_jobs, health, notice_jobs
from intake.worker.bootstrap import Application, MailboxJob, assemble, keep
from intake.worker.collector import Tally, collect
from intake.worker.outages import Outages, part_of
from intake.worker.outbox_sender import Posted, dispatch
from intake.worker.parser_pool import PoolError
from intake.worker.webhook_sender import HookReport

log = structlog.get_logger("intake.worker")

EX_OK, EX_DATAERR, EX_TEMPFAIL = 0, 65, 75  # sysexits.h, what an MTA's pipe understands
TROUBLE = (MailboxError, StoreError, BlobError, DeliveryError, PoolError)

Progress = Callable[[str, int], None]  # what, how many more


@dataclass(slots=True)
class PassReport:
    """The result of one pass, for the terminal and for ``--json``."""

    mailboxes: list[Tally] = field(default_factory=list)
    posted: Posted = field(default_factory=Posted)
    notices: Posted = field(default_factory=Posted)
    hooks: HookReport = field(default_factory=HookReport)
    failures: list[str] = field(default_factory=list)  # "mailbox support: …", one line each
    outages: dict[str, str] = field(default_factory=dict)  # the same by part of the service

    @property
    def collected(self) -> int:
        """The number of recorded mails."""
        return sum(tally.collected for tally in self.mailboxes)

    @property
    def actions(self) -> dict[str, int]:
        """The number of mails for each action."""
        counts: dict[str, int] = {}
        for tally in self.mailboxes:
            for action, number in tally.actions.items():
                counts[action] = counts.get(action, 0) + number
        return counts


def once(config: Config, progress: Progress | None = None) -> PassReport:
    """Collects every mailbox and sends every due letter, once. Raises ConfigError, StoreError."""
    report = PassReport()
    warn(config)
    with assemble(config) as app:
        recover(app)
        for job in app.mailboxes:
            try:
                tally = collect(job.box, app.collector, job.rules, _step(progress, "mails"))
            except TROUBLE as trouble:
                report.failures.append(f"mailbox {job.name}: {trouble}")
                report.outages[part_of(trouble, job.name)] = str(trouble)
                failed(app, job, trouble)
            else:
                report.mailboxes.append(tally)
            finally:
                job.box.close()
        remind(config, app)
        file_jobs.inspect(config, app)
        notice_jobs.tick(config, app)
        claimed_mails.handle(config, app.collector.engine)
        report.posted = send_letters(app, _step(progress, "letters"))
        report.notices = notice_jobs.broadcast(app, once=True)
        report.hooks = notice_jobs.call_hooks(config, app)
        notice_jobs.show(config, app)
        _note_pass(config, app, report)
        try:
            file_jobs.clean_daily(config, app)
        except (*TROUBLE, OSError) as trouble:
            log.error("clean-failed", why=str(trouble))
    return report


def _note_pass(config: Config, app: Application, report: PassReport) -> None:
    """Writes a heartbeat for this pass, unless `intake run` writes its own, and the figures."""
    now = app.collector.clock()
    before = heartbeat.read(app.folder)
    if before is not None and heartbeat.is_alive(before, now):
        return
    outages = Outages(before)
    for part, words in report.outages.items():
        outages.failed(part, words, now)
    for posted in (report.posted, report.notices):
        outages.posted(posted, now, lambda: outbox_waits(app))
    at = now.isoformat(timespec="seconds")
    gap = heartbeat.seconds_since(before, now) if before is not None else 0.0
    jobs = {f"collect:{tally.mailbox}": at for tally in report.mailboxes}
    beat = Beat(
        os.getpid(), at, at, jobs, {}, outages.found(), command=heartbeat.ONCE,
        gap_seconds=max(gap, 0.0), told=before.told if before is not None else {},
    )  # fmt: skip
    found = health.local_troubles(config, beat, now)
    found += health.stored_troubles(config, app.collector.engine, beat, now)
    lines = [(one.part, one.words) for one in health.one_each(found)]
    try:
        heartbeat.write(app.folder, replace(beat, troubles=lines))
    except OSError as trouble:
        log.error("heartbeat-failed", why=str(trouble))
    app.figures.write_file()


def send_letters(app: Application, progress: Callable[[int], None] | None = None) -> Posted:
    """Sends every due letter. Raises StoreError."""
    collector = app.collector
    ack_lists.gather(collector.engine, collector.context.letter_context, collector.clock())
    handover_jobs.tell_writers(collector.engine, collector.context, collector.clock())
    return dispatch(app.post, progress)


def outbox_waits(app: Application) -> bool:
    """Whether any letter waits to be sent, now or later."""
    with reading(app.collector.engine) as session:
        return outbox.any_waiting(session)


def warn(config: Config) -> None:
    """Logs a warning for each mailbox without trusted servers: all its mail will be held."""
    for box in config.mailbox:
        if not box.trusted_authserv_ids:
            log.warning(
                "every-mail-is-held",
                mailbox=box.name,
                why="trusted_authserv_ids is empty, so no sender can be proved",
                see="intake doctor auth",
            )


def _step(progress: Progress | None, what: str) -> Callable[[int], None] | None:
    return (lambda number: progress(what, number)) if progress else None


def recover(app: Application) -> None:
    """Reports, once each, the letters that a dead worker left in doubt; they stay unsent."""
    with writing(app.collector.engine) as session:
        outbox.after_crash(session, app.collector.clock())


def remind(config: Config, app: Application) -> int:
    """Puts reminders into the outbox and flags unanswered drafts; returns how many reminders."""
    now, replies = app.collector.clock(), config.replies
    with writing(app.collector.engine) as session:
        waiting = reminders.due(session, now, replies.remind_days) if replies.remind_days else []
        for one in waiting:
            letter = compose.reminder(
                app.collector.context.letter_context, one.letter, one.message_id, now
            )
            reminders.remind(session, one, letter, now)
        expired = retention.expire(session, now, replies.expire_days)
        retired = retention.retire(session, now, keep(config))
        if config.shape.notices.tell_colleagues:
            context = app.collector.context
            undeliverable_notice.tell(session, context.letter_context, context.policy.must, now)
        if config.replies.tell_held:
            held_notice.tell(session, app.collector.context.letter_context, now)
        retention.forget(session, now, keep(config))
        _alert(session, config, app, now)
    if retired:
        log.info("strangers-retired", mails=retired)
    if waiting:
        log.info("reminded", cases=[one.letter.case_number for one in waiting])
    if expired:
        log.info("drafts-expired", cases=expired)
    return len(waiting) + notice_jobs.digests(config, app) + handover_jobs.remind(config, app)


def _alert(session: Session, config: Config, app: Application, now: datetime) -> None:
    """One letter to the operator when something new waits for a decision."""
    alerts = config.shape.alerts
    found = (
        alarm.due(session, now, alerts.every_hours, app.collector.context.policy.must)
        if alerts.address
        else None
    )
    if found is None:
        return
    values = {"waiting": found.waiting, "lines": found.lines, "hours": alerts.every_hours}
    person = Reached("", "operator", alerts.address)
    cause = f"{found.newest}:{now:%Y-%m-%dT%H}"
    letter = compose.to_person(
        app.collector.context.letter_context, person, Occasion("alert", cause, values), now
    )
    put_letter(session, letter, found.newest, now)


def failed(app: Application, job: MailboxJob, trouble: Exception) -> None:
    """Records the failure in the log and, if possible, in the database."""
    log.error(
        "mailbox-failed", mailbox=job.name, kind=getattr(trouble, "kind", ""), why=str(trouble)
    )
    try:
        with writing(app.collector.engine) as session:
            mailboxes.failed(session, job.name, app.collector.clock(), str(trouble))
    except StoreError as also:
        log.error("store-failed", why=str(also))


def receive(config: Config, raw: bytes) -> int:
    """Handles one mail from an MTA: 0 accepted, 65 not a mail, 75 try again later.

    A stop signal in the meantime also gives 75; when the mail is delivered again, it is recognised.
    """
    if not raw.strip():
        log.error("receive-empty", why="standard input held no mail")
        return EX_DATAERR
    signal.signal(signal.SIGTERM, lambda *_: os._exit(EX_TEMPFAIL))
    try:
        with assemble(config) as app:
            box = PipeBox("pipe", raw, app.collector.clock())
            tally = collect(box, app.collector, app.pipe_rules)
            if config.delivery.url and not tally.again:
                _send_now(app)
    except Exception as trouble:  # noqa: BLE001 - on any error the MTA keeps the mail
        log.error("receive-failed", why=f"{type(trouble).__name__}: {trouble}")
        return EX_TEMPFAIL
    log.info("received", actions=tally.actions)
    return EX_TEMPFAIL if tally.again else EX_OK


def _send_now(app: Application) -> None:
    """The mail is already accepted; a letter that cannot be sent now waits in the outbox."""
    try:
        send_letters(app)
    except TROUBLE as trouble:
        log.error("delivery-failed", why=str(trouble))

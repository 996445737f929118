"""The scheduled worker: one pass, the service, and one mail from a pipe.

Every job may fail and be tried again; none of them takes another down. SIGTERM and SIGINT ask
for the end: what is being handled is finished, and the exit code is 0.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from intake import file_jobs, letters, notice_jobs
from intake.assembly import Assembly, Line, assemble, keep
from intake.blobs import BlobError
from intake.collect import Tally, collect
from intake.config import Config
from intake.delivery import DeliveryError
from intake.dispatch import Posted, dispatch
from intake.hook_pass import HookReport
from intake.mailbox.box import MailboxError
from intake.mailbox.pipe import PipeBox
from intake.pool import PoolError
from intake.store import alarm, colleagues, mailboxes, outbox, reminders, upkeep
from intake.store.engine import StoreError, Unit, writing
from intake.store.record import put_letter

log = structlog.get_logger("intake.worker")

EX_OK, EX_DATAERR, EX_TEMPFAIL = 0, 65, 75  # sysexits.h, what an MTA's pipe understands
HEARTBEAT_SECONDS = 10
DELIVER_SECONDS = 30
SWEEP_HOURS = 6
INSPECT_SECONDS = 15
REMIND_MINUTES = 30
CLOCK_SECONDS = 20
BROADCAST_SECONDS = 1
HOOK_SECONDS = 5
MAX_BACKOFF_SECONDS = 900
TROUBLE = (MailboxError, StoreError, BlobError, DeliveryError, PoolError)

Result = TypeVar("Result")
Progress = Callable[[str, int], None]  # what, how many more


@dataclass(slots=True)
class PassReport:
    """What one pass did, for people and for ``--json``."""

    mailboxes: list[Tally] = field(default_factory=list)
    posted: Posted = field(default_factory=Posted)
    notices: Posted = field(default_factory=Posted)
    hooks: HookReport = field(default_factory=HookReport)
    failures: list[str] = field(default_factory=list)  # "mailbox support: …", one line each

    @property
    def collected(self) -> int:
        """Mails recorded."""
        return sum(tally.collected for tally in self.mailboxes)

    @property
    def actions(self) -> dict[str, int]:
        """How many mails by what became of them."""
        counts: dict[str, int] = {}
        for tally in self.mailboxes:
            for action, number in tally.actions.items():
                counts[action] = counts.get(action, 0) + number
        return counts


def once(config: Config, progress: Progress | None = None) -> PassReport:
    """Every mailbox collected, every due letter sent, once. Raises ConfigError, StoreError."""
    report = PassReport()
    _warn(config)
    with assemble(config) as made:
        _recover(made)
        for line in made.lines:
            try:
                tally = collect(line.box, made.desk, line.rules, _step(progress, "mails"))
            except TROUBLE as trouble:
                report.failures.append(f"mailbox {line.name}: {trouble}")
                _failed(made, line, trouble)
            else:
                report.mailboxes.append(tally)
            finally:
                line.box.close()
        _remind(config, made)
        file_jobs.inspect(config, made)
        notice_jobs.tick(config, made)
        report.posted = dispatch(made.post, _step(progress, "letters"))
        report.notices = notice_jobs.broadcast(made, once=True)
        report.hooks = notice_jobs.call_hooks(config, made)
        notice_jobs.show(config, made)
    return report


def _warn(config: Config) -> None:
    """Fail closed, and say so loudly: nobody can be proved where no server's word counts."""
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


def _recover(made: Assembly) -> None:
    """Letters that a dead worker left in doubt are named once, and stay unsent."""
    with writing(made.desk.engine) as unit:
        outbox.after_crash(unit, made.desk.clock())


def _remind(config: Config, made: Assembly) -> int:
    """Reminders put into the outbox, and drafts flagged that nobody answers; how many reminders."""
    now, replies, retired = made.desk.clock(), config.replies, 0
    with writing(made.desk.engine) as unit:
        waiting = reminders.due(unit, now, replies.remind_days) if replies.remind_days else []
        for one in waiting:
            letter = letters.reminder(made.desk.bench.house, one.letter, one.message_id, now)
            reminders.remind(unit, one, letter, now)
        expired = upkeep.expire(unit, now, replies.expire_days)
        if config.shape.retention.stranger_days:
            retired = upkeep.retire(unit, now, config.shape.retention.stranger_days)
        if config.shape.notices.tell_colleagues:
            colleagues.tell(unit, made.desk.bench.house, now)
        upkeep.forget(unit, now, keep(config))
        _alert(unit, config, made, now)
    if retired:
        log.info("strangers-retired", mails=retired)
    if waiting:
        log.info("reminded", cases=[one.letter.case_number for one in waiting])
    if expired:
        log.info("drafts-expired", cases=expired)
    return len(waiting) + notice_jobs.digests(config, made)


def _alert(unit: Unit, config: Config, made: Assembly, now: datetime) -> None:
    """One letter to the operator when something new waits for a person."""
    alerts = config.shape.alerts
    found = alarm.due(unit, now, alerts.every_hours) if alerts.address else None
    if found is None:
        return
    newest, lines = found
    waiting = sum(int(line.split()[0]) for line in lines if line.split()[0].isdigit())
    values = {"waiting": waiting, "lines": lines, "hours": alerts.every_hours}
    person = letters.Reached("", "operator", alerts.address)
    cause = f"{newest}:{now:%Y-%m-%dT%H}"
    letter = letters.to_person(made.desk.bench.house, "alert", person, values, cause, now)
    put_letter(unit, letter, newest, now)


def _failed(made: Assembly, line: Line, trouble: Exception) -> None:
    log.error(
        "mailbox-failed", mailbox=line.name, kind=getattr(trouble, "kind", ""), why=str(trouble)
    )
    try:
        with writing(made.desk.engine) as unit:
            mailboxes.failed(unit, line.name, made.desk.clock(), str(trouble))
    except StoreError as also:
        log.error("store-failed", why=str(also))


def receive(config: Config, raw: bytes) -> int:
    """One mail handed over by an MTA: 0 it is ours now, 65 it is no mail, 75 try again later."""
    if not raw.strip():
        log.error("receive-empty", why="standard input held no mail")
        return EX_DATAERR
    try:
        with assemble(config) as made:
            box = PipeBox("pipe", raw, made.desk.clock())
            tally = collect(box, made.desk, made.pipe_rules)
            if config.delivery.url:
                dispatch(made.post)
    except TROUBLE as trouble:
        log.error("receive-failed", why=str(trouble))
        return EX_TEMPFAIL
    log.info("received", actions=tally.actions)
    return EX_TEMPFAIL if tally.actions.get("shelved") or tally.actions.get("defer") else EX_OK


class Service:
    """The jobs of ``intake run`` and what they share."""

    def __init__(self, config: Config, made: Assembly) -> None:
        self.config = config
        self.made = made
        self.stop = made.stop
        self.letters = threading.Event()  # set when the outbox may have something due
        self.letters.set()
        self.retry_at: dict[str, datetime] = {}
        self.misses: dict[str, int] = {}
        self.last: dict[str, str] = {}  # job -> when it last ended well

    def collect(self, line: Line) -> None:
        """One mailbox until its interval is over: collect, wait for news, collect again."""
        now = datetime.now(UTC)
        if self.retry_at.get(line.name, now) > now:
            return
        ends = now + timedelta(seconds=line.poll_seconds)
        try:
            while not self.stop.is_set():
                tally = collect(line.box, self.made.desk, line.rules)
                self._went_well(line.name)
                if tally.letters:
                    self.letters.set()
                left = (ends - datetime.now(UTC)).total_seconds()
                if tally.again or not line.idle or left < 1:
                    break
                if not line.box.idle(left, self.stop.is_set):
                    break
        except TROUBLE as trouble:
            self._went_wrong(line, trouble)

    def _went_well(self, name: str) -> None:
        if self.misses.pop(name, 0):
            log.info("mailbox-recovered", mailbox=name)
        self.last[f"collect:{name}"] = _stamp()

    def _went_wrong(self, line: Line, trouble: Exception) -> None:
        """Back-off doubles from the poll interval up to fifteen minutes; a server's wish counts."""
        line.box.close()
        misses = self.misses[line.name] = self.misses.get(line.name, 0) + 1
        wait = min(line.poll_seconds * 2 ** min(misses - 1, 10), MAX_BACKOFF_SECONDS)
        wait = max(wait, getattr(trouble, "retry_after_seconds", 0.0))
        self.retry_at[line.name] = datetime.now(UTC) + timedelta(seconds=wait)
        _failed(self.made, line, trouble)

    def deliver(self) -> None:
        """Sends what is due whenever a pass has written letters, and at least once an interval."""
        ends = datetime.now(UTC) + timedelta(seconds=DELIVER_SECONDS)
        while not self.stop.is_set():
            self.letters.clear()
            try:
                _recover(self.made)
                posted = dispatch(self.made.post)
            except TROUBLE as trouble:
                log.error("delivery-failed", why=str(trouble))
                return
            self.last["deliver"] = _stamp()
            if posted.failures:
                log.warning("delivery-trouble", replies=posted.failures)
            left = (ends - datetime.now(UTC)).total_seconds()
            if left <= 0 or not self.letters.wait(left):
                return

    def _done(self, name: str, job: Callable[[], Result]) -> Result | None:
        """What the job gave; None when it could not be done now, which is said."""
        try:
            found = job()
        except TROUBLE as trouble:
            log.error(f"{name}-failed", why=str(trouble))
            return None
        self.last[name] = _stamp()
        return found

    def remind(self) -> None:
        """Requests that nobody answered are sent once more, then flagged for a person."""
        if self._done("remind", lambda: _remind(self.config, self.made)):
            self.letters.set()

    def clock(self) -> None:
        """What is planned starts, ends and is reminded of."""
        if self._done("clock", lambda: notice_jobs.tick(self.config, self.made)):
            self.letters.set()

    def broadcast(self) -> None:
        """Notices, as many as the pace allows."""
        posted = self._done("broadcast", lambda: notice_jobs.broadcast(self.made))
        if posted and posted.failures:
            log.warning("broadcast-trouble", replies=posted.failures)

    def call_hooks(self) -> None:
        """Other programs are told what happened."""
        self._done("hooks", lambda: notice_jobs.call_hooks(self.config, self.made))

    def inspect(self) -> None:
        """Files in quarantine are shown to the virus scanner."""
        self._done("inspect", lambda: file_jobs.inspect(self.config, self.made))

    def sweep(self) -> None:
        """Blobs that no row names are removed once they are old enough."""
        self._done("sweep", lambda: file_jobs.sweep(self.config, self.made))

    def heartbeat(self) -> None:
        """A small file says that the worker lives and when each job last ended well."""
        path = self.made.folder / "heartbeat.json"
        beat = {"pid": os.getpid(), "at": _stamp(), "jobs": self.last, "failing": self.misses}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".tmp")
            fresh.write_text(json.dumps(beat), encoding="utf-8")
            fresh.replace(path)
        except OSError as trouble:
            log.error("heartbeat-failed", why=str(trouble))


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def run(config: Config) -> int:
    """The service until SIGTERM or SIGINT; 0 when it ended as asked."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    with assemble(config, stop) as made:
        _recover(made)
        _warn(config)
        service = Service(config, made)
        scheduler = _schedule(service)
        scheduler.start()
        log.info("started", mailboxes=[line.name for line in made.lines], pid=os.getpid())
        while not stop.wait(1):
            pass
        log.info("stopping")
        service.letters.set()
        scheduler.pause()
        scheduler.shutdown(wait=True)
        for line in made.lines:
            line.box.close()
        service.heartbeat()
    log.info("stopped")
    return EX_OK


def _schedule(service: Service) -> BackgroundScheduler:
    """Every job in memory, one at a time of each kind, late runs made up by one run."""
    lines = service.made.lines
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(lines) + 9)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)

    def every(seconds: float, job: Callable[..., None], name: str, *args: object) -> None:
        scheduler.add_job(job, "interval", args=args, seconds=seconds, id=name, next_run_time=now)

    for line in lines:
        every(line.poll_seconds + 0.5, service.collect, f"collect:{line.name}", line)
    every(DELIVER_SECONDS + 0.5, service.deliver, "deliver")
    every(REMIND_MINUTES * 60, service.remind, "remind")
    every(CLOCK_SECONDS, service.clock, "clock")
    every(BROADCAST_SECONDS, service.broadcast, "broadcast")
    every(INSPECT_SECONDS, service.inspect, "inspect")
    every(HOOK_SECONDS, service.call_hooks, "hooks")
    every(SWEEP_HOURS * 3600, service.sweep, "sweep")
    every(HEARTBEAT_SECONDS, service.heartbeat, "heartbeat")
    scheduler.add_listener(_job_raised, EVENT_JOB_ERROR)
    return scheduler


def _job_raised(event: JobExecutionEvent) -> None:
    """A defect of ours in a job: said loudly, and the job runs again at its next time."""
    log.error("job-raised", job=event.job_id, error=repr(event.exception), trace=event.traceback)


def heartbeat_age(folder: Path, now: datetime) -> float | None:
    """Seconds since the worker's last heartbeat in that folder; None when there is none."""
    try:
        beat = json.loads((folder / "heartbeat.json").read_text(encoding="utf-8"))
        return (now - datetime.fromisoformat(beat["at"])).total_seconds()
    except (OSError, ValueError, KeyError, TypeError):
        return None

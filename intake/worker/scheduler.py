"""The scheduled worker: runs every job at its interval until SIGTERM or SIGINT.

A job that fails is tried again and does not stop the others. At the end, current work is finished
and the exit code is 0. Work that takes too long is cut off.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import TypeVar

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from intake.adapters import heartbeat as liveness
from intake.adapters import service_manager
from intake.adapters.heartbeat import Beat
from intake.adapters.time_limits import OVERTIME, PROGRESS
from intake.config.loader import Config
from intake.model.health import Trouble
from intake.worker import alerting, claimed_mails, file_jobs, health, notice_jobs
from intake.worker.bootstrap import Application, MailboxJob, assemble
from intake.worker.clock import ClockWatch
from intake.worker.collector import collect
from intake.worker.outages import SHARED, Outages, part_of
from intake.worker.service import (
    EX_OK,
    TROUBLE,
    failed,
    outbox_waits,
    recover,
    remind,
    send_letters,
    warn,
)

log = structlog.get_logger("intake.worker")

HEARTBEAT_SECONDS = 10
DELIVER_SECONDS = 30
SWEEP_HOURS = 6
INSPECT_SECONDS = 15
REMIND_MINUTES = 30
CLOCK_SECONDS = 20
BUSY_SECONDS = 2.0  # until a mailbox that another worker was collecting is tried again
GRACE_SECONDS = 5.0  # for current work after the stop signal
STUCK_SECONDS = 1800.0  # without a step; then a job hangs, and the worker restarts
LAST_SECONDS = 9.0  # then the process ends as if killed, which loses nothing
PACE_SECONDS = 1.0  # from the start of one round of notices to the next
ROUNDS = 3  # of notices in one run of their job, if any are due
WATCH_SECONDS = 15
HOOK_SECONDS = 5
MAX_BACKOFF_SECONDS = 900

Result = TypeVar("Result")


class Service:
    """The jobs of ``intake run`` and their shared state."""

    def __init__(self, config: Config, app: Application) -> None:
        self.config = config
        self.app = app
        self.stop = app.stop
        self.letters = threading.Event()  # set when a letter may be due in the outbox
        self.letters.set()
        self.retry_at: dict[str, float] = {}  # by the monotonic clock, like every wait here
        self.misses: dict[str, int] = {}  # mailbox -> passes that failed in a row
        self.before = liveness.read(app.folder)
        self.outages = Outages(self.before)
        self.stored: list[Trouble] = []  # what the last look into the database found
        self.alerter = alerting.alerter(config, app.collector.context.letter_context)
        self.last: dict[str, str] = {}  # job -> when it last succeeded
        self.periods: dict[str, float] = {}  # job -> seconds between two of its runs
        self.stuck: list[str] = []  # jobs that hang, just before the process is replaced
        self.started = _stamp()

    def collect(self, job: MailboxJob) -> None:
        """One interval of one mailbox: collect, wait for new mail, collect again."""
        now = time.monotonic()
        if self.retry_at.get(job.name, now) > now:
            return
        ends = now + job.poll_seconds
        try:
            while not self.stop.is_set():
                tally = collect(job.box, self.app.collector, job.rules)
                self._went_well(job.name)
                if tally.busy:
                    self.stop.wait(BUSY_SECONDS)
                    break
                if tally.letters:
                    self.letters.set()
                left = ends - time.monotonic()
                if tally.again or not job.idle or left < 1:
                    break
                if not job.box.idle(left, self.stop.is_set):
                    break
        except TROUBLE as trouble:
            self._went_wrong(job, trouble)

    def _went_well(self, name: str) -> None:
        if self.misses.pop(name, 0):
            log.info("mailbox-recovered", mailbox=name)
        self.outages.well(f"mailbox {name}", *SHARED)
        self.last[f"collect:{name}"] = _stamp()

    def _went_wrong(self, job: MailboxJob, trouble: Exception) -> None:
        """Doubles the back-off, up to 15 minutes, or waits longer if the server asks."""
        job.box.close()
        if self.stop.is_set():
            log.info("collect-interrupted", mailbox=job.name, why=str(trouble))
            return
        self.outages.failed(part_of(trouble, job.name), str(trouble), _now())
        misses = self.misses[job.name] = self.misses.get(job.name, 0) + 1
        wait = min(job.poll_seconds * 2 ** min(misses - 1, 10), MAX_BACKOFF_SECONDS)
        wait = max(wait, getattr(trouble, "retry_after_seconds", 0.0))
        self.retry_at[job.name] = time.monotonic() + wait
        failed(self.app, job, trouble)

    def deliver(self) -> None:
        """Sends due letters whenever a pass has written some, and at least once each interval."""
        ends = time.monotonic() + DELIVER_SECONDS
        while not self.stop.is_set():
            self.letters.clear()
            try:
                recover(self.app)
                posted = send_letters(self.app)
                if claimed_mails.handle(self.config, self.app.collector.engine):
                    self.letters.set()
                self.outages.posted(posted, _now(), lambda: outbox_waits(self.app))
            except TROUBLE as trouble:
                log.error("delivery-failed", why=str(trouble))
                self.outages.failed(part_of(trouble), str(trouble), _now())
                return
            self.last["deliver"] = _stamp()
            if posted.failures:
                log.warning("delivery-trouble", replies=posted.failures)
            left = ends - time.monotonic()
            if left <= 0 or not self.letters.wait(left):
                return

    def _done(self, name: str, job: Callable[[], Result]) -> Result | None:
        """Returns the job's result; None, with a log entry, if the job failed."""
        try:
            found = job()
        except TROUBLE as trouble:
            log.error(f"{name}-failed", why=str(trouble))
            self.outages.failed(part_of(trouble), str(trouble), _now())
            return None
        self.last[name] = _stamp()
        self.outages.well("database")
        return found

    def remind(self) -> None:
        """Repeats requests that were not answered, then flags their drafts for an operator."""
        if self._done("remind", lambda: remind(self.config, self.app)):
            self.letters.set()

    def clock(self) -> None:
        """Performs planned starts, ends and reminders."""
        if self._done("clock", lambda: notice_jobs.tick(self.config, self.app)):
            self.letters.set()

    def broadcast(self) -> None:
        """Sends notices, as many as the pace allows: once a second while any are due."""
        began = time.monotonic()
        for number in range(1, ROUNDS + 1):
            posted = self._done("broadcast", lambda: notice_jobs.broadcast_due(self.app))
            if posted and posted.total:
                self.outages.posted(posted, _now(), lambda: True)
            if posted and posted.failures:
                log.warning("broadcast-trouble", replies=posted.failures)
            left = began + number * PACE_SECONDS - time.monotonic()
            if posted is None or number == ROUNDS or self.stop.wait(max(left, 0.0)):
                return

    def call_hooks(self) -> None:
        """Sends events to the webhooks."""
        self._done("hooks", lambda: notice_jobs.call_hooks(self.config, self.app))

    def inspect(self) -> None:
        """Sends files in quarantine to the virus scanner."""
        self._done("inspect", lambda: file_jobs.inspect(self.config, self.app))

    def sweep(self) -> None:
        """Removes words that are too old, and blobs that no row names once they are old enough."""
        self._done("prune", lambda: file_jobs.prune(self.config, self.app))
        self._done("sweep", lambda: file_jobs.sweep(self.config, self.app))

    def beat(self, *, stopped: bool = False) -> Beat:
        """Returns what the worker knows of itself now."""
        told = self.alerter.delivered()
        return Beat(
            os.getpid(), _stamp(), self.started, dict(self.last), self.periods,
            self.outages.found(), stopped, told=told, stuck=self.stuck,
        )  # fmt: skip

    def troubles(self) -> tuple[Trouble, ...]:
        """Returns everything that fails now; asks neither the database nor a server."""
        local = health.local_troubles(self.config, self.beat(), _now())
        return health.one_each([*local, *self.stored])

    def heartbeat(self, *, stopped: bool = False) -> None:
        """Writes a small file that shows that the worker lives and when each job last succeeded."""
        found = [(one.part, one.words) for one in self.troubles()]
        try:
            liveness.write(self.app.folder, replace(self.beat(stopped=stopped), troubles=found))
        except OSError as trouble:
            log.error("heartbeat-failed", why=str(trouble))
        self.last["heartbeat"] = _stamp()

    def watch(self) -> None:
        """Looks into the database for what fails, and writes the figures to their file."""
        engine = self.app.collector.engine
        self.stored = health.stored_troubles(self.config, engine, self.beat(), _now())
        self.last["watch"] = _stamp()
        self.app.figures.write_file()

    def alert(self) -> None:
        """Tells the operator what has failed for minutes, and what works again."""
        self.alerter.look(self.troubles(), _now())
        self.last["alert"] = _stamp()


def _now() -> datetime:
    return datetime.now(UTC)


def _stamp() -> str:
    return _now().isoformat(timespec="seconds")


def run(config: Config) -> int:
    """Runs the service until SIGTERM or SIGINT; returns 0 after a normal stop."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    with assemble(config, stop) as app:
        recover(app)
        warn(config)
        service = Service(config, app)
        service.alerter.returned(service.before, _now())
        scheduler = _schedule(service)
        scheduler.start()
        with app.figures.served(service.troubles):
            log.info("started", mailboxes=[job.name for job in app.mailboxes], pid=os.getpid())
            service_manager.notify("READY=1")
            _wait(service, scheduler)
        service_manager.notify("STOPPING=1")
        log.info("stopping")
        threading.Thread(target=_hurry, args=(service,), daemon=True).start()
        service.letters.set()
        scheduler.pause()
        scheduler.shutdown(wait=True)
        for job in app.mailboxes:
            job.box.close()
        service.heartbeat(stopped=True)
    log.info("stopped")
    return EX_OK


def _wait(service: Service, scheduler: BackgroundScheduler) -> None:
    """Waits for the stop signal; tells systemd each second that the jobs still run."""
    watch = ClockWatch()
    while not service.stop.wait(1):
        if moved := watch.moved():
            log.warning("clock-set", seconds=round(moved))
            run_all_now(scheduler)
        last = datetime.fromisoformat(service.last.get("heartbeat", service.started))
        if (_now() - last).total_seconds() < liveness.SILENT_SECONDS:
            service_manager.notify("WATCHDOG=1")
        if stuck := PROGRESS.stuck(STUCK_SECONDS):
            restart(service, stuck)


def restart(service: Service, stuck: Sequence[tuple[str, float]]) -> None:
    """Names the jobs that hang, and starts this process anew, as after a crash.

    A thread cannot be ended from outside. A crash at any moment loses nothing, so the whole process
    is replaced; it keeps its number.
    """
    for name, seconds in stuck:
        log.error("job-stuck", job=name, minutes=round(seconds / 60), then="the worker restarts")
    service.stuck = [name for name, _ in stuck]
    service.heartbeat()
    service.app.end_reading()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this program


def _hurry(service: Service) -> None:
    """Ends the process within ten seconds, even if a server, a mail or the database hangs."""
    time.sleep(GRACE_SECONDS)
    log.warning("cut-off", why=f"something took over {GRACE_SECONDS:g} s to end")
    OVERTIME.end_all()
    service.app.end_reading()
    time.sleep(LAST_SECONDS - GRACE_SECONDS)
    service.heartbeat(stopped=True)
    log.warning("stopped-at-once", why=f"something took over {LAST_SECONDS:g} s to end")
    os._exit(EX_OK)


def _schedule(service: Service) -> BackgroundScheduler:
    """Schedules all jobs in memory, one run of each at a time; one run makes up for missed ones."""
    lines = service.app.mailboxes
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(lines) + 11)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)

    def every(seconds: float, job: Callable[..., None], name: str, *args: object) -> None:
        if name != "heartbeat":
            service.periods[name] = seconds
        scheduler.add_job(
            _noted, "interval", args=(name, job, *args), seconds=seconds, id=name, name=name,
            next_run_time=now,
        )  # fmt: skip

    for job in lines:
        every(job.poll_seconds + 0.5, service.collect, f"collect:{job.name}", job)
    every(DELIVER_SECONDS + 0.5, service.deliver, "deliver")
    every(REMIND_MINUTES * 60, service.remind, "remind")
    every(CLOCK_SECONDS, service.clock, "clock")
    every(ROUNDS * PACE_SECONDS, service.broadcast, "broadcast")
    every(INSPECT_SECONDS, service.inspect, "inspect")
    every(HOOK_SECONDS, service.call_hooks, "hooks")
    every(SWEEP_HOURS * 3600, service.sweep, "sweep")
    every(WATCH_SECONDS, service.watch, "watch")
    every(WATCH_SECONDS, service.alert, "alert")
    every(HEARTBEAT_SECONDS, service.heartbeat, "heartbeat")
    scheduler.add_listener(_job_raised, EVENT_JOB_ERROR)
    return scheduler


def _noted(name: str, job: Callable[..., None], *args: object) -> None:
    with PROGRESS.running(name):
        job(*args)


def run_all_now(scheduler: BackgroundScheduler) -> None:
    """Runs every job now and then at its interval, because the library waits for times of day.

    After the clock was set back, those times are too far ahead by the same amount.
    """
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


def _job_raised(event: JobExecutionEvent) -> None:
    """Logs an exception in a job, which is our defect; the job runs again at its next time."""
    log.error("job-raised", job=event.job_id, error=repr(event.exception), trace=event.traceback)

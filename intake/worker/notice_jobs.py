"""The worker's jobs on incidents: planned steps, overdue updates, notices, summaries, webhooks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from intake.config.loader import Config
from intake.incidents.page.files import PageError
from intake.letters import compose
from intake.letters.letter import Occasion, Reached
from intake.store.engine import Session, reading, writing
from intake.store.incidents import schedule
from intake.store.outbox import put_letter
from intake.worker import notice_bootstrap, page_publisher
from intake.worker.bootstrap import Application
from intake.worker.digest_sender import send_digests
from intake.worker.notice_sender import NoticeQueue
from intake.worker.outbox_sender import Posted, dispatch
from intake.worker.webhook_sender import HookReport, deliver_hooks

log = structlog.get_logger("intake.notices")


def tick(config: Config, app: Application) -> list[str]:
    """Performs due starts, ends and reminders; writes to the operator about overdue updates."""
    collector, steps = (
        app.collector,
        notice_bootstrap.plan(config, app.collector.context.letter_context),
    )
    habits, terms = notice_bootstrap.habits(config), notice_bootstrap.terms(config)
    now = collector.clock()
    with reading(collector.engine) as session:
        if not schedule.anything(session):
            return []
    with writing(collector.engine) as session:
        taken = schedule.tick(session, now, steps, habits, terms)
        if config.shape.alerts.address:
            _nag(session, config, app, now)
    for line in taken:
        log.info("clock", what=line)
    return taken


def show(config: Config, app: Application) -> None:
    """Writes the current notifications page; a failure is logged and stops nothing else."""
    try:
        if page_publisher.publish(config, app.collector.engine, app.collector.clock()):
            log.info("page-written")
    except PageError as trouble:
        log.error("page-failed", why=str(trouble))


def _nag(session: Session, config: Config, app: Application, now: datetime) -> None:
    """One letter to the operator when a promised update is overdue."""
    lines = schedule.nags(session, now, said=True)
    if not lines:
        return
    person = Reached("", "operator", config.shape.alerts.address)
    occasion = Occasion("nag", now.isoformat(), {"lines": lines})
    letter = compose.to_person(app.collector.context.letter_context, person, occasion, now)
    put_letter(session, letter, 0, now)


def broadcast(app: Application, *, once: bool = False) -> Posted:
    """Sends due notices at the set pace; with ``once``, a whole minute's share at once."""
    post = app.notices
    if once and isinstance(post.queue, NoticeQueue):
        hurried = replace(post.queue, pace=replace(post.queue.pace, smooth=False))
        post = replace(post, queue=hurried)
    return dispatch(post)


def broadcast_due(app: Application) -> Posted | None:
    """The same; None if no notice is due."""
    with reading(app.collector.engine) as session:
        due = app.notices.queue.any_due(session, app.collector.clock())
    return broadcast(app) if due else None


def digests(config: Config, app: Application) -> int:
    """Puts the due daily summaries into the outbox; returns how many."""
    collector, style = app.collector, notice_bootstrap.style(config)
    hour = config.shape.notices.digest_hour
    return send_digests(
        collector.engine,
        collector.context.letter_context,
        style,
        hour,
        collector.clock(),
        app.stop.is_set,
    )


def call_hooks(config: Config, app: Application) -> HookReport:
    """Sends events to the configured webhooks."""
    return deliver_hooks(app.collector.engine, config, app.collector.clock, app.stop.is_set)

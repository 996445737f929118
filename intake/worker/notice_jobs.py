"""What the worker does about incidents: the clock's steps, debts, broadcasts, summaries, hooks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from intake.config.loader import Config
from intake.incidents.page.files import PageError
from intake.letters import compose
from intake.letters.letter import Reached
from intake.store.engine import Session, reading, writing
from intake.store.incidents import schedule
from intake.store.outbox import put_letter
from intake.worker import notice_bootstrap, page_publisher
from intake.worker.bootstrap import Assembly
from intake.worker.digest_sender import send_digests
from intake.worker.notice_sender import NoticeQueue
from intake.worker.outbox_sender import Posted, dispatch
from intake.worker.webhook_sender import HookReport, deliver_hooks

log = structlog.get_logger("intake.notices")


def tick(config: Config, made: Assembly) -> list[str]:
    """Starts, ends and reminders whose moment has come, and one word to the operator of debts."""
    desk, steps = made.desk, notice_bootstrap.plan(config, made.desk.bench.house)
    habits, terms = notice_bootstrap.habits(config), notice_bootstrap.terms(config)
    now = desk.clock()
    with reading(desk.engine) as session:
        if not schedule.anything(session):
            return []
    with writing(desk.engine) as session:
        taken = schedule.tick(session, now, steps, habits, terms)
        if config.shape.alerts.address:
            _nag(session, config, made, now)
    for line in taken:
        log.info("clock", what=line)
    return taken


def show(config: Config, made: Assembly) -> None:
    """The notifications page as it stands; what goes wrong with it stops nothing else."""
    try:
        if page_publisher.publish(config, made.desk.engine, made.desk.clock()):
            log.info("page-written")
    except PageError as trouble:
        log.error("page-failed", why=str(trouble))


def _nag(session: Session, config: Config, made: Assembly, now: datetime) -> None:
    """One letter to the operator when an update that was promised is overdue."""
    lines = schedule.nags(session, now, said=True)
    if not lines:
        return
    person = Reached("", "operator", config.shape.alerts.address)
    cause = f"{now.isoformat()}"
    letter = compose.to_person(made.desk.bench.house, "nag", person, {"lines": lines}, cause, now)
    put_letter(session, letter, 0, now)


def broadcast(made: Assembly, *, once: bool = False) -> Posted:
    """Notices that are due and that the pace allows; ``once``: a minute's share in one go."""
    post = made.notices
    if once and isinstance(post.queue, NoticeQueue):
        hurried = replace(post.queue, pace=replace(post.queue.pace, smooth=False))
        post = replace(post, queue=hurried)
    return dispatch(post)


def digests(config: Config, made: Assembly) -> int:
    """Summaries of the day that are due, into the outbox; how many."""
    desk, style = made.desk, notice_bootstrap.style(config)
    hour = config.shape.notices.digest_hour
    return send_digests(desk.engine, desk.bench.house, style, hour, desk.clock(), made.stop.is_set)


def call_hooks(config: Config, made: Assembly) -> HookReport:
    """Other programs told what happened."""
    return deliver_hooks(made.desk.engine, config, made.desk.clock, made.stop.is_set)

"""Sends events to webhooks: create the deliveries, claim, post, record.

Every hook has its own thread in a pass, so that a slow program delays only its own events.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from intake.adapters import folder_drop, webhook
from intake.adapters.blob_store import Blobs
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.schema import Webhook
from intake.config.toml_files import ConfigError
from intake.model.departments import FOLDER
from intake.model.events import WITH_PEOPLE, Again, Outcome, Taken
from intake.model.states import DeliveryState
from intake.store import webhooks
from intake.store.engine import Engine, reading, writing
from intake.store.webhooks import Claimed

log = structlog.get_logger("intake.hook_pass")

LEASE_MARGIN_SECONDS = 60  # added to the time limit of a request, as a name server may be slow
AT_ONCE = 8  # hooks at a time
ONE_PASS = 200  # events for one hook; the rest is sent in the next pass


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of a department, as one that listens to events about its cases."""

    department: str
    path: Path
    seconds: int = 60
    give_up_hours: int = 24 * 7

    @property
    def name(self) -> str:
        """Return the name of its deliveries: `intake hooks` lists them under it."""
        return f"{FOLDER}{self.department}"

    def hears(self, kind: str) -> bool:
        """Return whether events of that kind are written there."""
        return kind in WITH_PEOPLE

    def write(self, claimed: Claimed, blobs: Blobs) -> Outcome:
        """Write one event; one about another department's case counts as done."""
        case = claimed.payload.get("case")
        if not isinstance(case, dict) or case.get("department") != self.department:
            return Taken("about another department's case")
        return folder_drop.drop(
            self.path, claimed.webhook_id, claimed.kind, claimed.at, claimed.payload, blobs.read
        )


Listener = Webhook | Folder


def folders(config: Config) -> list[Folder]:
    """The folders into which cases are handed over."""
    return [
        Folder(one.key, config.path(one.folder)) for one in config.shape.department if one.folder
    ]


@dataclass(slots=True)
class HookReport:
    """The result of one pass."""

    sent: int = 0
    retry: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)  # "chat: HTTP 500 …", one for each hook

    @property
    def total(self) -> int:
        """The number of events that were attempted."""
        return self.sent + self.retry + self.failed


def deliver_hooks(
    engine: Engine,
    config: Config,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> HookReport:
    """Sends all due events. Raises StoreError; an HTTP failure is an outcome."""
    own: dict[str, Listener] = {hook.name: hook for hook in config.shape.webhook}
    own |= {one.name: one for one in folders(config)}
    report = HookReport()
    with reading(engine) as session:
        if not webhooks.any_waiting(session, clock()):
            return report
    _fan_out(engine, own, clock, stopped)
    with reading(engine) as session:
        waiting = [own[name] for name in sorted(webhooks.waiting(session, clock())) if name in own]
    if not waiting:
        return report
    with ThreadPoolExecutor(min(len(waiting), AT_ONCE)) as threads:
        for done in threads.map(lambda one: _tell(engine, config, one, clock, stopped), waiting):
            report.sent += done.sent
            report.retry += done.retry
            report.failed += done.failed
            report.failures += done.failures
    return report


def _fan_out(
    engine: Engine,
    own: Mapping[str, Listener],
    clock: Callable[[], datetime],
    stopped: Callable[[], bool],
) -> None:
    listeners = {name: hook.hears for name, hook in own.items()}
    while not stopped():
        with writing(engine) as session:
            count = webhooks.fan_out(session, listeners, clock())
            strays = webhooks.give_up_strays(session, own, clock())
        if strays:
            log.warning("hook-strays-failed", deliveries=strays)
        if count < webhooks.BATCH:
            return


def _tell(
    engine: Engine,
    config: Config,
    hook: Listener,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool],
) -> HookReport:
    """Sends one hook's events in order, until none is due or one was not accepted."""
    report = HookReport()
    give_up = timedelta(hours=hook.give_up_hours)
    while not stopped() and report.total < ONE_PASS:
        with writing(engine) as session:
            claimed = webhooks.claim(
                session, hook.name, clock(), hook.seconds + LEASE_MARGIN_SECONDS
            )
        if claimed is None:
            break
        outcome = _sent(config, hook, claimed, clock())
        with writing(engine) as session:
            spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, not a secret
            state = webhooks.settle(session, claimed, outcome, clock(), give_up, spread)
        say = log.info if isinstance(outcome, Taken) else log.warning
        say(
            "hook-called", hook=hook.name, kind=claimed.kind, number=claimed.event_id,
            attempts=claimed.attempts, state=state or "late", reply=outcome.reply,
        )  # fmt: skip
        name = {"done": "sent", "due": "retry", "failed": "failed"}.get(state)
        if name:
            setattr(report, name, getattr(report, name) + 1)
        if not isinstance(outcome, Taken):
            report.failures = [f"{hook.name}: {outcome.reply}"]
        if state in (DeliveryState.DUE, ""):
            break
    return report


def _sent(config: Config, hook: Listener, claimed: Claimed, now: datetime) -> Outcome:
    if isinstance(hook, Folder):
        return hook.write(claimed, Blobs(config.blob_folder))
    one = webhook.event(claimed.webhook_id, claimed.kind, claimed.at, claimed.payload)
    return send(config, hook, one, now)


def send(config: Config, hook: Webhook, one: webhook.Event, now: datetime) -> Outcome:
    """Sends one event to one program; a missing secret is a reason to try again."""
    try:
        keys = webhook.read_keys(settings.webhook_secret(config, hook))
    except (ConfigError, ValueError) as error:
        return Again(f"not sent: {error}")
    return webhook.post(hook.url, one, keys, now, hook.seconds)

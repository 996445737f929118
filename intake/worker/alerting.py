"""Tells the operator when a part of the service has failed for minutes, and when it works again.

An alert does not go through the outbox, because the database may be what fails. It goes by mail
(through a second relay if one is configured), by webhook and by a command. Each way is tried again
until it takes the alert, for a day at most.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from intake.adapters import heartbeat, webhook
from intake.adapters.heartbeat import Beat
from intake.adapters.smtp import InDoubt, Parcel, Sent
from intake.config.loader import Config
from intake.config.schema import Webhook
from intake.incidents.times import moment, zone_of
from intake.letters import compose
from intake.letters.letter import LetterContext, Occasion, Reached
from intake.model.events import Again
from intake.model.health import Trouble
from intake.worker import bootstrap
from intake.worker.webhook_sender import send

log = structlog.get_logger("intake.alerts")

WELL_MINUTES = 2  # a part must work for this long before it counts as recovered
AGAIN_MINUTES = 60  # between two alerts about a part that keeps failing and recovering
TRY_AGAIN_SECONDS = 60
GIVE_UP = timedelta(hours=24)
COMMAND_SECONDS = 30
FAILING, RECOVERED = "failing", "recovered"


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to the operator: a part of the service fails, or works again."""

    kind: str  # FAILING or RECOVERED
    part: str
    words: str
    since: datetime  # when it began to fail
    at: datetime  # when the alert was decided
    others: tuple[str, ...] = ()  # what else fails, one line each

    @property
    def id(self) -> str:
        """The same for each attempt to deliver this alert."""
        text = f"{self.kind}:{self.part}:{self.at.isoformat()}"
        return f"svc_{hashlib.sha256(text.encode()).hexdigest()[:24]}"


Way = Callable[[Alert], str]  # returns why it was not taken; empty: taken


@dataclass(slots=True)
class _Part:
    """What is known of a part that fails or has just recovered."""

    since: datetime
    words: str
    well_since: datetime | None = None


@dataclass(slots=True)
class _Waiting:
    """An alert and the ways that have not taken it yet."""

    alert: Alert
    ways: dict[str, Way]
    next_at: datetime


@dataclass(slots=True)
class Alerter:
    """Decides about alerts from what fails at each look, and delivers them."""

    ways: Mapping[str, Way]
    after: timedelta
    told: dict[str, str] = field(default_factory=dict)  # part -> when its alert was taken
    _parts: dict[str, _Part] = field(default_factory=dict)
    _waiting: list[_Waiting] = field(default_factory=list)
    _last: dict[str, datetime] = field(default_factory=dict)  # part -> its newest alert

    def look(self, found: Sequence[Trouble], now: datetime) -> None:
        """Compares what fails now with what failed before, and tells what is new."""
        if not self.ways:
            return
        failing = {one.part: one for one in found}
        for part, trouble in failing.items():
            known = self._parts.setdefault(part, _Part(trouble.since or now, trouble.words))
            known.words, known.well_since = trouble.words, None
        for part in [*self._parts]:
            self._decide(part, failing, now)
        self.deliver(now)

    def _decide(self, part: str, failing: Mapping[str, Trouble], now: datetime) -> None:
        known = self._parts[part]
        if part in failing:
            if part not in self.told and now - known.since >= self.after and self._may(part, now):
                others = tuple(str(one) for name, one in failing.items() if name != part)
                self._tell(Alert(FAILING, part, known.words, known.since, now, others), now)
            return
        known.well_since = known.well_since or now
        if part not in self.told:
            del self._parts[part]
        elif now - known.well_since >= timedelta(minutes=WELL_MINUTES):
            others = tuple(map(str, failing.values()))
            self._tell(Alert(RECOVERED, part, known.words, known.since, now, others), now)
            del self._parts[part], self.told[part]

    def _may(self, part: str, now: datetime) -> bool:
        last = self._last.get(part)
        return last is None or now - last >= timedelta(minutes=AGAIN_MINUTES)

    def returned(self, before: Beat | None, now: datetime) -> None:
        """Tells that the worker runs again, if the one before ended without being stopped."""
        if before is None:
            return
        for part, at in before.told.items():
            self.told[part] = at
            since = before.outages.get(part, (at, ""))[0]
            self._parts[part] = _Part(datetime.fromisoformat(since), "")
        if before.stuck:
            names = ", ".join(before.stuck)
            words = f"a job hung ({names}); the worker restarted itself and runs again"
            self._tell(
                Alert(RECOVERED, "worker", words, datetime.fromisoformat(before.at), now), now
            )
        silent = heartbeat.seconds_since(before, now)
        if before.stopped or before.command != heartbeat.RUN or silent < heartbeat.SILENT_SECONDS:
            return
        last = datetime.fromisoformat(before.at)
        words = f"the worker had not been heard of for {silent / 60:.0f} minutes; it runs again"
        self._tell(Alert(RECOVERED, "worker", words, last, now), now)

    def _tell(self, alert: Alert, now: datetime) -> None:
        log.warning(f"service-{alert.kind}", part=alert.part, why=alert.words)
        self._last[alert.part] = now if alert.kind == FAILING else self._last.get(alert.part, now)
        if alert.kind == FAILING:
            self.told[alert.part] = now.isoformat(timespec="seconds")
        if self.ways:
            self._waiting.append(_Waiting(alert, dict(self.ways), now))

    def delivered(self) -> dict[str, str]:
        """Part -> when its alert was decided, of those that were taken or given up."""
        waiting = {one.alert.part for one in self._waiting}
        return {part: at for part, at in self.told.items() if part not in waiting}

    def deliver(self, now: datetime) -> None:
        """Tries the ways that have not taken their alert yet."""
        for one in [*self._waiting]:
            if one.next_at > now:
                continue
            for name, way in [*one.ways.items()]:
                why = way(one.alert)
                if not why:
                    del one.ways[name]
                    log.info("alerted", way=name, kind=one.alert.kind, part=one.alert.part)
                else:
                    log.error("alert-failed", way=name, part=one.alert.part, why=why)
            one.next_at = now + timedelta(seconds=TRY_AGAIN_SECONDS)
            if not one.ways or now - one.alert.at > GIVE_UP:
                self._waiting.remove(one)


def alerter(config: Config, letter_context: LetterContext) -> Alerter:
    """The alerter with the configured ways."""
    alerts, ways = config.shape.alerts, dict[str, Way]()
    if alerts.address:
        ways["mail"] = partial(by_mail, config, letter_context)
    for hook in config.shape.webhook:
        if hook.hears(f"service.{FAILING}"):
            ways[f"webhook {hook.name}"] = partial(by_webhook, config, hook)
    if alerts.command:
        ways["command"] = partial(by_command, alerts.command)
    return Alerter(ways, timedelta(minutes=alerts.after_minutes))


def by_mail(config: Config, letter_context: LetterContext, alert: Alert) -> str:
    """Sends the alert as a mail, directly; returns why it was not taken."""
    since = moment(alert.since, zone_of(config.service.timezone))
    values = {
        "kind": alert.kind, "part": alert.part, "words": alert.words, "others": alert.others,
        "since": since,
    }  # fmt: skip
    person = Reached("", "operator", config.shape.alerts.address)
    occasion = Occasion("service_alert", alert.id, values)
    letter = compose.to_person(letter_context, person, occasion, alert.at)
    lane = bootstrap.alert_lane(config)
    try:
        sender = config.delivery.bounce_address or config.service.address
        outcome = lane.prepare(Parcel(sender, letter.recipient, letter.raw)) or lane.finish()
    finally:
        lane.close()
    return "" if isinstance(outcome, Sent | InDoubt) else outcome.reply


def by_webhook(config: Config, hook: Webhook, alert: Alert) -> str:
    """Posts the alert to a program, with the same id at each attempt."""
    one = webhook.event(alert.id, f"service.{alert.kind}", alert.at, payload(alert))
    outcome = send(config, hook, one, alert.at)
    return outcome.reply if isinstance(outcome, Again) else ""


def payload(alert: Alert) -> dict[str, object]:
    """The data of the event, and of the command's standard input."""
    return {
        "part": alert.part,
        "words": alert.words,
        "since": f"{alert.since:%Y-%m-%dT%H:%M:%SZ}",
        "others": list(alert.others),
    }


def by_command(command: str, alert: Alert) -> str:
    """Runs the operator's command with the alert in its environment and as JSON on its input."""
    data = {"type": f"service.{alert.kind}", **payload(alert)}
    named = {
        "INTAKE_ALERT": alert.kind, "INTAKE_ALERT_PART": alert.part,
        "INTAKE_ALERT_WORDS": alert.words,
    }  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, split without a shell
            shlex.split(command), input=json.dumps(data).encode(), capture_output=True,
            timeout=COMMAND_SECONDS, check=False, env={**os.environ, **named},
        )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    said = done.stderr.decode("utf-8", "replace").strip()[:200]
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {said}".rstrip(": ")

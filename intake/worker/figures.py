"""The service's figures for Prometheus: what they are called and where they come from."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from intake import __version__
from intake.adapters import heartbeat
from intake.config.loader import Config
from intake.model.health import Trouble
from intake.store import figures
from intake.store.engine import Engine, Session, StoreError, reading
from intake.store.handover import times
from intake.store.handover.served import rank, served
from intake.worker import health
from intake.worker.counter import Counter, NoCounter
from intake.worker.departments import departments

if TYPE_CHECKING:
    from intake.adapters.metrics import Figure, Meter

log = structlog.get_logger("intake.metrics")


@dataclass(slots=True)
class Live:
    """What only the running process knows."""

    backlog: dict[str, int] = field(default_factory=dict)  # mailbox -> mails listed and not done
    restarts: Callable[[], int] = lambda: 0  # reader processes that had to be replaced


class Figures:
    """The configured outputs; without any, nothing is counted and nothing imported."""

    def __init__(self, config: Config, engine: Engine, live: Live) -> None:
        self._config = config
        self._meter: Meter | None = None
        given = config.shape.metrics
        self.counter: Counter = NoCounter()
        if given.listen or given.textfile:
            self._meter = meter(config, engine, live)
            self.counter = self._meter

    @contextmanager
    def served(self, troubles: Callable[[], Sequence[Trouble]]) -> Iterator[None]:
        """Serves the figures while the worker runs; a port in use is logged and stops nothing."""
        listen = self._config.shape.metrics.listen
        if self._meter is None or not listen:
            yield
            return
        from intake.adapters.metrics import MetricsError  # noqa: PLC0415 - only where it is used

        try:
            serving = self._meter.served(listen, lambda: health.in_words(troubles()))
            serving.__enter__()
        except MetricsError as error:
            log.error("metrics-failed", why=str(error))
            yield
            return
        try:
            yield
        finally:
            serving.__exit__(None, None, None)

    def write_file(self) -> None:
        """Rewrites the configured file; a failure is logged and stops nothing."""
        path = self._config.shape.metrics.textfile
        if self._meter is None or not path:
            return
        from intake.adapters.metrics import MetricsError  # noqa: PLC0415 - only where it is used

        try:
            self._meter.write(self._config.path(path))
        except MetricsError as error:
            log.error("metrics-failed", why=str(error))


def meter(config: Config, engine: Engine, live: Live | None = None) -> Meter:
    """A meter that asks the heartbeat and the database at each scrape."""
    from intake.adapters.metrics import Meter as Made  # noqa: PLC0415 - only where it is used

    return Made(lambda: current(config, engine, live or Live(), datetime.now(UTC)))


def current(config: Config, engine: Engine, live: Live, now: datetime) -> list[Figure]:
    """All figures that are asked for; those of the database are missing while it fails."""
    from intake.adapters.metrics import Figure  # noqa: PLC0415 - only where it is used

    beat = heartbeat.read(config.state_folder)
    found = [
        Figure("intake_info", "The running version.", {(__version__,): 1}, ("version",)),
        Figure(
            "intake_mailbox_backlog", "Mails that were listed and are not handled yet.",
            _labelled(live.backlog), ("mailbox",),
        ),
        Figure(
            "intake_reader_restarts", "Reader processes that were replaced.",
            {(): live.restarts()}, grows=True,
        ),
    ]  # fmt: skip
    if beat is not None:
        at = datetime.fromisoformat(beat.at).timestamp()
        found.append(Figure("intake_heartbeat_timestamp_seconds", "The last heartbeat.", {(): at}))
    troubles = health.local_troubles(config, beat, now)
    try:
        with reading(engine) as session:
            found += _counted(figures.counts(session, now), now)
            if beat is not None:
                troubles += health.stored_in(session, config, beat, now)
            found += _served(session, config, now)
        failing = 0
    except StoreError as error:
        troubles.append(Trouble("database", str(error)))
        failing = 1
    found.append(Figure("intake_database_failing", "1: it cannot be read.", {(): failing}))
    parts = _labelled({one.part: 1.0 for one in health.one_each(troubles)})
    found.append(Figure("intake_trouble", "1 for each part that fails.", parts, ("part",)))
    return found


def _labelled(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): value for name, value in values.items()}


def _served(session: Session, config: Config, now: datetime) -> list[Figure]:
    """How soon departments answer, of the cases of 30 days; nothing without departments."""
    from intake.adapters.metrics import Figure  # noqa: PLC0415 - only where it is used

    places = departments(config)
    if not places:
        return []
    parts = served(session, places, now - health.SERVED_FOR)
    late = Counted(one.department for one in times.late(session, places, now))
    labels, made = ("department", "type", "quantile"), list[Figure]()
    for name, words, values in (
        ("first_answer", "until staff first answered", {id(one): one.answers for one in parts}),
        ("resolution", "until the case was over", {id(one): one.resolutions for one in parts}),
    ):
        shown: dict[tuple[str, ...], float] = {
            (one.department, one.type, str(share)): value
            for one in parts
            for share in (0.5, 0.9)
            if (value := rank(values[id(one)], share)) is not None
        }
        made.append(Figure(f"intake_case_{name}_hours", f"Working hours {words}.", shown, labels))
    numbers = _labelled({key: late[key] for key in places})
    return [*made, Figure("intake_cases_late", "Cases that are late.", numbers, ("department",))]


def _counted(found: figures.Counts, now: datetime) -> list[Figure]:
    from intake.adapters.metrics import Figure  # noqa: PLC0415 - only where it is used

    checked = {name: at.timestamp() for name, at in found.checked.items()}
    rows: tuple[tuple[str, str, Mapping[str, float], str], ...] = (
        ("messages", "Mails in the database.", found.messages, "status"),
        ("messages_held", "Mails that wait for an operator.", found.held, "rule"),
        ("cases", "Cases.", found.cases, "status"),
        ("letters", "Letters: answers to contacts.", found.letters, "state"),
        ("notices", "Notices about incidents.", found.notices, "state"),
        ("webhook_deliveries", "Events for webhooks.", found.deliveries, "state"),
        ("mailbox_checked_timestamp_seconds", "The last good pass.", checked, "mailbox"),
        ("mailbox_failing", "1: its last pass failed.", found.failing, "mailbox"),
    )
    made = [
        Figure(f"intake_{name}", words, _labelled(values), (label,))
        for name, words, values, label in rows
    ]
    for name, words, since in (
        ("letters", "How long the oldest letter has been due.", found.oldest_letter),
        ("notices", "How long the oldest notice has been due.", found.oldest_notice),
    ):
        age = max((now - since).total_seconds(), 0.0) if since else 0.0
        made.append(Figure(f"intake_{name}_oldest_due_seconds", words, {(): age}))
    return made

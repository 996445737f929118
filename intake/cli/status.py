"""``intake status`` and ``intake metrics``: whether the service works, and its figures."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli import probe
from intake.cli.layout import pairs, table
from intake.cli.screen import (
    ConfigOption,
    JsonOption,
    configured_file,
    load,
    plainly,
    show_json,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.adapters.heartbeat import Beat
    from intake.store.handover.served import Served
    from intake.store.reports import Status
    from intake.worker.health import Health


RANKS = (("median", 0.5), ("90_percent", 0.9))


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(status)
    app.command()(metrics)


def status(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="For probes: print only what fails, read from the heartbeat, and leave out what "
            "waits for a person.",
        ),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show whether the service works, and what waits for a person.

    Exit code 1 when a part of it fails or something waits: the worker is silent or a job is stuck,
    a mailbox, the relay, the database or a webhook fails, letters are late, a disk is full, mails
    are held. With --quiet, only when a part of it fails.
    """
    if quiet:
        raise typer.Exit(probe.look(configured_file(config)))
    from intake.worker import health

    setup = load(config)
    with plainly():
        found = health.look(setup, datetime.now(UTC))
    if as_json:
        show_json(_as_json(found))
    else:
        _show(found, setup.service.timezone)
    raise typer.Exit(0 if found.is_well else 1)


def _as_json(found: Health) -> dict[str, object]:
    from intake.store.handover.served import rank

    return {
        "status": found.status,
        "waiting": found.status.waiting if found.status else None,
        "failing": found.status.failing if found.status else [],
        "tasks": found.tasks,
        "heartbeat_seconds": found.beat_seconds,
        "troubles": [str(one) for one in found.troubles],
        "parts": {
            one.part: {"words": one.words, "since": one.since} for one in found.troubles
        },
        "well": found.is_well,
        "departments": [
            {
                "department": one.department, "type": one.type, "cases": one.cases,
                "waiting": one.waiting, "answered": len(one.answers),
                "resolved": len(one.resolutions),
                **{f"first_answer_hours_{name}": rank(one.answers, share) for name, share in RANKS},
                **{f"resolution_hours_{name}": rank(one.resolutions, share)
                   for name, share in RANKS},
            }
            for one in found.served
        ],
    }  # fmt: skip


def _show(found: Health, zone: str) -> None:
    pairs(_in_words(found.status, _worker(found.beat, found.beat_seconds), zone))
    for one in found.troubles:
        since = f" (since {when(one.since, zone)})" if one.since else ""
        pairs({"fails": f"{one}{since}"}, wide=9)
    for task in found.tasks:
        pairs({"to do": task}, wide=9)
    if found.status is not None and found.status.mailboxes:
        rows = [
            (box["name"], *(when(box[key], zone) for key in ("checked_at", "failing_since")),
             box["failure"])
            for box in found.status.mailboxes
        ]  # fmt: skip
        table("mailboxes", ("name", "last good pass", "failing since", "why"), rows)
    if found.served:
        _departments(found.served)


def _departments(found: Sequence[Served]) -> None:
    """How soon each department answers, for cases of the last 30 days."""
    from intake.store.handover.served import rank, together

    def hours(values: Sequence[float]) -> str:
        median, most = (rank(values, share) for _, share in RANKS)
        return "-" if median is None or most is None else f"{median:.1f} / {most:.1f} h"

    rows = [
        (one.department, str(one.cases), str(one.waiting), hours(one.answers),
         hours(one.resolutions))
        for one in together(found)
    ]  # fmt: skip
    title = "departments: cases of 30 days; working hours, median / 90 %"
    table(title, ("department", "cases", "waiting", "first answer", "resolved"), rows)


def _in_words(found: Status | None, worker: str, zone: str) -> dict[str, str]:
    """The service in numbers, one line each; three of the lines appear only if not empty."""
    if found is None:
        return {"worker": worker}
    oldest = f", the oldest since {when(found.oldest_held, zone)}" if found.oldest_held else ""
    told = {
        "worker": worker,
        "mails": _counts(found.messages),
        "waiting": f"{found.waiting} for a person{oldest}",
        "cases": _counts(found.cases) + (f"; {found.flagged} flagged" if found.flagged else ""),
        "letters": _counts(found.letters),
    }
    if found.hooks:
        told["events"] = _counts(found.hooks)
    if found.unreachable:
        told["unreachable"] = f"{found.unreachable} authorized contacts; `intake contacts list`"
    if found.not_handed_over:
        told["not given"] = f"{found.not_handed_over} mails that the server lists and keeps back"
    return told


def _worker(beat: Beat | None, age: float | None) -> str:
    if beat is None:
        return "no heartbeat"
    ahead = age is not None and age < 0
    told = f"{abs(age or 0.0):.0f} s " + ("ahead: the clock was set" if ahead else "ago")
    what = "last pass of `intake once`" if beat.command == "once" else "last heartbeat"
    return f"{what} {told}" + (", stopped as asked" if beat.stopped else "")


def _counts(values: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(values.items())) or "none"


def metrics(config: ConfigOption = None) -> None:
    """Print the figures for Prometheus.

    They are those of the database and the heartbeat.

    What only the running worker counts is at `metrics.listen` and in `metrics.textfile`.
    """
    from intake.store.engine import open_engine
    from intake.store.migrate import check
    from intake.worker import figures

    setup = load(config)
    with plainly():
        engine = open_engine(setup.database_url, read_only=True)
        try:
            check(engine)
            sys.stdout.write(figures.meter(setup, engine).text().decode())
        finally:
            engine.dispose()

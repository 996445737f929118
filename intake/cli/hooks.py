"""``intake hooks``: the programs that receive events about incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import fact, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    database,
    load,
    show_json,
    when,
)
from intake.model.events import Taken
from intake.model.states import DeliveryState

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.config.schema import Webhook

app = typer.Typer(
    help="Programs that receive events about incidents (webhooks).", no_args_is_help=True
)
Which = Annotated[
    str, typer.Argument(help="A delivery's number, or a hook's name for all its deliveries.")
]


@app.command("list")
def list_(
    state: Annotated[
        DeliveryState | None, typer.Option(help="Only deliveries in this state.")
    ] = None,
    hook: Annotated[str, typer.Option(help="Only deliveries of this hook.")] = "",
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the hooks and their deliveries: done, waiting and failed."""
    from urllib.parse import urlsplit

    from intake.store import webhooks

    found = load(config)
    with database(config) as session:
        counts = webhooks.counts(session)
        rows = webhooks.listed(session, hook=hook, state=state or "", limit=limit)
    known = {one.name: one for one in found.shape.webhook}
    shown = [
        {
            "hook": name,
            "host": urlsplit(known[name].url).hostname if name in known else None,
            "events": list(known[name].events) if name in known else [],
            "configured": name in known,
            "deliveries": counts.get(name, {}),
        }
        for name in sorted({*known, *counts})
        if hook in ("", name)
    ]
    if as_json:
        show_json({"hooks": shown, "deliveries": rows})
        return
    if not shown:
        say("no webhooks; [[webhook]] in the configuration names them")
        return
    for one in shown:
        own = counts.get(str(one["hook"]), {})
        totals = ", ".join(f"{count} {name}" for name, count in own.items())
        where = one["host"] or "not configured any more"
        say(f"{one['hook']} ({where}): {totals or 'nothing yet'}")
    zone = found.service.timezone
    cells = [
        (row["id"], row["hook"], row["kind"], when(row["at"], zone), row["state"], row["attempts"],
         row["reply"])
        for row in rows
    ]  # fmt: skip
    if cells:
        heads = ("id", "hook", "event", "happened", "state", "tries", "answer")
        table("deliveries", heads, cells)


@app.command()
@reported
def retry(which: Which, config: ConfigOption = None) -> None:
    """Send failed or dropped events again, and waiting ones at once."""
    from intake.store import webhooks

    with database(config, write=True) as session:
        count = webhooks.retry(session, which, datetime.now(UTC))
    if not count:
        raise Abort(f"{which}: nothing failed or waits; `intake hooks list` shows all")
    fact(hook=which, deliveries=count)
    say(f"{which}: {count} due")


@app.command()
@reported
def drop(which: Which, config: ConfigOption = None) -> None:
    """Drop failed and waiting events; the program does not get them."""
    from intake.store import webhooks

    with database(config, write=True) as session:
        count = webhooks.drop(session, which, datetime.now(UTC))
    if not count:
        raise Abort(f"{which}: nothing failed or waits; `intake hooks list` shows all")
    fact(hook=which, deliveries=count)
    say(f"{which}: {count} dropped")


@app.command("test")
def try_(
    name: Annotated[str, typer.Argument(help="The hook's name in the configuration.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send one event of the kind webhook.test now and show the result.

    Nothing is recorded.
    """
    from intake.adapters import webhook
    from intake.worker import webhook_sender

    found, now = load(config), datetime.now(UTC)
    hook = _hook(found, name)
    one = webhook.event(
        f"test_{int(now.timestamp() * 1000)}", "webhook.test", now, {"service": found.service.name}
    )
    outcome = webhook_sender.send(found, hook, one, now)
    taken = isinstance(outcome, Taken)
    if as_json:
        show_json({"hook": name, "webhook_id": one.id, "taken": taken, "reply": outcome.reply})
    else:
        say(f"{name}: {'taken' if taken else 'not taken'}, {outcome.reply}")
    raise typer.Exit(0 if taken else 1)


def _hook(config: Config, name: str) -> Webhook:
    for hook in config.shape.webhook:
        if hook.name == name:
            return hook
    names = ", ".join(hook.name for hook in config.shape.webhook) or "none"
    raise Abort(f"there is no webhook {name!r}; the configuration has {names}")

"""``intake incidents list`` and ``show``: what is open, and one incident as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.incident_cases import Id
from intake.cli.layout import pairs, safe, say, table, wrap
from intake.cli.screen import ConfigOption, JsonOption, database, load, show_json, when

if TYPE_CHECKING:
    from intake.store.sql import Row


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("list")(list_)
    app.command()(show)


def list_(
    everything: Annotated[bool, typer.Option("--all", help="Include the closed ones.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List open incidents and maintenances, the newest first."""
    from intake.store.incidents import write

    with database(config) as session:
        rows = write.listed(session, everything=everything)
    if as_json:
        show_json(rows)
    elif not rows:
        say("nothing is open")
    else:
        shown = [
            (row["id"], row["kind"], row["status"], row["letters"], str(row["cases"]), row["title"])
            for row in rows
        ]
        table("incidents", ("id", "kind", "status", "letters", "cases", "title"), shown)


def show(
    incident_id: Id,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one incident with its updates, letters and history.

    Also shows its cases by account.
    """
    from intake.store.incidents import write

    with database(config) as session:
        row = write.shown(session, incident_id.upper())
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    say(f"{row['id']} {row['kind']}: {safe(row['title'])}")
    pairs(_facts(row, zone))
    for one in row["updates"]:
        kind = "" if one["kind"] == "update" else f" {one['kind']}"
        letters = ", ".join(f"{count} {state}" for state, count in one["letters"].items())
        say(f"\n{one['number']}. {when(one['at'], zone)}{kind} {one['status']} ({one['who']})")
        say(f"   letters: {one['send_state']}{f' ({letters})' if letters else ''}")
        wrap(safe(one["text"].rstrip(), lines=True))
    say("\ncases")
    for account, numbers in row["cases"].items():
        say(f"  {account}: {len(numbers)} ({', '.join(numbers[:10])})")
    if not row["cases"]:
        say("  none")
    if row["history"]:
        say("\nhistory")
    for one in row["history"]:
        detail = ", ".join(f"{name} {value}" for name, value in one["detail"].items() if value)
        wrap(f"  {when(one['at'], zone)} {one['kind']} by {one['who']}: {safe(detail)[:200]}")


def _facts(row: Row, zone: str) -> dict[str, str]:
    """What stands above the updates; nothing that is empty."""
    named = {
        "status": f"{row['status']} (class {row['notice_class']})", "impact": row["impact"],
        "modules": ", ".join(row["modules"]), "areas": ", ".join(row["areas"]),
        "accounts": ", ".join(row["accounts"]), "begins": when(row["starts_at"], zone),
        "ends": when(row["ends_at"], zone), "next update": when(row["next_update_at"], zone),
        "late because": row["short_notice"], "clock": "held back" if row["held_back"] else "",
        "page": "" if row["public"] else "not shown",
    }  # fmt: skip
    return {name: value for name, value in named.items() if value}

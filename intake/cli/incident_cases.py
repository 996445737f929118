"""``intake incidents link`` and ``unlink``: cases that were opened before their incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import fact, safe, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    ConfigOption,
    JsonOption,
    database,
    load,
    plainly,
    show_json,
    when,
    who,
)
from intake.model.authorship import By

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.incidents.link_cases import Candidate

Id = Annotated[
    str, typer.Argument(help="The id of the incident or maintenance, such as INC-1.", metavar="ID")
]

OFFERED_HOURS = 24  # before now: older cases are linked by their number


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(link)
    app.command()(reported(unlink))


def link(
    incident_id: Id,
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CASE]...", help="The cases; without any, those that look like it."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Link them; without it they are only shown.")
    ] = False,
    hours: Annotated[
        int, typer.Option(min=1, max=8760, help="How many hours back to look for cases.")
    ] = OFFERED_HOURS,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show earlier cases like this incident; --yes links them.

    With case numbers, only these cases. Each contact with a linked case gets one letter, in the
    thread of the case, about what is known.
    """
    from intake.store.incidents import link_cases
    from intake.worker import bootstrap

    found, made = load(config), incident_id.upper()
    named = [one.upper() for one in numbers or ()]
    with plainly():
        context = bootstrap.judgement_context(found)
    with database(config, write=True) as session:
        shown = () if named else candidates(found, made, hours, config)
        chosen = named or [one.number for one in shown]
        told = (
            link_cases.link(
                session, made, chosen, By(who(), datetime.now(UTC)), context.letter_context,
                approved=context.policy.only_approved,
            )
            if yes and chosen
            else ()
        )  # fmt: skip
    if as_json:
        show_json({"incident": made, "cases": shown or chosen, "tied": yes, "told": told})
        return
    if shown:
        rows = [
            (one.number, when(one.received_at, found.service.timezone), one.account_id, one.why,
             safe(one.subject)) for one in shown
        ]  # fmt: skip
        table(
            f"cases that look like {made}", ("case", "received", "account", "why", "subject"), rows
        )
    if not chosen:
        say(f"no case of the last {hours} hours looks like {made}")
    elif not yes:
        say("nothing was changed; --yes ties them and tells whoever filed them")
    else:
        say(f"{', '.join(chosen)}: about {made} now; {len(told)} people are told")


def unlink(
    number: Annotated[str, typer.Argument(help="The case.", metavar="CASE")],
    config: ConfigOption = None,
) -> None:
    """Remove a case from its incident; no letter is sent."""
    from intake.store.incidents import link_cases

    with database(config, write=True) as session:
        before = link_cases.unlink(session, number.upper(), who(), datetime.now(UTC))
    fact(case=number.upper(), incident=before)
    say(f"{number.upper()} is no longer about {before}")


def candidates(
    config: Config, incident_id: str, hours: int, file: str | None
) -> tuple[Candidate, ...]:
    """The cases of the last ``hours`` hours that look like the incident."""
    from intake.config.loader import load_catalogue
    from intake.store.incidents import link_cases

    since = datetime.now(UTC) - timedelta(hours=hours)
    outages = [one.name for one in load_catalogue(config).types.values() if one.opens_at_once]
    with database(file) as session:
        return link_cases.candidates(session, incident_id, since, outages)


def offer(config: Config, incident_id: str, file: str | None) -> None:
    """Prints one line if recent cases look like an incident that was just opened."""
    found = candidates(config, incident_id, OFFERED_HOURS, file)
    if found:
        many = "1 case looks" if len(found) == 1 else f"{len(found)} cases look"
        say(f"{many} like it already: `intake incidents link {incident_id}` shows and ties them")

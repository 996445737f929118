"""``intake cases answer, ask, act``: what a staff member does by mail, on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from intake.cli.layout import say
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    database,
    load,
    plainly,
    show_json,
)

Number = Annotated[str, typer.Argument(metavar="CASE-1001", help="The case's number.")]
As = Annotated[
    str, typer.Option("--as", metavar="STAFF", help="The id of the staff member who does it.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module to `intake cases`."""
    for command in (answer, ask, act):
        app.command()(command)


def answer(
    number: Number,
    text: Annotated[str, typer.Argument(help="The words that go to the contact.")],
    staff: As,
    close: Annotated[bool, typer.Option("--close", help="Close the case with it.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Answer the contact of a case, and everybody who takes part in it."""
    _act(number, f"#close\n{text}" if close else f"\n{text}", staff, config, as_json=as_json)


def ask(
    number: Number,
    what: Annotated[str, typer.Argument(help="Fields, such as 'module, steps', or a question.")],
    staff: As,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Ask the contact of a case for fields, or a question in your own words."""
    _act(number, f"#ask {what}", staff, config, as_json=as_json)


def act(
    number: Number,
    text: Annotated[
        str, typer.Argument(help="Commands, each on its line, and words for the contact below.")
    ],
    staff: As,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Do what a staff mail with this text would do: "#assign me", "#merge CASE-1002" …"""
    _act(number, text, staff, config, as_json=as_json)


def _act(number: str, text: str, staff: str, config: str | None, *, as_json: bool) -> None:
    from intake.store.contacts.directory import PeopleError
    from intake.worker import bootstrap, staff_actions

    with plainly():
        context = bootstrap.judgement_context(load(config))
    with database(config, write=True) as session, plainly():
        try:
            done = staff_actions.act(
                session, context, number.upper(), staff, text, datetime.now(UTC)
            )
        except PeopleError as error:
            raise Abort(str(error)) from None
    if done.refused:
        raise Abort("\n".join(("nothing was done:", *done.refused)))
    if done.held:
        raise Abort(
            f"kept back, because {done.held}\nIs it right? `intake cases act {number.upper()}"
            f" '#send' --as {staff}`"
        )
    if as_json:
        show_json({"case": number.upper(), "done": done.reasons, "told": done.told})
        return
    say(f"{number.upper()}: {'; '.join(done.reasons)}")
    if done.told:
        say(f"told {', '.join(dict.fromkeys(done.told))}")

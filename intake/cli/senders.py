"""``intake contacts set | accept | suspended``: exceptions for senders, addresses kept silent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from intake.cli.screen import Abort, ConfigOption, JsonOption, database, say, show_json, table, who

Choice = bool | None


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("set")(set_)
    app.command()(accept)
    app.command()(suspended)


def set_(
    contact_id: str,
    automated: Annotated[
        Choice, typer.Option(help="Mail that a program writes in this name files cases.")
    ] = None,
    acknowledgements: Annotated[Choice, typer.Option(help="Answered with a letter.")] = None,
    unproved: Annotated[
        Choice,
        typer.Option(help="Answers to our letters count though nothing proves the sender."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Make an exception for one contact, or take it back."""
    from intake.store.contacts import suppressions

    given = {
        "allow_automated": automated, "wants_acknowledgements": acknowledgements,
        "accept_unproved": unproved,
    }  # fmt: skip
    choices = {name: value for name, value in given.items() if value is not None}
    if not choices:
        raise Abort("contacts set: found no choice, wanted one; --help shows them", 2)
    with database(config, write=True) as session:
        suppressions.set_choices(session, contact_id, choices, datetime.now(UTC))
    for name, value in choices.items():
        say(f"{contact_id}: {name} is {'on' if value else 'off'}")


def accept(
    domain: Annotated[str, typer.Argument(help="A domain; without it all are shown.")] = "",
    why: Annotated[str, typer.Option(help="Kept with it.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Take it back.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let contacts of a domain that proves nothing answer our letters of the last 30 days."""
    from intake.mail.addresses import Address, read_address
    from intake.store.contacts import suppressions

    read = read_address(f"x@{domain}") if domain else None
    if domain and not isinstance(read, Address):
        raise Abort(f"contacts accept: found {domain!r}, wanted a domain such as school.example", 2)
    with database(config, write=bool(domain)) as session:
        if isinstance(read, Address) and off:
            gone = suppressions.refuse_domain(session, read.domain)
            say(f"{read.domain}: {'taken back' if gone else 'was not accepted'}")
        elif isinstance(read, Address):
            suppressions.accept_domain(session, read.domain, who(), why, datetime.now(UTC))
            say(f"{read.domain}: answers of its contacts count though nothing proves them")
        else:
            found = suppressions.accepted_domains(session)
            if as_json:
                show_json(found)
            elif not found:
                say("no domain is accepted without proof")
            else:
                rows = [(one["domain"], one["since"][:16], one["who"], one["why"]) for one in found]
                table("accepted domains", ("domain", "since", "by", "why"), rows)


def suspended(
    lift: Annotated[str, typer.Option(help="An address that gets letters again.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Addresses that get fewer letters for now: their mail bounced, or ran in a loop with ours."""
    from intake.mail.addresses import ascii_lower
    from intake.store.contacts import suppressions

    now = datetime.now(UTC)
    with database(config, write=bool(lift)) as session:
        if lift:
            if not suppressions.lift(session, ascii_lower(lift), who(), now):
                raise Abort(f"{lift}: nothing keeps letters from it")
            say(f"{lift}: gets letters again")
            return
        found = suppressions.suspended(session, now)
    if as_json:
        show_json(found)
    elif not found:
        say("no address is suspended")
    else:
        rows = [(one["address"], one["since"][:16], one["until"][:16], one["reason"])
                for one in found]  # fmt: skip
        table("suspended", ("address", "since", "until", "why"), rows)

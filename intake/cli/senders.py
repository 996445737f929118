"""``intake contacts set | accept | suspended``: exceptions for senders; suspended addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from intake.cli.layout import fact, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    database,
    load,
    show_json,
    when,
    who,
)

Choice = bool | None


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("set")(reported(set_))
    app.command()(accept)
    app.command()(suspended)


def set_(
    contact_id: str,
    automated: Annotated[
        Choice, typer.Option(help="Accept mail that a program sends in the contact's name.")
    ] = None,
    acknowledgements: Annotated[
        Choice, typer.Option(help="Send acknowledgements to this contact.")
    ] = None,
    unproved: Annotated[
        Choice,
        typer.Option(help="Accept replies to our letters without proof of the sender."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="The language of letters to the contact; '' for no choice.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Make an exception for one contact, or revoke it."""
    from intake.store.contacts import suppressions

    known = load(config).service.languages
    if language and language not in known:
        wanted = ", ".join(known)
        raise Abort(f"contacts set: found the language {language!r}, wanted one of {wanted}", 2)
    given = {
        "allow_automated": automated, "wants_acknowledgements": acknowledgements,
        "accept_unproved": unproved,
    }  # fmt: skip
    choices: dict[str, bool | str] = {
        name: value for name, value in given.items() if value is not None
    }
    if language is not None:
        choices["language"] = language
    if not choices:
        raise Abort("contacts set: found no choice, wanted one; --help shows them", 2)
    with database(config, write=True) as session:
        suppressions.set_choices(session, contact_id, choices, datetime.now(UTC))
    fact(contact=contact_id, **choices)
    for name, value in choices.items():
        shown = (value or "no choice") if name == "language" else ("on" if value else "off")
        say(f"{contact_id}: {name} is {shown}")


def accept(
    domain: Annotated[
        str, typer.Argument(help="A domain; without it all accepted domains are listed.")
    ] = "",
    why: Annotated[str, typer.Option(help="The reason, kept with the domain.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Revoke it.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Accept unproved replies from the contacts of a domain.

    This applies to replies to letters that we sent in the last 30 days.
    """
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
                zone = load(config).service.timezone
                rows = [(one["domain"], when(one["since"], zone), one["who"], one["why"])
                        for one in found]  # fmt: skip
                table("accepted domains", ("domain", "since", "by", "why"), rows)


def suspended(
    lift: Annotated[str, typer.Option(help="Send letters to this address again.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the addresses that get fewer letters for now.

    Their mail bounced, or they and we were replying to each other in a loop.
    """
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
        zone = load(config).service.timezone
        rows = [(one["address"], when(one["since"], zone), when(one["until"], zone), one["reason"])
                for one in found]  # fmt: skip
        table("suspended", ("address", "since", "until", "why"), rows)

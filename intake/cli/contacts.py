"""``intake contacts``: the registered people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli import contact_files, senders
from intake.cli.layout import fact, pairs, safe, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    database,
    load,
    plainly,
    show_json,
    when,
    who,
)
from intake.model.accounts import Preference
from intake.model.authorship import By

if TYPE_CHECKING:
    from intake.letters.letter import Letter
    from intake.store.contacts.change_request import ContactChange
    from intake.store.contacts.directory import ContactView

app = typer.Typer(help="The registered contacts.", no_args_is_help=True)
senders.register(app)
contact_files.register(app)


@app.command("list")
def list_(
    account: Annotated[str, typer.Option(help="Only contacts of this account.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List all contacts, including the disabled ones."""
    from intake.store.contacts import directory

    with database(config) as session:
        views = directory.contact_views(session, account_id=account)
    if as_json:
        show_json(views)
        return
    if not views:
        say("no contacts; `intake contacts import FILE` takes them over")
        return
    zone = load(config).service.timezone
    rows = [
        (
            one.id,
            one.name,
            ", ".join((*one.emails, *(f"{email} (unconfirmed)" for email in one.unconfirmed))),
            ", ".join(one.accounts),
            one.contact_type,
            _state(one, zone),
        )
        for one in views
    ]
    table("contacts", ("id", "name", "addresses", "accounts", "type", ""), rows)


def _state(one: ContactView, zone: str) -> str:
    if not one.active:
        return "off"
    since = when(one.unreachable_since, zone).partition(" ")[0]
    return f"mail comes back since {since}" if since else ""


@app.command()
def show(contact_id: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one contact."""
    from dataclasses import asdict

    from intake.store.contacts import directory

    with database(config) as session:
        views = directory.contact_views(session, contact_id)
    if not views:
        raise Abort(f"there is no contact {contact_id!r}; `intake contacts list` shows all")
    if as_json:
        show_json(views[0])
        return
    values = asdict(views[0])
    since = when(views[0].unreachable_since, load(config).service.timezone)
    values |= {"unreachable_since": since}
    pairs(
        {
            key: ", ".join(value) if isinstance(value, tuple) else value
            for key, value in values.items()
            if value or key != "unreachable_since"
        }
    )


@app.command()
@reported
def add(
    contact_id: Annotated[str, typer.Argument(help="A short id of your choice.")],
    name: Annotated[str, typer.Option(help="First and last name.")],
    email: Annotated[list[str], typer.Option(help="An address; may be given more than once.")],
    account: Annotated[
        list[str], typer.Option(help="An account's id; may be given more than once.")
    ],
    contact_type: Annotated[
        str, typer.Option("--type", help="Authorized, Technical or Read Only.")
    ] = "Authorized",
    area: Annotated[
        list[str] | None,
        typer.Option(help="An area of responsibility; may be given more than once."),
    ] = None,
    title: Annotated[str, typer.Option(help="The position.")] = "",
    phone: Annotated[str, typer.Option(help="The telephone number.")] = "",
    language: Annotated[str, typer.Option(help="Of letters to the contact, such as es.")] = "",
    config: ConfigOption = None,
) -> None:
    """Add a contact, or change the contact with that id."""
    from intake.config import directory_file
    from intake.config import loader as settings
    from intake.store.contacts import directory

    row = {
        "id": contact_id, "name": name, "emails": email, "accounts": account,
        "contact_type": contact_type, "areas": area or [], "title": title, "phone": phone,
        "language": language,
    }  # fmt: skip
    with plainly():
        catalogue = settings.load_catalogue(load(config))
    entries = directory_file.from_data({"contacts": [row]}, catalogue)
    with database(config, write=True) as session:
        changes = directory.load(session, entries, datetime.now(UTC), who())
    fact(contact=contact_id, result=changes.word)
    say(f"{contact_id}: {changes.word}")


@app.command()
@reported
def disable(
    contact_id: str,
    again: Annotated[bool, typer.Option("--enable", help="Enable the contact again.")] = False,
    config: ConfigOption = None,
) -> None:
    """Hold this contact's mail and send no letters to the contact.

    Nothing is deleted.
    """
    from intake.store.contacts import directory

    with database(config, write=True) as session:
        directory.set_active(session, contact_id, again, datetime.now(UTC))
    fact(contact=contact_id, active=again)
    say(f"{contact_id}: {'enabled' if again else 'disabled'}")


@app.command()
def notices(
    contact_id: str,
    class_: Annotated[
        str, typer.Option("--class", help="outage, security, maintenance or informational.")
    ] = "",
    mode: Annotated[
        str, typer.Option(help="each: at once; digest: in the daily summary; off: none.")
    ] = "",
    instead: Annotated[
        str,
        typer.Option(
            metavar="ID", help="With --mode off: the contact who gets the notices instead."
        ),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show how a contact gets notices; with --class and --mode change it."""
    from intake.config import loader as settings
    from intake.store.contacts import preferences

    if bool(class_) != bool(mode) or (instead and not mode):
        raise Abort("wanted --class and --mode together, or neither", 2)
    setup = load(config)
    must = settings.must_reach(setup, settings.load_catalogue(setup))
    with database(config, write=bool(mode)) as session:
        if mode:
            wanted, by = Preference(mode, instead), By(who(), datetime.now(UTC))
            preferences.set_(session, contact_id, class_, wanted, by, must=must)
        found = preferences.of(session, contact_id)
    if as_json:
        show_json(found)
        return
    for name, one in found.items():
        words = {"each": "each at once", "digest": "in the summary of the day"}
        told = f"off; {one.replacement} is told instead" if one.replacement else "off"
        say(f"{name}: {words.get(one.mode, told)}")


@app.command()
@reported
def reachable(contact_id: str, config: ConfigOption = None) -> None:
    """Treat a contact whose mail bounced as reachable again.

    The contact gets notices again, and bounces are counted from zero.
    """
    from intake.store.contacts import undeliverable

    with database(config, write=True) as session:
        why = undeliverable.clear(session, contact_id, who(), datetime.now(UTC))
    if why:
        raise Abort(why)
    fact(contact=contact_id)
    say(f"{contact_id}: taken for reachable; letters that come back are counted anew")


@app.command("apply")
def apply_(
    number: Annotated[str, typer.Argument(help="The number of the case that asks for the change.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Apply the change; without it the change is only shown.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a contact case would change; --yes applies it.

    A new address gets a letter and is used only after a reply from it. A contact who is replaced or
    removed is informed. A contact of another customer is asked first; nothing about that contact
    changes before the contact agrees.
    """
    from intake.store.contacts import change_request
    from intake.store.outbox import put_letter

    now = datetime.now(UTC)
    with database(config, write=True) as session:
        change = change_request.plan(session, number.upper())
        if not yes:
            change_request.show(session, change, who(), now)
        else:
            change_request.check_shown(session, change)
            change_request.apply(session, change, who(), now)
            for letter in _letters(change, config, now):
                put_letter(session, letter, 0, now)
    if as_json:
        show_json(change)
        return
    say(f"{change.kind} {change.contact_id} at {change.account_name}")
    for what, before, after in change.difference:
        say(f"  {what}: {safe(before) or '(nothing)'} -> {safe(after) or '(nothing)'}")
    if not change.difference:
        say("  nothing would change")
    if not yes:
        say("nothing was changed; --yes applies it")
        return
    if change.asked is not None:
        theirs = ", ".join(change.others)
        say(f"{change.asked.address} is a contact of {theirs} and is asked; nothing changes before")
    elif change.email_is_new:
        say(f"applied; {change.email} is asked to confirm and is not let in before")
    else:
        say("applied")


def _letters(change: ContactChange, config: str | None, now: datetime) -> list[Letter]:
    """The questions to a new address or contact, and the letter to a contact who is replaced."""
    from intake.letters import compose
    from intake.letters.letter import Occasion, Reached
    from intake.worker import bootstrap

    with plainly():
        letter_context = bootstrap.judgement_context(load(config)).letter_context
        values = {"account": change.account_name, "contact_type": change.contact_type}
        made = []
        if change.asked is not None:
            cause = f"{change.case_number}:{change.contact_id}"
            occasion = Occasion("join", cause, values)
            letter = compose.to_person(letter_context, change.asked, occasion, now)
            return [replace(letter, case_number=change.case_number)]
        if change.email_is_new:
            person = Reached(change.contact_id, change.name, change.email)
            cause = f"{change.case_number}:{change.email}"
            occasion = Occasion("verify", cause, values)
            made.append(compose.to_person(letter_context, person, occasion, now))
        old = change.replaced
        if old is not None and old.address:
            cause = f"{change.case_number}:{old.contact_id}"
            kind = "removed" if change.kind == "Remove" else "replaced"
            occasion = Occasion(kind, cause, values)
            made.append(compose.to_person(letter_context, old, occasion, now))
        return made

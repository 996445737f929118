"""``intake accounts``: the customers that contacts belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from intake.cli.layout import fact, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    ConfigOption,
    JsonOption,
    YesOption,
    confirmed,
    database,
    plainly,
    show_json,
    who,
)

app = typer.Typer(help="Accounts: the customers that contacts belong to.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every account with the number of its contacts."""
    from intake.store.contacts import directory

    with database(config) as session:
        views = directory.account_views(session)
    if as_json:
        show_json(views)
        return
    if not views:
        say("no accounts; `intake contacts import FILE` takes them over")
        return
    rows = [
        (one.id, one.name, ", ".join(one.aliases), one.contacts, "" if one.active else "off")
        for one in views
    ]
    table("accounts", ("id", "name", "also called", "contacts", ""), rows)


@app.command()
@reported
def add(
    account_id: Annotated[str, typer.Argument(help="A short id of your choice.")],
    name: Annotated[str, typer.Option(help="The full name.")],
    alias: Annotated[
        list[str] | None,
        typer.Option(help="Another name that people use; may be given more than once."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Add an account, or change the account with that id."""
    from intake.model.accounts import AccountEntry, Entries
    from intake.store.contacts import directory

    entries = Entries(accounts=(AccountEntry(account_id, name, tuple(alias or ())),))
    with database(config, write=True) as session:
        changes = directory.load(session, entries, datetime.now(UTC))
    fact(account=account_id, result=changes.word)
    say(f"{account_id}: {changes.word}")


@app.command()
@reported
def disable(
    account_id: str,
    again: Annotated[bool, typer.Option("--enable", help="Enable the account again.")] = False,
    config: ConfigOption = None,
) -> None:
    """Hold mail from this account's contacts from now on.

    Nothing is deleted.
    """
    from intake.store.contacts import directory

    with database(config, write=True) as session:
        directory.set_account_active(session, account_id, again, datetime.now(UTC))
    fact(account=account_id, active=again)
    say(f"{account_id}: {'in force' if again else 'not in force'}")


@app.command()
def rename(
    account_id: Annotated[str, typer.Argument(help="The account's id, which stays.")],
    name: Annotated[str, typer.Argument(help="The new full name.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give an account another name; mails that use the old name are still understood."""
    from intake.store.contacts import accounts

    with database(config, write=True) as session, plainly():
        accounts.rename(session, account_id, name, who(), datetime.now(UTC))
    _done({"account": account_id, "name": name}, f"{account_id}: {name}", as_json=as_json)


@app.command()
def merge(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The id that is removed.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The id that goes on.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Merge an account into another one, which gets its contacts, cases and names.

    This cannot be taken back.
    """
    from intake.store.contacts import accounts

    if not confirmed(f"merge account {source} into {target}?", yes=yes):
        say("nothing was done")
        return
    with database(config, write=True) as session, plainly():
        moved = accounts.merge(session, source, target, who(), datetime.now(UTC))
    words = ", ".join(f"{count} {what}" for what, count in moved.items())
    _done({"account": target, "moved": moved}, f"{source} -> {target}: {words}", as_json=as_json)


@app.command()
def remove(
    account_id: Annotated[str, typer.Argument(help="The account's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove an account that has neither contacts nor cases."""
    from intake.store.contacts import accounts

    with database(config, write=True) as session, plainly():
        accounts.remove(session, account_id, who(), datetime.now(UTC))
    _done({"removed": account_id}, f"{account_id}: removed", as_json=as_json)


def _done(values: dict[str, object], words: str, *, as_json: bool) -> None:
    if as_json:
        show_json(values)
    else:
        say(words)

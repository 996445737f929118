"""``intake cases set, move, assign, note, merge, new``: change cases by hand.

Each change is in the history with the operator's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.case_told import name_of, tell
from intake.cli.layout import say
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    YesOption,
    confirmed,
    database,
    load,
    plainly,
    show_json,
    who,
)
from intake.model.authorship import By

if TYPE_CHECKING:
    from intake.catalogue.catalogue import Catalogue
    from intake.config.loader import Config
    from intake.parsers.submission import FieldValue
    from intake.store.contacts.directory import ContactView
    from intake.store.engine import Session

Number = Annotated[str, typer.Argument(metavar="CASE-1001", help="The case's number.")]
Numbers = Annotated[list[str], typer.Argument(metavar="CASE-1001 …", help="The cases' numbers.")]
Why = Annotated[str, typer.Option(help="The reason, kept in the history.")]
Values = Annotated[
    list[str],
    typer.Argument(
        metavar="FIELD=VALUE …",
        help="priority, type, department, subject, description, billable, flag, "
        "or a field of the case's type.",
    ),
]
OWN = ("priority", "type", "department", "subject", "description", "billable", "flag")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module to `intake cases`."""
    app.command("set")(set_)
    for command in (move, assign, note, merge, new):
        app.command()(command)


def _by() -> By:
    return By(who(), datetime.now(UTC))


def set_(
    number: Number,
    values: Values,
    why: Why = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Set values of a case; the contact is not told.

    An empty value clears the flag, the subject or the description.
    """
    from intake.config import loader
    from intake.store.cases import by_hand

    setup = load(config)
    with plainly():
        catalogue = loader.load_catalogue(setup)
    given = dict(map(_pair, values))
    with database(config, write=True) as session:
        number = number.upper()
        with plainly():
            row = by_hand.find(session, number)
            own = _own_values(given, catalogue, setup)
            type_ = str(own.get("type", row.type))
            rest = {name: words for name, words in given.items() if name not in OWN}
            fields = _fields(rest, type_, catalogue, setup)
            left = row.department
            by_hand.set_columns(session, number, own, _by(), why)
            by_hand.set_fields(session, number, fields, _by(), why)
            _tell_moved(session, setup, number, left)
    if as_json:
        show_json({"case": number, "set": given})
        return
    say(f"{number}: set {', '.join(given)}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Abort(f"found {text!r}, wanted FIELD=VALUE, for example priority=High", 2)
    return name.strip().lower().replace("-", "_").replace(" ", "_"), value.strip()


def _own_values(
    given: Mapping[str, str], catalogue: Catalogue, config: Config
) -> dict[str, object]:
    """The columns of a case among the values. Raises Abort with the choices."""
    found: dict[str, object] = {}
    for name, value in given.items():
        if name not in OWN:
            continue
        if name == "priority":
            found[name] = _choice(name, value, [one.value for one in catalogue.priorities.values])
        elif name == "type":
            found[name] = _choice(name, value, list(catalogue.types))
        elif name == "department":
            known = sorted({*catalogue.departments, *config.shape.departments})
            found[name] = _choice(name, value, known)
        elif name == "billable":
            found[name] = _choice(name, value, ["yes", "no"]) == "yes"
        else:
            found[name] = value
    return found


def _choice(name: str, value: str, known: Sequence[str]) -> str:
    """The choice that was typed, in upper or lower case letters."""
    folded = {one.casefold(): one for one in known}
    chosen = folded.get(value.casefold()) or folded.get(value.casefold().replace(" ", "_"))
    if chosen is None:
        raise Abort(f"{name}: found {value!r}, wanted {', '.join(known)}", 2)
    return chosen


def _fields(
    given: Mapping[str, str], type_: str, catalogue: Catalogue, config: Config
) -> dict[str, FieldValue]:
    """The fields of the type, read as in a mail. Raises Abort with what is wanted."""
    from intake.parsers.dates import Calendar
    from intake.parsers.submission import FieldValue
    from intake.parsers.values import take

    zone, now = config.service.timezone, datetime.now(UTC)
    calendar = Calendar(now, zone, catalogue.date_order, catalogue.languages)
    found: dict[str, FieldValue] = {}
    for name, words in given.items():
        known = catalogue.types[type_].fields
        if name not in known:
            raise Abort(f"{name}: not a field of {type_}; it has {', '.join((*OWN, *known))}", 2)
        taken = take(words, catalogue.fields[name], type_, catalogue, calendar)
        if taken.code and taken.value is None:
            listed = f", wanted {', '.join(taken.choices)}" if taken.choices else ""
            raise Abort(f"{name}: found {words!r}: {taken.code.replace('_', ' ')}{listed}", 2)
        found[name] = FieldValue(taken.value, words, "operator")
    return found


def assign(
    numbers: Numbers,
    department: Annotated[str, typer.Option(help="The department that takes them over.")],
    why: Why = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give cases to another department; the contact is not told."""
    from intake.config import loader
    from intake.store.cases import by_hand

    setup = load(config)
    with plainly():
        catalogue = loader.load_catalogue(setup)
    chosen = _own_values({"department": department}, catalogue, setup)
    numbers = [one.upper() for one in numbers]
    with database(config, write=True) as session, plainly():
        for number in numbers:
            left = by_hand.find(session, number).department
            by_hand.set_columns(session, number, chosen, _by(), why)
            _tell_moved(session, setup, number, left)
    _done(numbers, f"department {chosen['department']}", as_json=as_json)


def _tell_moved(session: Session, setup: Config, number: str, left: str) -> None:
    """Tells both departments if the case has gone from one to another."""
    from intake.store.cases import by_hand
    from intake.worker.departments import departments
    from intake.worker.handover_by_hand import ByHand

    there = by_hand.find(session, number).department
    if there == left:
        tell(session, setup, number, ByHand("case.updated"))
        return
    place = departments(setup).get(there)
    words = f"{name_of()} has given this case to {place.name if place else there}."
    tell(session, setup, number, ByHand("case.updated", words, left=left))


def _done(numbers: Sequence[str], what: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"cases": list(numbers), "done": what})
    else:
        say(f"{', '.join(numbers)}: {what}")


def move(
    number: Number,
    account: Annotated[str, typer.Option(help="The id of the account it belongs to.")] = "",
    contact: Annotated[str, typer.Option(help="The id of the contact it belongs to.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a case to another account or contact, who gets its letters from now on."""
    from intake.store.cases import by_hand
    from intake.worker.handover_by_hand import ByHand

    if not (account or contact):
        raise Abort("move: found neither --account nor --contact", 2)
    number = number.upper()
    with database(config, write=True) as session, plainly():
        by_hand.move(session, number, account, contact, _by())
        row = by_hand.find(session, number)
        words = f"{name_of()} has moved this case to {row.contact_id} of {row.account_id}."
        tell(session, load(config), number, ByHand("case.updated", words))
        now = f"now of {row.contact_id} at {row.account_id}"
    _done([number], now, as_json=as_json)


def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="The note; contacts never see it.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Add a note to a case; it is never sent to anybody."""
    from intake.store.cases import by_hand
    from intake.store.handover import conversation
    from intake.worker.handover_by_hand import ByHand

    if not text.strip():
        raise Abort("note: found no text", 2)
    with database(config, write=True) as session, plainly():
        by_hand.note(session, number.upper(), text, _by())
        line = conversation.Line(conversation.NOTE, who(), name_of(), text)
        conversation.add(session, number.upper(), line, _by().at)
        tell(session, load(config), number.upper(), ByHand("case.updated"))
    _done([number.upper()], "noted", as_json=as_json)


def merge(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The case that is closed.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The case that goes on.")],
    why: Why = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Merge a case into another one of the same account.

    The first one is closed. Its texts and files go over, and replies to its letters reach the
    second one. This cannot be taken back.
    """
    from intake.store.cases import by_hand
    from intake.store.handover import conversation
    from intake.worker.handover_by_hand import ByHand

    source, target = source.upper(), target.upper()
    if not confirmed(f"merge {source} into {target}?", yes=yes):
        say("nothing was done")
        return
    with database(config, write=True) as session, plainly():
        by_hand.merge(session, source, target, _by(), why)
        conversation.carry_over(session, source, target)
        words = f"{name_of()} has merged this case into {target}, where it goes on."
        setup = load(config)
        tell(session, setup, source, ByHand("case.closed", words, whole=False))
        tell(session, setup, target, ByHand("case.updated"))
    _done([source], f"merged into {target}", as_json=as_json)


def new(
    contact: Annotated[str, typer.Option(help="The id of the contact it is for.")],
    type_: Annotated[str, typer.Option("--type", help="The case type, by name or label.")],
    subject: Annotated[str, typer.Option(help="One line.")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="FIELD=VALUE …", help="Fields of the type.")
    ] = None,
    account: Annotated[
        str, typer.Option(help="The account's id; needed if the contact is at several.")
    ] = "",
    description: Annotated[str, typer.Option(help="What it is about.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Open a case by hand, for example for a caller on the phone.

    Its department gets it; the contact is not written to.
    """
    from intake.config import loader
    from intake.parsers.scanner import type_of
    from intake.store.cases import by_hand
    from intake.store.contacts import directory
    from intake.worker.handover_by_hand import ByHand

    setup = load(config)
    with plainly():
        catalogue = loader.load_catalogue(setup)
    name = type_of(type_, catalogue, near=True)
    if not name:
        raise Abort(f"type: found {type_!r}, wanted {', '.join(catalogue.types)}", 2)
    given = dict(map(_pair, values or ()))
    own = _own_values(given, catalogue, setup)
    fields = _fields({k: v for k, v in given.items() if k not in OWN}, name, catalogue, setup)
    kind = catalogue.types[name]
    with database(config, write=True) as session, plainly():
        account = account or _only_account(directory.contact_views(session, contact), contact)
        made = by_hand.NewCase(
            account, contact, name,
            str(own.get("priority") or kind.default_priority or catalogue.default_priority),
            str(own.get("department") or kind.department),
            subject, description, bool(own.get("billable", kind.billable)), fields,
        )  # fmt: skip
        number = by_hand.create(session, made, setup.service.case_prefix, _by())
        tell(session, setup, number, ByHand("case.opened", f"{name_of()} has opened this case."))
    _done([number], "opened", as_json=as_json)


def _only_account(views: Sequence[ContactView], contact: str) -> str:
    """The account of a contact who is at one account only."""
    if not views:
        raise Abort(f"there is no contact {contact!r}; `intake contacts list` shows all")
    accounts = views[0].accounts
    if len(accounts) != 1:
        raise Abort(f"contact {contact} is at {', '.join(accounts) or 'no account'}: use --account")
    return accounts[0]

"""``intake messages release, reject, unreject, replay``: decide about one held mail or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import pairs, safe, say
from intake.cli.messages import AccountOption, RuleOption, SenderOption, TextOption
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    SinceOption,
    YesOption,
    confirmed,
    database,
    load,
    moment,
    plainly,
    show_json,
    who,
)
from intake.model.states import MessageStatus

if TYPE_CHECKING:
    from intake.store.listings import MessagesWanted
    from intake.worker.replay import Replayed, Vouching

MANY = 10_000  # mails in one go
SHOWN = 50  # of them, before the question
Ids = Annotated[
    list[int] | None,
    typer.Argument(metavar="N …", help="The mails' numbers; or choose them by the options."),
]
Why = Annotated[str, typer.Option(help="The reason, kept in the history.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module to `intake messages`."""
    for command in (release, reject, unreject, replay):
        app.command()(command)


def _wanted(
    ids: Sequence[int] | None, rule: str, sender: str, account: str, text: str
) -> MessagesWanted:
    from intake.store import listings

    return listings.MessagesWanted(
        ids=tuple(ids or ()), rule=rule, sender=sender, account=account, text=text
    )


def _chosen(
    wanted: MessagesWanted, since: str, config: str | None, states: Sequence[str]
) -> list[int]:
    """The numbers that the operator means: those given, or all in these states that match."""
    from dataclasses import replace

    from intake.store import listings

    zone = load(config).service.timezone
    wanted = replace(wanted, since=moment("--since", since, zone))
    if wanted == listings.MessagesWanted():
        raise Abort("found neither a number nor a filter such as --rule R26", 2)
    if wanted.ids and replace(wanted, ids=()) == listings.MessagesWanted():
        return list(dict.fromkeys(wanted.ids))
    with database(config) as session:
        return [
            one
            for state in states
            for one in listings.message_ids(session, replace(wanted, status=state), MANY)
        ]


def _summary(numbers: Sequence[int], config: str | None) -> None:
    """Lists the mails that an answer of yes would concern."""
    from intake.store import listings

    with database(config) as session:
        rows: list[tuple[object, ...]] = []
        for start in range(0, min(len(numbers), SHOWN), SHOWN):
            wanted = listings.MessagesWanted(ids=numbers[start : start + SHOWN])
            found = listings.messages(session, wanted, listings.Page(SHOWN))
            rows += [(one["id"], one["rule"], one["sender"], one["subject"]) for one in found.rows]
    pairs({
        str(number): f"{rule}  {safe(sender)}  {safe(subject)}"
        for number, rule, sender, subject in sorted(rows)
    })  # fmt: skip
    if len(numbers) > len(rows):
        say(f"and {len(numbers) - len(rows)} more")


def reject(
    numbers: Ids = None,
    rule: RuleOption = "",
    sender: SenderOption = "",
    account: AccountOption = "",
    text: TextOption = "",
    since: SinceOption = "",
    why: Why = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Reject held or shelved mails; nothing is sent, and their bytes are kept.

    With a filter, all waiting mails that match are shown first. `intake messages unreject` takes it
    back.
    """
    from intake.store.messages import held

    states = (MessageStatus.HELD, MessageStatus.SHELVED)
    chosen = _chosen(_wanted(numbers, rule, sender, account, text), since, config, states)
    if not _agreed("reject", chosen, numbers, config, yes=yes):
        return
    now = datetime.now(UTC)
    with database(config, write=True) as session:
        for number in chosen:
            problem = held.reject(session, number, who(), why, now)
            if problem:
                raise Abort(problem)
    _told("rejected", chosen, as_json=as_json)


def _agreed(
    verb: str, chosen: Sequence[int], given: Sequence[int] | None, config: str | None, *, yes: bool
) -> bool:
    """Whether to go on: a single number that was typed needs no question."""
    if not chosen:
        say("no waiting mail matches")
        return False
    if given and len(chosen) == 1:
        return True
    if not yes:
        _summary(chosen, config)
    mails = "1 mail" if len(chosen) == 1 else f"{len(chosen)} mails"
    if confirmed(f"{verb} {mails}?", yes=yes):
        return True
    say("nothing was done")
    return False


def _told(done: str, chosen: Sequence[int], *, as_json: bool) -> None:
    if as_json:
        show_json({done: list(chosen)})
    elif len(chosen) == 1:
        say(f"message {chosen[0]}: {done}")
    else:
        say(f"{len(chosen)} mails: {done}")


def unreject(
    numbers: Annotated[list[int], typer.Argument(metavar="N …", help="The mails' numbers.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put mails that were rejected back on hold, as if nobody had decided."""
    from intake.store.messages import held

    with database(config, write=True) as session:
        for number in numbers:
            problem = held.unreject(session, number, who(), datetime.now(UTC))
            if problem:
                raise Abort(problem)
    _told("held again", numbers, as_json=as_json)


def release(
    numbers: Ids = None,
    rule: RuleOption = "",
    sender: SenderOption = "",
    from_account: Annotated[
        str, typer.Option("--of-account", help="Only mails of this account's id.")
    ] = "",
    text: TextOption = "",
    since: SinceOption = "",
    why: Why = "",
    add_to: Annotated[
        str, typer.Option(help="A contact's id: the sender's address is added to that contact.")
    ] = "",
    new_contact: Annotated[
        str, typer.Option(help="An id: the sender becomes a contact, with --name and --account.")
    ] = "",
    name: Annotated[str, typer.Option(help="First and last name of the new contact.")] = "",
    account: Annotated[
        list[str] | None, typer.Option(help="An account's id; may be given more than once.")
    ] = None,
    contact_type: Annotated[
        str, typer.Option("--type", help="Authorized, Technical or Read Only.")
    ] = "Authorized",
    accept_domain: Annotated[
        bool,
        typer.Option(
            "--accept-domain",
            help="From now on accept unproved replies from the sender's domain.",
        ),
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Handle held mails; you confirm that their named senders wrote them.

    This applies to these mails only, unless you add the sender to the contacts or accept replies
    from its domain. With several mails, what would happen is shown first.
    """
    from intake.worker.replay import Vouching

    if new_contact and not (name and account):
        raise Abort("release: --new-contact wants --name and --account", 2)
    vouching = Vouching(
        why, add_to, new_contact, name, tuple(account or ()), contact_type, accept_domain
    )
    wanted = _wanted(numbers, rule, sender, from_account, text)
    chosen = _chosen(wanted, since, config, (MessageStatus.HELD,))
    if len(chosen) > 1 and (new_contact or add_to):
        raise Abort("release: --new-contact and --add-to are for one mail at a time", 2)
    _again(_Task("release", numbers, vouching, yes, as_json), chosen, config)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done to each of the chosen mails."""

    verb: str
    given: Sequence[int] | None  # numbers that were typed
    vouching: Vouching | None  # None: replay, by the rules alone
    yes: bool
    as_json: bool


def _again(task: _Task, chosen: Sequence[int], config: str | None) -> None:
    """Judges mails again, one after the other; one that cannot be handled stops no other."""
    typed = task.given is not None and len(chosen) == 1
    if not typed and not _foreseen(task, chosen, config):
        return
    results: list[object] = []
    wrong = 0
    for number in chosen:
        try:
            result, line = _one(task, number, config)
            results.append(result)
        except Abort as error:
            if typed:
                raise
            wrong, line = wrong + 1, str(error)
        if not task.as_json:
            pairs({f"message {number}": safe(line)})
    if task.as_json:
        show_json(results[0] if typed else results)
    if wrong:
        raise Abort(f"{wrong} of {len(chosen)} mails could not be handled")


def _foreseen(task: _Task, chosen: Sequence[int], config: str | None) -> bool:
    """Shows what would become of the mails, and asks."""
    from intake.worker import replay as work

    if not chosen:
        say("no waiting mail matches")
        return False
    if not task.yes:
        with plainly():
            for number in chosen[:SHOWN]:
                found = work.preview(load(config), number, who() if task.vouching else "")
                _line(number, found)
        if len(chosen) > SHOWN:
            say(f"and {len(chosen) - SHOWN} more")
    if confirmed(f"{task.verb} {len(chosen)} mails?", yes=task.yes):
        return True
    say("nothing was done")
    return False


def _one(task: _Task, number: int, config: str | None) -> tuple[object, str]:
    """The result for one mail, and the line that tells it."""
    from intake.worker import replay as work

    with plainly():
        if task.vouching is None:
            again = work.replay(load(config), number, dry=False)
            return again, f"{again.before} -> {again.after}: {'; '.join(again.reasons)}"
        done = work.release(load(config), number, who(), task.vouching)
        return {"message": number, **asdict(done)}, (
            f"{done.action} by {done.rule} {done.case_number}".rstrip()
        )


def _line(number: int, found: Replayed) -> None:
    pairs({str(number): safe(f"{found.before} -> {found.after}: {'; '.join(found.reasons)}")})


def replay(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="N …",
            help="The mails' numbers; with --dry-run and none of them, the whole ledger.",
        ),
    ] = None,
    rule: RuleOption = "",
    sender: SenderOption = "",
    account: AccountOption = "",
    text: TextOption = "",
    since: SinceOption = "",
    limit: Annotated[
        int, typer.Option(help="For the whole ledger: how many of the newest mails.")
    ] = 1000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    catalogue: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="With --dry-run: what this catalogue would read otherwise."
        ),
    ] = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide again about held or shelved mails, by the current configuration and contacts.

    With --dry-run and without a number or a filter: list the mails of the whole ledger for which
    the decision would now be different; with --catalogue FILE, those that it would read
    differently from the catalogue in force.
    """
    if catalogue:
        if not dry_run:
            raise Abort("replay: --catalogue needs --dry-run: a catalogue is tried, not used", 2)
        _try_catalogue(catalogue, limit, config, as_json=as_json)
        return
    wanted = _wanted(numbers, rule, sender, account, text)
    if wanted == _wanted(None, "", "", "", "") and not since:
        _whole_ledger(limit, config, dry_run=dry_run, as_json=as_json)
        return
    states = (MessageStatus.HELD, MessageStatus.SHELVED)
    chosen = _chosen(wanted, since, config, states)
    if dry_run:
        _dry(chosen, numbers, config, as_json=as_json)
        return
    _again(_Task("replay", numbers, None, yes, as_json), chosen, config)


def _dry(
    chosen: Sequence[int], given: Sequence[int] | None, config: str | None, *, as_json: bool
) -> None:
    from intake.worker import replay as work

    with plainly():
        found = [work.replay(load(config), number, dry=True) for number in chosen]
    if as_json:
        one = given is not None and len(found) == 1
        show_json(found[0] if one else found)
        return
    for number, one_ in zip(chosen, found, strict=True):
        _line(number, one_)
    say("nothing was changed")


def _try_catalogue(file: str, limit: int, config: str | None, *, as_json: bool) -> None:
    from intake.worker.catalogue_trial import try_catalogue

    with plainly():
        judged, found = try_catalogue(load(config), file, limit)
    if as_json:
        show_json(found)
        return
    for one in found:
        pairs({str(one.row): safe(f"{one.subject}: {'; '.join(one.changes)}")})
    say(f"{len(found)} of {judged} mails would be read differently; nothing was changed")


def _whole_ledger(limit: int, config: str | None, *, dry_run: bool, as_json: bool) -> None:
    from intake.worker.replay import replay_all

    if not dry_run:
        raise Abort("replay: found no number; the whole ledger is judged with --dry-run only", 2)
    with plainly():
        changed = replay_all(load(config), limit)
    if as_json:
        show_json(changed)
        return
    for one in changed:
        _line(one.row, one)
    say(f"{len(changed)} mails would be treated otherwise; nothing was changed")

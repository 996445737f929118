"""``intake init, run, once, receive, explain, form, demo``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intake.cli.layout import fact, pairs, safe, say
from intake.cli.reported import reported
from intake.cli.screen import (
    EX_CONFIG,
    EX_DATAERR,
    EX_TEMPFAIL,
    Abort,
    ConfigOption,
    JsonOption,
    json_text,
    load,
    moment,
    plainly,
    settings,
    show_json,
)

if TYPE_CHECKING:
    from intake.worker.service import PassReport


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(reported(init))
    for command in (run, once, receive, explain, form, demo):
        app.command()(command)


def init(
    sample: Annotated[
        bool, typer.Option("--sample", help="Also a sample contact and three sample mails, to try.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Prepare configuration, secret, folders and database.

    Only what is missing is made; the database of an older version is brought up to date.
    """
    from intake.worker import init as setting_up

    with plainly():
        named = config or settings.file or os.environ.get("INTAKE_CONFIG")
        done = setting_up.init(Path(named or "config.toml"), sample=sample)
    fact(config=named or "config.toml")
    for line in done:
        say(line)
    if sample:
        say("next: `intake once`, then `intake cases list` and `intake messages list`")
        return
    say("next: edit the configuration, then `intake contacts import FILE`, then `intake doctor`")


def run(config: ConfigOption = None) -> None:
    """Run the service until SIGTERM.

    It collects mail, decides about it, replies and delivers the letters.
    """
    from intake.worker import scheduler

    with plainly():
        code = scheduler.run(load(config))
    raise typer.Exit(code)


def once(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Do one pass over every mailbox and the outbox. Exit code 75 when something failed."""
    from intake.worker import service as worker

    found = load(config)
    with plainly():
        report = worker.once(found, None if as_json else _progress())
    if as_json:
        show_json(_report(report))
    else:
        _show_report(report)
    if report.failures:
        for failure in report.failures:
            print(f"intake: {safe(failure)}", file=sys.stderr)  # noqa: T201 - errors belong there
        raise typer.Exit(75)


def _progress() -> Any:
    """Returns a function that counts on the terminal; None when the output is not a terminal."""
    if not sys.stderr.isatty():
        return None
    counts: dict[str, int] = {}

    def step(what: str, number: int) -> None:
        counts[what] = counts.get(what, 0) + number
        text = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"\r{text} …", end="", file=sys.stderr, flush=True)  # noqa: T201 - a progress line

    return step


def _report(report: PassReport) -> dict[str, Any]:
    posted = report.posted
    return {
        "collected": report.collected,
        "actions": report.actions,
        "mailboxes": [
            {
                "name": one.mailbox,
                "collected": one.collected,
                "moved": one.moved,
                "letters": one.letters,
                "busy": one.busy,
                "left_alone": one.left_alone,
            }
            for one in report.mailboxes
        ],
        "letters": {
            "sent": posted.sent, "retry": posted.retry, "failed": posted.failed,
            "in_doubt": posted.in_doubt,
        },
        "notices": {
            "sent": report.notices.sent, "retry": report.notices.retry,
            "failed": report.notices.failed, "in_doubt": report.notices.in_doubt,
        },
        "hooks": {
            "sent": report.hooks.sent, "retry": report.hooks.retry, "failed": report.hooks.failed,
        },
        "failures": [
            *report.failures, *posted.failures, *report.notices.failures, *report.hooks.failures,
        ],
    }  # fmt: skip


def _show_report(report: PassReport) -> None:
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)  # noqa: T201 - ends the progress line
    actions = ", ".join(f"{count} {name}" for name, count in sorted(report.actions.items()))
    say(f"mails: {report.collected}" + (f" ({actions})" if actions else ""))
    for one in report.mailboxes:
        if one.busy:
            say(f"mailbox {one.mailbox}: another worker is collecting it")
        if one.left_alone:
            say(f"mailbox {one.mailbox}: {left_alone(one.left_alone)}")
    posted = report.posted
    say(
        f"letters: {posted.sent} sent, {posted.retry} put off, {posted.failed} refused, "
        f"{posted.in_doubt} in doubt"
    )
    if report.notices.total:
        told = report.notices
        say(
            f"notices: {told.sent} sent, {told.retry} put off, {told.failed} refused, "
            f"{told.in_doubt} in doubt"
        )
    for words in dict.fromkeys((*posted.failures, *report.notices.failures)):
        say(f"  the server said: {safe(words)}")
    if report.hooks.total:
        made = report.hooks
        say(f"events: {made.sent} sent, {made.retry} put off, {made.failed} given up")
    for words in report.hooks.failures:
        say(f"  webhook {safe(words)}")


def left_alone(count: int) -> str:
    """Why old mails are not collected."""
    one = count == 1
    mails, stay = ("1 mail lies", "stays") if one else (f"{count} mails lie", "stay")
    return f'{mails} there from before the first connection and {stay} (backfill = "none")'


def receive(config: ConfigOption = None) -> None:
    """Read one mail from standard input, as from an MTA's pipe.

    Exit codes 0, 65, 75.
    """
    from intake.adapters.mailbox.pipe import read_bounded
    from intake.worker import service as worker

    with _tried_again():
        found = load(config)
        raw = read_bounded(sys.stdin.buffer, found.shape.limits.max_mail_bytes)
        if raw is None:
            most = found.shape.limits.max_mail_bytes
            raise Abort(f"the mail is larger than {most} bytes", EX_DATAERR)
        code = worker.receive(found, raw)
    raise typer.Exit(code)


@contextmanager
def _tried_again() -> Iterator[None]:
    """Turns every failure but a bad mail into exit code 75, so that the MTA tries again later."""
    try:
        yield
    except Abort as abort:
        kept = EX_DATAERR if abort.code == EX_DATAERR else EX_TEMPFAIL
        raise Abort(str(abort), kept) from None
    except Exception as error:
        raise Abort(f"{type(error).__name__}: {error}", EX_TEMPFAIL) from error


def explain(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Mails as files (.eml); - is standard input.")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Explain the three sample mails of intake.")
    ] = False,
    at: Annotated[
        str, typer.Option(help="Decide as if it were this moment: 2021-09-15T18:44:02Z.")
    ] = "",
    mailbox: Annotated[
        str, typer.Option(help="The mailbox whose trust settings apply; the first by default.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what would be decided about mails, and why; write nothing.

    With --json, one object per line.
    """
    from intake.worker import replay

    found = load(config)
    judged_at = moment("--at", at, found.service.timezone)
    with plainly():
        shown = []
        with closing(replay.Explainer(found, mailbox)) as explainer:
            for name, raw in _given(files or (), sample=sample):
                one = explainer.explain(raw, file=name, at=judged_at)
                if as_json:
                    shown.append(one)
                else:
                    _show_explained(one)
    for one in shown:
        say(json_text(one))


def _given(files: Sequence[Path], *, sample: bool) -> Iterator[tuple[str, bytes]]:
    """The mails to explain, with their names."""
    from intake.worker.samples import sample_mails

    if not files and not sample:
        raise Abort("explain: found no file, wanted mails as files, or --sample", 2)
    for file in files:
        yield str(file), _bytes(file)
    if sample:
        yield from sample_mails().items()


def _bytes(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Abort(f"{file}: cannot be read: {error.strerror}") from None


def _show_explained(one: dict[str, Any]) -> None:
    say(f"== {safe(one['file'])}")
    values: dict[str, object] = {
        "decision": f"{one['decision']} by {one['rule']}",
        "why": "\n".join(one["reasons"]),
        "level": one["level"],
        "evidence": "\n".join(one["evidence"]),
        "contact": one["contact"] or "nobody on record",
        "account": one["account"],
        "type": one["type"],
        "likeliest": "\n".join(map(_why, one["likeliest"])),
        "priority": one["priority"],
        "department": one["department"],
        "subject": one["subject"],
        "fields": "\n".join(f"{name}: {words}" for name, words in one["fields_text"].items()),
        "missing": ", ".join(one["missing"]),
        "problems": "\n".join(f"{p['field']}: {p['code']} ({p['found']})" for p in one["problems"]),
        "warnings": "\n".join(f"{w['code']}: {w['detail']}" for w in one["warnings"]),
        "files": "\n".join(f"{a['name']} ({a['size']} bytes)" for a in one["attachments"]),
        "no letter": one["silence"],
    }
    pairs({key: value for key, value in values.items() if value})
    for letter in one["letters"]:
        say(f"\nletter ({letter['kind']}) to {letter['to']}\nSubject: {safe(letter['subject'])}\n")
        say(safe(letter["text"], lines=True))


def _why(one: dict[str, Any]) -> str:
    """A likely type with its weight, the phrases and the learned words that speak for it."""
    quoted = [f"“{phrase}”" for phrase in one["phrases"]]
    return f"{one['type']} {one['weight']:+.2f}: {', '.join([*quoted, *one['words']])}"


def form(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A case type, by name or label.")],
    language: Annotated[str, typer.Option(help="The language: en, es, fr, de, pt.")] = "",
    config: ConfigOption = None,
) -> None:
    """Print the blank form of a case type, to send or to publish."""
    from intake.config import loader as shapes
    from intake.letters import compose
    from intake.parsers.scanner import type_of
    from intake.worker import letter_settings

    with plainly():
        found = load(config)
        catalogue = shapes.load_catalogue(found)
        name = type_of(type_, catalogue, near=True)
        if not name:
            known = ", ".join(catalogue.types)
            raise Abort(f"there is no case type {type_!r}; the catalogue has {known}")
        context = letter_settings.letter_context(found, (b"",), catalogue)
        if language and language not in context.languages:
            known = ", ".join(context.languages)
            raise Abort(f"form: found the language {language!r}, wanted one of {known}")
        say(compose.blank_form(context, name, language).rstrip())


def demo(
    folder: Annotated[
        Path | None, typer.Option(help="The folder to work in; a new temporary one by default.")
    ] = None,
) -> None:
    """Run the whole service on sample mails.

    Real IMAP and SMTP servers run inside this process.
    """
    try:
        from intake.cli.demo import command as show
    except ImportError as error:
        raise Abort(f"the demo needs {error.name}, of requirements.txt", EX_CONFIG) from None
    with plainly():
        code = show.run(folder)
    raise typer.Exit(code)

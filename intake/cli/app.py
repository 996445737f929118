"""The ``intake`` command: its groups, its exit codes, and the printing of errors.

Exit codes: 0 success; 1 failure or a negative answer, with the reason on standard error; 2 wrong
usage; 65 standard input holds no mail; 69 a mailbox or server cannot be reached; 74 the database or
disk failed; 75 try again later; 78 the configuration is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from intake import __version__
from intake.cli.layout import OutputError
from intake.cli.screen import EX_DATAERR, EX_IOERR, EX_OK, EX_TEMPFAIL, Abort, settings

# The groups of commands in the order of the help, and the modules that define their commands; the
# first one has the group itself, the others add to it. A module is loaded when it is needed.
GROUPS: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "held"),
    "cases": ("cases", "case_changes", "case_export", "case_staff"),
    "contacts": ("contacts",),
    "accounts": ("accounts",),
    "staff": ("staff",),
    "incidents": ("incidents", "incident_pages", "notices", "incident_cases"),
    "outbox": ("outbox",),
    "page": ("page",),
    "hooks": ("hooks",),
    "config": ("configuration",),
    "catalogue": ("catalogue_words",),
}
SINGLE = ("service", "status", "backup", "doctor")  # the modules of commands without a group


@cache
def program() -> typer.Typer:
    """All commands."""
    return _program(tuple(GROUPS), SINGLE)


def _program(groups: Sequence[str], single: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        name="intake",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
        rich_markup_mode=None,
    )
    app.callback()(_main)
    for name in groups:
        app.add_typer(_group(name), name=name)
    for name in single:
        import_module(f"intake.cli.{name}").register(app)
    return app


@cache
def _group(name: str) -> typer.Typer:
    first, *others = (import_module(f"intake.cli.{module}") for module in GROUPS[name])
    group: typer.Typer = first.app
    for module in others:
        module.register(group)
    return group


def wanted(words: Sequence[str]) -> typer.Typer:
    """The part of the commands that holds the one which ``words`` name; in doubt, all of them.

    Loading and building all of them takes a sixth of the time of a short command.
    """
    rest = list(words)
    while rest and rest[0].startswith("--config"):
        del rest[: 1 if "=" in rest[0] else 2]
    if rest and rest[0] in GROUPS:
        return _program((rest[0],), ())
    if rest and not rest[0].startswith("-"):
        alone = _program((), SINGLE)
        if rest[0] in {getattr(one.callback, "__name__", "") for one in alone.registered_commands}:
            return alone
    return program()


def _version(value: bool) -> None:
    if value:
        print(f"intake {__version__}")  # noqa: T201 - this is the output
        raise typer.Exit


def _main(
    config: Annotated[
        str | None, typer.Option(help="The configuration file.", metavar="FILE", show_default=False)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read support mail, check its sender, open cases and reply. No mail is handled twice.

    Exit codes: 0 success; 1 failure or a negative answer; 2 wrong usage; 65 standard input holds no
    mail; 69 a mailbox or server cannot be reached; 74 the database or disk failed; 75 try again
    later; 78 the configuration is wrong. The reason is on standard error.
    """
    settings.file = config or settings.file


def main() -> None:
    """Runs the command; prints an expected failure as one line on standard error and exits."""
    try:
        wanted(sys.argv[1:])(prog_name="intake")
    except Abort as abort:
        print(f"intake: {abort}", file=sys.stderr)  # noqa: T201 - errors are printed only here
        sys.exit(abort.code)
    except OutputError as failure:
        print(f"intake: {failure}", file=sys.stderr)  # noqa: T201 - the same
        sys.exit(EX_IOERR)
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as ended:
        if "receive" in sys.argv[1:] and ended.code not in (EX_OK, EX_DATAERR):
            sys.exit(EX_TEMPFAIL)  # a wrong option must not make the MTA bounce the mail
        raise

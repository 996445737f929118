"""`--json` for commands that change something: what was done, as one object.

``reported`` adds the option. What the command says is collected instead of printed, and ``fact``
adds values under names of their own.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable

from intake.cli import layout
from intake.cli.screen import JsonOption, show_json


def reported(function: Callable[..., None]) -> Callable[..., None]:
    """The command with `--json`: {"done": [lines], name: value, …}."""

    @functools.wraps(function)
    def command(*given: object, as_json: bool = False, **named: object) -> None:
        if not as_json:
            function(*given, **named)
            return
        with layout.collected() as report:
            function(*given, **named)
        show_json({**report.facts, "done": report.lines})

    signature = inspect.signature(function)
    option = inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption
    )
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, one in signature.parameters.items()
    ]
    command.__signature__ = signature.replace(parameters=[*parameters, option])  # type: ignore[attr-defined]  # what typer reads
    command.__annotations__ = {**hints, "as_json": JsonOption}
    return command

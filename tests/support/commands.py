"""Commands run as an operator runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import typer
from typer import testing
from typer.testing import CliRunner, Result

from intake.cli.app import program
from intake.config.loader import Config

# CliRunner builds all commands again at each call, and that takes longer than many commands.
testing._get_command = cache(typer.main.get_command)


def tree() -> Any:
    """All commands as the command-line library builds them."""
    return testing._get_command(program())


def invoke(
    words: Sequence[str],
    *,
    given: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """The command with ``words`` in this process, and ``given`` on its standard input."""
    return CliRunner().invoke(program(), words, input=given, env=env)


def run(config: Config, *words: str) -> Result:
    """The command with a configuration, in this process."""
    return invoke(["--config", config.file, *words])


def good(config: Config, *words: str) -> str:
    """Its output, when it went well."""
    done = run(config, *words)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output

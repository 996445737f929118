"""Commands run as an operator runs them."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from intake.cli.app import app
from intake.config.loader import Config

RUNNER = CliRunner()


def run(config: Config, *words: str) -> Result:
    """The command in this process."""
    return RUNNER.invoke(app, ["--config", config.file, *words])


def good(config: Config, *words: str) -> str:
    """Its output, when it went well."""
    done = run(config, *words)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output

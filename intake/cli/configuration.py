"""`intake config`: the documented example of the configuration."""

from __future__ import annotations

from importlib.resources import files

import typer

from intake.cli import man
from intake.cli.layout import say

app = typer.Typer(help="The configuration.", no_args_is_help=True)


app.command("man")(man.man)


@app.callback()
def _group() -> None:
    """The configuration."""


@app.command()
def example() -> None:
    """Print config.example.toml: every key, its meaning and its default value."""
    text = files("intake").joinpath("config.example.toml").read_text(encoding="utf-8")
    say(text.rstrip("\n"))

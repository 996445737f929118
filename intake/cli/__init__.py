"""The command line: one module a noun; nothing here knows how mail is judged."""

from intake.cli.app import main

__all__ = ["main"]

"""The command line: one module for each group of commands, and no logic about mail."""

from intake.cli.entry import main

__all__ = ["main"]

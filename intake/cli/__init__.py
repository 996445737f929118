"""The command line: one module for each group of commands, and no logic about mail."""

from intake.cli.app import main

__all__ = ["main"]

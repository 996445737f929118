"""The command line; ``main`` is what the console script calls."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command; a probe is answered without loading the other commands."""
    from intake.cli import probe

    file = probe.asked(sys.argv[1:])
    if file is not None:
        sys.exit(probe.look(file))
    from intake.cli.app import main as command

    command()


__all__ = ["main"]

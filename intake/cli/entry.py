"""The entry point: a probe is answered at once, everything else by the whole command line."""

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

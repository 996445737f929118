"""The entry point: a probe is answered at once, everything else by the whole command line."""

from __future__ import annotations

import os
import sys

EX_TEMPFAIL = 75


def main() -> None:
    """Runs the command; a probe is answered without loading the other commands.

    Whatever happens in `intake receive`, even if the program cannot be loaded, the MTA must try
    again and must not send the mail back.
    """
    from intake.cli import probe

    file = probe.asked(sys.argv[1:])
    if file is not None:
        sys.exit(probe.look(file))
    try:
        from intake.cli.app import main as command

        command()
    except Exception as error:
        if "receive" not in sys.argv[1:]:
            raise
        words = f"intake: {type(error).__name__}: {error}\n"
        os.write(2, words.encode("utf-8", "replace"))
        os._exit(EX_TEMPFAIL)  # there may not even be memory for an orderly end

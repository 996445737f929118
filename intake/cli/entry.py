"""The entry point: a probe is answered at once, everything else by the whole command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading

EX_NO, EX_IOERR, EX_TEMPFAIL = 1, 74, 75
COLLECT = (10_000, 50, 100)  # new objects before unused ones are looked for; Python's 700 is early


def main() -> None:
    """Runs the command; a probe is answered without loading the other commands.

    Whatever happens in `intake receive`, even if the program cannot be loaded, the MTA must try
    again and must not send the mail back.
    """
    gc.set_threshold(*COLLECT)
    from intake.cli import probe

    file = probe.asked(sys.argv[1:])
    if file is not None:
        sys.exit(probe.look(file))
    try:
        from intake.cli.app import main as command

        command()
    except SystemExit as ended:
        _leave(ended.code)
        raise
    except Exception as error:
        if "receive" not in sys.argv[1:]:
            raise
        words = f"intake: {type(error).__name__}: {error}\n"
        os.write(2, words.encode("utf-8", "replace"))
        os._exit(EX_TEMPFAIL)  # there may not even be memory for an orderly end


def _leave(code: str | int | None) -> None:
    """Ends the process without taking its memory apart, a sixth of the time of a short command.

    It returns, for the usual end, if threads still work.
    """
    if isinstance(code, str) or threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # nobody reads on; say nothing, as other programs do
        code = EX_NO
    except OSError as error:
        os.write(2, f"intake: standard output cannot be written: {error.strerror}\n".encode())
        code = EX_IOERR
    os._exit(code or 0)

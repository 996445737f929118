"""The entry point: a probe is answered at once, everything else by the whole command line."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import threading
from contextlib import suppress

EX_NO, EX_IOERR, EX_TEMPFAIL = 1, 74, 75
COLLECT = (10_000, 10, 10)  # new objects before unused ones are looked for; Python says 700


def main() -> None:
    """Runs the command; a probe is answered without loading the other commands.

    Whatever happens in `intake receive`, even if the program cannot be loaded, the MTA must try
    again and must not send the mail back.
    """
    gc.set_threshold(*COLLECT)
    sys.modules["rich"] = None  # type: ignore[assignment]  # loaded only for colours
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

    It returns, for the usual end, if threads still work. Output that cannot be written is a
    failure, but not of `intake receive`: the mail is kept, and the MTA must not send it back.
    """
    if isinstance(code, str) or threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
    failed = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # as it is when the caller has closed it
                stream.flush()
        except BrokenPipeError:  # nobody reads on; say nothing, as other programs do
            failed = EX_NO
        except (OSError, ValueError) as error:
            words = f"intake: standard output cannot be written: {os.strerror(_number(error))}\n"
            with suppress(OSError):
                os.write(2, words.encode())
            failed = EX_IOERR
    os._exit(code or (0 if "receive" in sys.argv[1:] else failed))


def _number(error: Exception) -> int:
    """The number of a system error; a closed file has none."""
    return getattr(error, "errno", None) or errno.EBADF

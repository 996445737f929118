"""A scanner that does to its process what the subject of the mail says; for tests of the pool."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intake.mail.message import Message
from intake.parsers.submission import Scan


def build(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Stands in for the catalogue: the data itself, or a failure when told so."""
    if "broken" in data:
        raise ValueError("this catalogue is broken")
    return data


def hang() -> None:
    """Sleeps longer than any limit."""
    time.sleep(100)


def spin() -> None:
    """Burns CPU for ever."""
    while True:
        pass


def hoard() -> None:
    """Asks for two gigabytes."""
    _ = b"x" * 2**31


def leave() -> None:
    """Ends the process behind Python's back."""
    os._exit(3)


def die() -> None:
    """Ends the process by a signal."""
    os.kill(os.getpid(), 9)


def stumble() -> None:
    """Raises."""
    raise RuntimeError("stumbled")


def nest() -> None:
    """Recurses until Python stops it."""
    nest()


def scribble() -> None:
    """Writes where the protocol could be, at every level."""
    print("noise")  # noqa: T201 - this is the point
    sys.stdout.flush()
    os.write(1, b"\xff" * 100)
    os.write(2, b"noise\n")


DEEDS = {deed.__name__: deed for deed in (hang, spin, hoard, leave, die, stumble, nest, scribble)}


def scan(mail: Message, _: object) -> Scan:
    """Does the deed, then answers like a scanner that found nothing."""
    deed, once, file = (*mail.subject.split(" "), "", "")[:3]
    if once != "once" or Path(file).exists():
        if once == "once":
            Path(file).unlink()
        DEEDS.get(deed, int)()
    return Scan("", "", "", (), mail.plain, "plain", mail.plain, mail.subject)

"""`intake status --quiet`: a probe that a monitoring program may run every minute.

It reads one small file and loads neither the other commands nor the database library, so it answers
within a fraction of a second, also while the database or the whole machine is slow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from intake.adapters import heartbeat
from intake.cli.layout import safe, say
from intake.config.state_folder import state_folder


def asked(words: Sequence[str]) -> str | None:
    """The configuration file, if the command line is that of a probe; otherwise None."""
    rest = list(words)
    file = os.environ.get("INTAKE_CONFIG") or "config.toml"
    if "--config" in rest[:-1]:
        place = rest.index("--config")
        file = rest[place + 1]
        del rest[place : place + 2]
    quiet = len(rest) == 2 and rest[0] == "status" and rest[1] in ("--quiet", "-q")
    return file if quiet else None


def look(file: str) -> int:
    """Prints what the last heartbeat says fails; returns 1 if anything does, else 0."""
    folder = state_folder(Path(file).absolute())
    beat = heartbeat.read(folder)
    found = heartbeat.low_disks([folder])  # a full disk cannot take the heartbeat that says so
    found += heartbeat.troubles(beat, datetime.now(UTC))
    lines = [str(one) for one in found]
    if beat is not None:
        known = {one.part for one in found}
        lines += [f"{part}: {words}" for part, words in beat.troubles if part not in known]
    for line in lines:
        say(safe(line))
    return 1 if lines else 0

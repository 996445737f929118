"""Write an event and its files into a folder that another system reads, as a whole or not at all.

Each event becomes a folder of its own, made under a name that begins with a dot and then renamed. A
reader that ignores names with a dot never sees half an event. A second attempt finds the folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from intake.adapters.blob_store import BlobError
from intake.model.events import Again, Outcome, Taken

_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]")
MAX_NAME = 100


def drop(
    folder: Path,
    mark: str,
    kind: str,
    at: datetime,
    payload: Mapping[str, Any],
    read: Callable[[str], bytes],
) -> Outcome:
    """Write one event. ``mark`` is its id, the same for every attempt; ``read`` gives a blob."""
    case = payload.get("case", {})
    name = f"{mark}-{case.get('number', 'none')}-{kind.removeprefix('case.')}"
    target, made = folder / name, folder / f".{name}"
    if target.exists():
        return Taken("it was written before")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o750)
        told = {"type": kind, "timestamp": at.isoformat(), "data": payload}
        _write(made / "event.json", json.dumps(told, indent=1, ensure_ascii=False).encode())
        for number, one in enumerate(case.get("attachments", ()), 1):
            if one.get("state") == "stored":
                plain = _UNSAFE.sub("_", str(one["name"]))[-MAX_NAME:].lstrip(".") or "file"
                _write(made / f"{number}-{plain}", read(one["sha256"]))
        _sync(made)
        made.rename(target)
        _sync(folder)
    except (OSError, BlobError) as error:
        shutil.rmtree(made, ignore_errors=True)
        return Again(f"not written: {error}")
    return Taken(f"written to {target.name}")


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

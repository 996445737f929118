"""Where the heartbeat is, read without the rest of the configuration: for a quick probe."""

from __future__ import annotations

import tomllib
from pathlib import Path

DEFAULT = "var"


def state_folder(file: Path) -> Path:
    """Return ``service.state_folder`` of that configuration file, else its default.

    A file that cannot be read is no error here; every other command says what is wrong with it.
    """
    named: object = DEFAULT
    try:
        service = tomllib.loads(file.read_text(encoding="utf-8")).get("service", {})
        named = service.get("state_folder", named)
    except (OSError, ValueError, AttributeError):
        pass
    return file.parent / Path(str(named)).expanduser()

"""Reading without child processes, for tests that are about something else.

A child costs most of a second, and most tests read one small mail. What is read, and how, is the
same code; what a child protects from is tested where children are the matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from intake.adapters.blob_store import BlobError, Blobs
from intake.mail.message import Arrival
from intake.worker.parser_pool import Pool
from intake.worker.parser_process import ReadMail, Settings, _answer, _tools

_TOOLS: dict[str, Any] = {}  # catalogue and scanner by the catalogue's data


class InProcess(Pool):
    """A pool without children: every mail is read here, one after the other."""

    def __init__(
        self,
        size: int,
        settings: Settings,
        stopped: Callable[[], bool] = lambda: False,
        timed: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        super().__init__(1, settings, stopped, timed)
        key = json.dumps([settings.catalogue, settings.builder, settings.scanner], default=str)
        if key not in _TOOLS:
            _TOOLS[key] = _tools(settings)
        self._tools = _TOOLS[key]

    def ready(self) -> None:
        """Nothing has to be started."""

    def waited(self, seconds: float) -> None:
        """Reads here, so it never makes anybody wait for another process."""

    def map(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ReadMail]]:
        """Each arrival with what was read, in the given order."""
        blobs = Blobs(self._settings.blob_root, self._settings.blob_run)
        for arrival in arrivals:
            if arrival.size > self._settings.limits.max_mail_bytes:
                yield arrival, self._read(arrival)
                continue
            if arrival.raw:
                blobs.stage(arrival.raw)
            answer = _answer(replace(arrival, raw=b""), self._settings, blobs, *self._tools)
            if answer.mail is None:
                raise BlobError(answer.blob_error)
            yield arrival, answer.mail

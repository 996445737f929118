"""The text of a letter about a known incident: its status, its newest update and its page."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from intake.letters.letter import LetterContext
from intake.letters.locale import Locale
from intake.letters.text import indented, one_line, text_lines
from intake.letters.wording import MAX_VALUE_CHARS
from intake.model.incidents import Incident

MAX_TOLD_CHARS = 3000  # of an update that is repeated in a letter about a case


def incident_lines(
    incidents: Sequence[Incident], incident_id: str, context: LetterContext, said: Locale
) -> list[str]:
    """Return the known incident of a case: what it is, its status, and the next update."""
    found = next((one for one in incidents if one.id == incident_id), None)
    if found is None:
        return []
    shown = indented(f"{found.id}: {one_line(found.title, 200)} ({said.status(found.status)})")
    if found.impact:
        shown += indented(one_line(found.impact, MAX_VALUE_CHARS))
    if found.told:
        shown += ["", *text_lines(found.told[:MAX_TOLD_CHARS].strip()), ""]
    if found.next_update_at is not None:
        local = found.next_update_at.astimezone(ZoneInfo(context.timezone))
        at = f"{local:%Y-%m-%d %H:%M} ({context.timezone})"
        shown += indented(said.say("next-word", at=at))
    if context.page_url and found.public:
        shown += [said.say("all-about", url=place(context.page_url, f"{found.id}.html"))]
    return shown


def is_maintenance(incidents: Sequence[Incident], incident_id: str) -> bool:
    """Return whether it is planned maintenance and not an incident."""
    return any(one.id == incident_id and one.kind == "maintenance" for one in incidents)


def place(url: str, name: str) -> str:
    """Return the address of a file of the page; absolute if the page's own address is known."""
    if not url:
        return name
    head, _, last = url.partition("?")[0].partition("#")[0].rpartition("/")
    folder = head if not last or last.endswith((".html", ".htm")) else f"{head}/{last}"
    return f"{folder}/{name}"

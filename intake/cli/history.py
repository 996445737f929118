"""The history of cases and mails in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.cli.screen import when

DONE = {
    "received": "the mail arrived",
    "decided": "decided: {action} by {rule}",
    "opened": "opened the case",
    "asked": "was asked for what is missing",
    "completed": "completed the case",
    "appended": "wrote more",
    "comment": "wrote: {text}",
    "note": "noted: {text}",
    "changed": "{field}: {old} -> {new}",
    "sent": "letter {letter} was sent: {words}",
    "failed": "letter {letter} was refused: {words}",
    "in_doubt": "letter {letter} may not have arrived: {words}",
    "suppressed": "letter {letter} was not sent: {words}",
    "put_off": "letter {letter} was put off: {words}",
    "retried": "letter {letter} is sent again (it was {was})",
    "cancelled": "letter {letter} was cancelled",
    "bounced": "a letter came back: {words}",
    "closed": "set the case to {new}",
    "reopened": "reopened the case",
    "reminded": "was reminded of the request",
    "pruned": "removed the words, as they were old",
    "expired": "did not answer in time",
    "released": "released the mail: {before} -> {after}",
    "replayed": "judged the mail again: {before} -> {after}",
    "rejected": "rejected the mail",
    "unrejected": "put the mail back on hold",
    "linked": "linked the case to {incident}",
    "unlinked": "took the case off {incident}",
    "resolved": "the case was resolved with {incident}",
    "withheld": "a file was withheld: {name}",
    "address-claimed": "{contact} says that {address} is theirs",
    "claim-denied": "{contact} says that {address} is not theirs",
    "forged": "the mail was forged in a contact's name",
    "rate-limited": "a letter waits because of a rate: {why}",
    "merged": "merged {source} into {target}",
    "moved": "moved the case: {old} -> {new}",
    "created": "opened the case by hand",
    "staffed": "a staff member wrote",
    "staff-answered": "answered the contact",
    "staff-held": "wrote an answer that was kept back: {why}",
    "staff-refused": "wrote what was not understood: {why}",
    "staff-helped": "asked for the list of commands",
    "split": "made {target} of a part of {source}",
}
BY_PROGRAM = ("", "intake")
LONGEST = 400  # characters of one value


class _Values(dict[str, str]):
    """The details of an event; one that is missing shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"


def event_line(event: Mapping[str, Any], zone: str, names: Mapping[str, str] | None = None) -> str:
    """One event: when, who, what; ``names`` are people by their ids."""
    detail = event["detail"] or {}
    values = _Values({key: _short(value) for key, value in detail.items()})
    template = DONE.get(event["kind"])
    what = template.format_map(values) if template else _plain(event["kind"], values)
    who = _who(event["who"], names or {})
    why = f" ({values['why']})" if detail.get("why") and "{why}" not in (template or "") else ""
    mail = f" [mail {event['message_id']}]" if event.get("message_id") else ""
    return f"{when(event['at'], zone)}  {who}{what}{why}{mail}"


def _who(written: str, names: Mapping[str, str]) -> str:
    if written in BY_PROGRAM:
        return ""
    plain = written.removeprefix("operator:").removeprefix("staff:")
    return f"{names.get(written, plain)} "


def _short(value: object) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = "-" if value in (None, "") else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _plain(kind: str, values: Mapping[str, str]) -> str:
    """An event without a sentence of its own: its name and its details."""
    said = ", ".join(f"{key}: {value}" for key, value in values.items())
    return f"{kind.replace('-', ' ')} {said}".rstrip()

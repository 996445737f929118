"""Find which quoted and forwarded text is a copy of ours, and which is new to us.

In a new mail no text is a copy of ours, so all of it is kept. In an answer only the text of our
letters and of the case is a copy; the rest is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from intake.catalogue.labels import visible
from intake.parsers import body_lines
from intake.parsers.body_lines import Line
from intake.parsers.submission import Candidate, Circumstances, Scan

MAX_KEPT_CHARS = 20_000
MIN_CHARS = 4  # of a line that is worth keeping
MARK = "[quoted or forwarded]"


def cut_away(lines: Sequence[Line], own: Iterable[Line]) -> str:
    """Return the lines that are not the writer's own new ones, without signatures."""
    there = {line.start for line in own}
    told = list(lines)
    kept: list[str] = []
    signed = False
    for number, line in enumerate(told):
        if line.start in there:
            signed = False
            continue
        if body_lines.is_signature(line.text) and not line.depth:
            signed = True
        elif line.depth or body_lines.ends_own_text(told, number):
            signed = False
        if not signed:
            kept.append(line.text.rstrip())
    return "\n".join(kept).strip()[:MAX_KEPT_CHARS]


def unknown_words(cut: str, known: Iterable[str]) -> str:
    """Return the cut lines that are in none of the known texts."""
    if not cut:
        return ""
    there = " ".join(_flat(text) for text in known)
    told = body_lines.split(cut)
    found = [
        line.text.strip()
        for number, line in enumerate(told)
        if len(words := _flat(line.text)) >= MIN_CHARS
        and not _is_known(words, there)
        and not body_lines.is_frame(told, number)
    ]
    return "\n".join(found)


def joined(*texts: str) -> str:
    """Join the texts that are not blank, as paragraphs."""
    return "\n\n".join(text for text in texts if text.strip())


def _is_known(words: str, there: str) -> bool:
    """Return whether the line is known as a whole, or its label and its value are both known."""
    label, colon, value = words.partition(":")
    return words in there or (bool(colon) and f"{label}:" in there and value.strip() in there)


def marked(words: str) -> str:
    """Put the text under a line which says that it is not the writer's newest text."""
    return f"{MARK}\n{words}" if words.strip() else ""


def quoted(scan: Scan, candidates: Sequence[Candidate], circumstances: Circumstances) -> str:
    """Return the quoted or forwarded text that is new to us, under a mark."""
    case, pending = circumstances.case, circumstances.pending
    known = [*circumstances.ours, *circumstances.earlier, *(one.words for one in candidates)]
    if pending is not None:
        known.append(pending.text)
    if case is not None:
        known += [case.subject, case.description, *(one.words for one in case.fields.values())]
    elif not circumstances.is_answer and pending is None:
        return marked(scan.cut)  # a new mail: no text in it is a copy of ours
    return marked(unknown_words(scan.cut, known))


def _flat(text: str) -> str:
    return " ".join(visible(text).casefold().replace("*", " ").split())

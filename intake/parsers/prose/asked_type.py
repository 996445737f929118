"""Settle a type that was guessed from prose, or asked: by yes, a number, a name or other words."""

from __future__ import annotations

from collections.abc import Sequence

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.translation import labels_of
from intake.model.states import CaseStatus
from intake.parsers.case_type import type_of
from intake.parsers.confirmation import says_yes
from intake.parsers.offered_numbers import chosen
from intake.parsers.prose.cue_points import ranked
from intake.parsers.submission import CASE_TYPE, Candidate, Circumstances, Scan

MAX_ANSWER_LINES = 6  # of a reply that are looked at for a number or a yes
MAX_WORDS = 12  # of a line that answers the question
SHORT_ENOUGH = 2.0  # points that decide in an answer to the question itself


def settled(
    named: str,
    scan: Scan,
    candidates: Sequence[Candidate],
    free: str,
    circumstances: Circumstances,
    catalogue: Catalogue,
) -> tuple[str, bool]:
    """Return the type, and whether the writer must still confirm it.

    ``named`` is the type that a label, a subject, an earlier mail or a clear text gives.
    """
    case, pending = circumstances.case, circumstances.pending
    if scan.wish is not None:
        return named, False
    asked = pending is not None and CASE_TYPE in pending.asked
    if case is not None and case.status != CaseStatus.DRAFT:
        return named, False
    if case is None or not asked or pending is None:
        return (named, False) if named else _guess(scan.guess, circumstances)
    told = next((one.words for one in candidates if one.field == CASE_TYPE and one.words), "")
    if told and type_of(told, catalogue, near=True):
        return named, False
    answered = _answered(told or free, pending.text, catalogue)
    if answered:
        return answered, False
    if named:
        confirmed = says_yes(told or free, catalogue) or _answers_more(candidates, pending.asked)
        return named, not confirmed
    return _guess(scan.guess, circumstances)


def _guess(guess: str, circumstances: Circumstances) -> tuple[str, bool]:
    """Return the likeliest type, to be confirmed, for a mail of a proved contact."""
    known = bool(guess) and circumstances.contact is not None
    return (guess, True) if known else ("", False)


def _answers_more(candidates: Sequence[Candidate], asked: Sequence[str]) -> bool:
    """Return whether the reply answers another question of the letter, and so agrees with it."""
    return any(one.field in asked and one.field != CASE_TYPE and one.words for one in candidates)


def _answered(text: str, letter: str, catalogue: Catalogue) -> str:
    """Return the type that a short answer means: "2", "the first one", "it's a bug"."""
    lines = [line.strip(" .!\t") for line in text.splitlines() if line.strip()][:MAX_ANSWER_LINES]
    short = [line for line in lines if len(line.split()) <= MAX_WORDS]
    labels = labels_of(catalogue, CASE_TYPE)
    for line in short:
        name = chosen(line, letter, labels) or line
        found = type_of(name, catalogue, near=True)
        if found:
            return found
    for line in short:
        points = [] if line.endswith("?") else ranked("", line, catalogue)
        ahead = len(points) == 1 or (bool(points) and points[0][1] > points[1][1])
        if ahead and points[0][1] >= SHORT_ENOUGH:
            return points[0][0]
    return ""

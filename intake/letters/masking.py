"""Mask student data in letters: social security numbers, birth dates and student numbers.

A letter crosses the open network and stays in mailboxes of people who do not need the data. The
case and its department keep the original text. Only a value after a keyword such as "born", or a
text in the form of a social security number, is masked: a date or a number alone identifies no
person.
"""

from __future__ import annotations

import re

_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_SSN_NAMED = re.compile(
    r"\b(?:ssn|social\s+security(?:\s+(?:number|no\.?))?|seguro\s+social)\b[^\d]{0,12}"
    r"(\d{3}[-\s]?\d{2}[-\s]?\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic)[a-z]*\.?"
_DATE = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{2,4}}"
    rf"|\d{{1,2}}\.?\s+(?:de\s+)?{_MONTH},?\s+(?:de\s+)?\d{{2,4}})"
)
_BORN = re.compile(
    r"\b(?:born|birth(?:day|\s*date)?|date\s+of\s+birth|d\.?o\.?b\.?|nacid[oa]|nacimiento"
    r"|n[ée]e?|naissance|geboren|geburtsdatum|nascid[oa]|nascimento)\b[^\d\n]{0,20}?"
    rf"({_DATE})",
    re.IGNORECASE,
)
_STUDENT = re.compile(
    r"\b(?:student|pupil|estudiante|alumn[oa]|[ée]l[èe]ve|sch[üu]ler|aluno)(?:'?s)?\s*"
    r"(?:id|number|num(?:ero)?|n[úu]mero|no\.?|nr\.?|nummer|#)[^\w\n]{0,6}"
    r"(?:is\s+|es\s+|est\s+|ist\s+)?([a-z]{0,3}-?\d{4,12})(?!\d)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")


def masked(text: str) -> str:
    """Return the text in the same length, with a star for each masked letter and digit."""
    for pattern in (_SSN, _SSN_NAMED, _BORN, _STUDENT):
        text = pattern.sub(_stars, text)
    return text


def _stars(match: re.Match[str]) -> str:
    """Return the match with stars for its group, or for all of it; separators stay."""
    start, end = match.span(match.re.groups)
    whole, first = match[0], match.start()
    hidden = _WORD.sub("*", whole[start - first : end - first])
    return whole[: start - first] + hidden + whole[end - first :]

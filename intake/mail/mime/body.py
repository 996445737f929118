"""Decide which leaves are the text of the mail and which are files (RFC 2046 §5.1.4)."""

from __future__ import annotations

from dataclasses import dataclass

from intake.mail.mime import encoded_words, filenames
from intake.mail.mime.structure import Part

_KINDS = {"text/plain": "plain", "text/html": "html"}


@dataclass(frozen=True, slots=True)
class Body:
    """Indices of parts, in the order of the mail."""

    plain: tuple[int, ...]  # the text/plain leaves to be read one after the other
    html: tuple[int, ...]  # the text/html leaves, and the plain ones without an HTML version
    left_out: tuple[int, ...]  # text that is a second version of a leaf above


def file_name(part: Part) -> str:
    """Return the cleaned name of the part (RFC 2183, 2231, 2047); empty when it has none."""
    given = (
        part.disposition.parameters.get("filename")
        or part.content_type.parameters.get("name")
        or ""
    )
    return filenames.clean(encoded_words.decode(given))


def is_body(part: Part) -> bool:
    """Return True for plain text and HTML without a name, and with one if it is the only part."""
    if part.is_multipart or part.media_type not in _KINDS or part.disposition.value == "attachment":
        return False
    return part.parent < 0 or not file_name(part)


def is_file(part: Part) -> bool:
    """Return True for everything that is not the body, and for text that has a name."""
    return not part.is_multipart and (not is_body(part) or bool(file_name(part)))


def choose(parts: tuple[Part, ...]) -> Body:
    """Choose one plain and one HTML version of each multipart/alternative, and all other text."""
    chosen: dict[tuple[int, str], int] = {}
    taken: list[int] = []
    left_out: list[int] = []
    for index, part in enumerate(parts):
        if is_body(part):
            kept = _claim(parts, index, _KINDS[part.media_type], chosen)
            (taken if kept else left_out).append(index)
    plain = tuple(index for index in taken if _KINDS[parts[index].media_type] == "plain")
    if len(plain) == len(taken):
        return Body(plain, (), tuple(left_out))
    html = (i for i in taken if i not in plain or not _has_html_twin(parts, i, chosen))
    return Body(plain, tuple(html), tuple(left_out))


def _claim(
    parts: tuple[Part, ...], index: int, kind: str, chosen: dict[tuple[int, str], int]
) -> bool:
    """Return True when no enclosing alternative has chosen another branch for this kind."""
    path = _alternatives(parts, index)
    if any(chosen.get((above, kind), branch) != branch for above, branch in path):
        return False
    chosen.update({(above, kind): branch for above, branch in path})
    return True


def _has_html_twin(parts: tuple[Part, ...], index: int, chosen: dict[tuple[int, str], int]) -> bool:
    return any((above, "html") in chosen for above, _ in _alternatives(parts, index))


def _alternatives(parts: tuple[Part, ...], index: int) -> list[tuple[int, int]]:
    """Return the alternatives that enclose a part, each with its branch that leads to the part."""
    out: list[tuple[int, int]] = []
    branch, above = index, parts[index].parent
    while above >= 0:
        if parts[above].media_type == "multipart/alternative":
            out.append((above, branch))
        branch, above = above, parts[above].parent
    return out


def is_related(parts: tuple[Part, ...], part: Part) -> bool:
    """Return True for a part anywhere inside a multipart/related (RFC 2387)."""
    above = part.parent
    while above >= 0:
        if parts[above].media_type == "multipart/related":
            return True
        above = parts[above].parent
    return False

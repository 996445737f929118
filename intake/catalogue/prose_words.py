"""Read the words of a catalogue file by which ordinary prose shows types and values of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from intake.catalogue import word_weights
from intake.catalogue.builder import Builder
from intake.catalogue.catalogue import READS, CaseType, Cue, Field, Role
from intake.catalogue.word_weights import NO_WORDS, WordsError, WordWeights

_PROSE = {"sure": list, "likely": list, "faint": list, "ask": bool}
_ROLE = {
    "reads": str, "sure": list, "likely": list, "never": list, "none": list, "values": dict,
    "values_by_type": dict, "weaker_by_type": dict,
}  # fmt: skip
WEIGHTS = {"sure": 3, "likely": 2, "faint": 1}


def cues(
    builder: Builder, table: Mapping[str, object], types: Mapping[str, CaseType]
) -> tuple[Cue, ...]:
    """The words by which prose shows its type."""
    found = []
    for name, row in table.items():
        if name not in types:
            builder.wrong(f"prose.{name}", name, "the name of a type")
            continue
        one = builder.keys(f"prose.{name}", row, _PROSE)
        for key, weight in WEIGHTS.items():
            words = builder.words(f"prose.{name}.{key}", one.get(key))
            if words:
                found.append(Cue(name, weight, words, one.get("ask", False)))
    return tuple(found)


def learned(
    builder: Builder, table: Mapping[str, object], types: Mapping[str, CaseType]
) -> WordWeights:
    """The words that earlier mails taught; those of types that the catalogue lacks are left out."""
    text = builder.keys("learned", table, {"words": str}).get("words", "")
    if not text:
        return NO_WORDS
    try:
        found = word_weights.only(word_weights.read(text), types)
    except WordsError as error:
        builder.mistakes.append(f"learned.words: {error}")
        return NO_WORDS
    if not found.types:
        builder.wrong("learned.words", "no type of this catalogue", "words for its types")
    return found


def roles(
    builder: Builder, table: Mapping[str, object], fields: Mapping[str, Field],
    types: Mapping[str, CaseType],
) -> tuple[Role, ...]:  # fmt: skip
    """How prose shows the values of fields."""
    found = []
    for name, row in table.items():
        where = f"roles.{name}"
        if name not in fields:
            builder.wrong(where, name, "the name of a field")
            continue
        one = builder.keys(where, row, _ROLE, ("reads",))
        if one.get("reads") not in READS:
            builder.wrong(f"{where}.reads", one.get("reads"), f"one of {', '.join(READS)}")
            continue
        words = {
            key: builder.words(f"{where}.{key}", one.get(key))
            for key in ("sure", "likely", "never", "none")
        }
        found.append(
            Role(
                name,
                one["reads"],
                **words,
                values=_role_values(builder, f"{where}.values", one.get("values", {})),
                values_by_type=_by_type(builder, f"{where}.values_by_type", one, types),
                weaker_by_type=_by_type(builder, f"{where}.weaker_by_type", one, types),
            )
        )
    return tuple(found)


_Values = tuple[tuple[str, tuple[str, ...]], ...]


def _by_type(
    builder: Builder, where: str, role: Mapping[str, Any], types: Mapping[str, CaseType]
) -> tuple[tuple[str, _Values], ...]:
    """The words of values for the types that have others."""
    table = role.get(where.rpartition(".")[2], {})
    for type_name in table:
        if type_name not in types:
            builder.wrong(f"{where}.{type_name}", type_name, "a case type")
    return tuple(
        (key, _role_values(builder, f"{where}.{key}", rows)) for key, rows in table.items()
    )


def _role_values(builder: Builder, where: str, table: object) -> _Values:
    if not isinstance(table, Mapping):
        builder.wrong(where, table, "a table")
        return ()
    return tuple(
        (str(value), builder.words(f"{where}.{value}", words)) for value, words in table.items()
    )

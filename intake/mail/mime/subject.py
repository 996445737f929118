"""Read the subject as one line of text (RFC 2047), whatever bytes it has."""

from __future__ import annotations

from collections.abc import Sequence

from intake.mail.mime import charsets, encoded_words, headers
from intake.mail.mime.structure import Tree


def read(values: Sequence[bytes], tree: Tree) -> str:
    """Return the first value as one line.

    Raw bytes that are not UTF-8 are in the charset of the text.
    """
    value = next(iter(values), b"")
    return encoded_words.one_line(encoded_words.decode(_raw(value, tree) or headers.text(value)))


def _raw(value: bytes, tree: Tree) -> str:
    """Decode a value that is not UTF-8 in the charset of the text; empty when that is unknown."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        labels = (part.content_type.parameters.get("charset", "") for part in tree.parts)
        label = next(filter(charsets.codec_of, labels), "")
        if label and charsets.codec_of(label) not in ("utf-8", "ascii"):
            return charsets.decode(headers.unfold(value), label).text
    return ""

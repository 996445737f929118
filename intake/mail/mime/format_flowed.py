"""Paragraphs of text/plain; format=flowed put back on one line each (RFC 3676)."""

from __future__ import annotations


def unwrap(text: str, del_sp: bool) -> str:
    """Lines that end in a space are joined to the next one of the same quote depth; linear.

    ``del_sp`` (DelSp=yes): the space that marks the soft break is not part of the text.
    """
    out: list[str] = []
    paragraph: list[str] = []
    depth = 0
    for line in text.split("\n"):
        quotes = len(line) - len(line.lstrip(">"))
        content = line[quotes:].removeprefix(" ")
        if paragraph and (quotes != depth or content == "-- "):
            _close(out, paragraph, depth)
        depth = quotes
        if content.endswith(" ") and content != "-- ":
            paragraph.append(content[:-1] if del_sp else content)
        else:
            paragraph.append(content)
            _close(out, paragraph, depth)
    if paragraph:
        _close(out, paragraph, depth)
    return "\n".join(out)


def _close(out: list[str], paragraph: list[str], depth: int) -> None:
    """Writes the paragraph as one line behind its quote marks and begins a new one."""
    mark = ">" * depth + " " if depth else ""
    text = "".join(paragraph)
    out.append(mark + (text if text == "-- " else text.rstrip(" ")))
    paragraph.clear()

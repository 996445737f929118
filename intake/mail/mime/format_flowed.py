"""Put each paragraph of a format=flowed text on one line (RFC 3676)."""

from __future__ import annotations


def unwrap(text: str, del_sp: bool) -> str:
    """Join each line that ends in a space to the next line of the same quote depth; linear.

    ``del_sp`` (DelSp=yes) says that the space that marks the soft break is not part of the text.
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
    """Write the paragraph as one line after its quote marks, and begin a new one."""
    mark = ">" * depth + " " if depth else ""
    text = "".join(paragraph)
    out.append(mark + (text if text == "-- " else text.rstrip(" ")))
    paragraph.clear()

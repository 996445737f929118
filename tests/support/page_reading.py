"""A notifications page as its readers get it: its files, its text, its links."""

from __future__ import annotations

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

ATOM = "{http://www.w3.org/2005/Atom}"

FIXED = ["atom.xml", "index.html", "maintenance.ics", "notices.json"]


class Reader(HTMLParser):
    """What a browser makes of a page: its tags, attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Counts the tag, and remembers the open ones."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Every tag is closed in its turn."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Gathers what is read."""
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is read, with single spaces."""
        return " ".join(" ".join(self.words).split())


def read(path: Path) -> Reader:
    """The page as a browser sees it."""
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def listing(folder: Path) -> dict[str, object]:
    """notices.json."""
    found: dict[str, object] = json.loads((folder / "notices.json").read_text("utf-8"))
    return found


def visible(folder: Path) -> list[str]:
    """The files that a web server shows."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))

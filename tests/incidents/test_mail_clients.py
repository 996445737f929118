"""The HTML of notices relies on nothing that Outlook, Gmail or Apple Mail lack."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import pytest

from intake.incidents.notice import build
from tests.support.mail_clients import ATTRIBUTES, ELEMENTS, METAS, PROPERTIES, QUERIES, Feature
from tests.support.notices import KINDS, STYLE, letter_context

TABLES = (ELEMENTS, METAS, ATTRIBUTES, PROPERTIES, QUERIES)
KIND = pytest.mark.parametrize("kind", KINDS)


class Used(HTMLParser):
    """Every element with its attributes, the text of style elements and the comments."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.css = ""
        self.comments: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes an element down, with where it stands."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "style":
            assert "body" not in self.open  # Gmail and Outlook read it in the head only

    def handle_endtag(self, tag: str) -> None:
        """Closes what is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Takes style rules down."""
        if self.open and self.open[-1] == "style":
            self.css += data

    def handle_comment(self, data: str) -> None:
        """Takes comments down."""
        self.comments.append(data)


@cache
def used(kind: str) -> Used:
    """What the HTML of that notice is made of."""
    return Used(build(KINDS[kind], letter_context(), STYLE).html)


def declarations(css: str) -> list[tuple[str, str]]:
    """Property and value of each declaration."""
    pairs = (one.partition(":") for one in css.split(";") if one.strip())
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def queries(css: str) -> dict[str, list[tuple[str, str]]]:
    """The declarations in each @media rule; nothing else may stand in the style element."""
    found: dict[str, list[tuple[str, str]]] = {}
    rest = css
    for match in re.finditer(r"@media ([^{]+)\{((?:[^{}]*\{[^{}]*\})*)\s*\}", css):
        rest = rest.replace(match[0], "")
        bodies = re.findall(r"\{([^{}]*)\}", match[2])
        found[match[1].strip()] = [pair for body in bodies for pair in declarations(body)]
    assert not rest.strip()
    return found


def test_what_is_missing_somewhere_is_missed_by_nobody() -> None:
    """Each feature of the table is supported by all three or says why it does no harm."""
    assert [name for table in TABLES for name, one in table.items() if not one.harmless()] == []
    assert all(set(one.support) <= set("yan") for table in TABLES for one in table.values())
    assert not Feature("nyy").harmless()


@KIND
def test_every_element_and_attribute_is_in_the_table(kind: str) -> None:
    """Nothing is used that nobody has looked up."""
    for tag, attributes in used(kind).elements:
        assert tag in ELEMENTS
        assert set(attributes) <= set(ATTRIBUTES)
        if tag == "meta":
            assert (attributes.get("name") or attributes["http-equiv"].lower()) in METAS


@KIND
def test_every_property_is_in_the_table(kind: str) -> None:
    """Inline and in the rules that stay."""
    inline = [pair for _, one in used(kind).elements for pair in declarations(one.get("style", ""))]
    rules = queries(used(kind).css)
    assert set(rules) == set(QUERIES)
    kept = [pair for pairs in rules.values() for pair in pairs]
    assert {name for name, _ in (*inline, *kept)} <= set(PROPERTIES)
    # Outlook takes !important in rules only, Gmail in small letters only
    assert not [value for _, value in inline if "!" in value]
    assert all(value.endswith(" !important") for _, value in kept)


@KIND
def test_the_conditions_of_partial_support_are_kept(kind: str) -> None:
    """Units, elements and sizes are those that work in all three."""
    for tag, attributes in used(kind).elements:
        style = dict(declarations(attributes.get("style", "")))
        assert re.fullmatch(r"|[0-9]+px", style.get("font-size", ""))
        if attributes.get("class") != "preheader":
            assert re.fullmatch(r"|[0-9]+%", style.get("line-height", ""))
            assert "display" not in style
        assert "-" not in style.get("margin", "")
        assert "padding" not in style or tag in ("td", "ul", "body")
        assert "width" not in style or tag == "table"
        for side in ("border-top", "border-left"):
            width = re.match(r"([0-9]+)px", style.get(side, "0px"))
            assert width is not None
            assert int(width[1]) <= 8
            assert side not in style or tag == "td"
        if tag == "table":
            assert attributes["role"] == "presentation"
        if "auto" in style.get("margin", ""):
            assert ("td", "center") in [(t, a.get("align")) for t, a in used(kind).elements]


@KIND
def test_outlook_gets_its_width_and_no_preheader(kind: str) -> None:
    """A table of 600 px in conditional comments, closed again; the preheader hidden its way."""
    first, last = used(kind).comments
    assert first.startswith("[if mso]><table")
    assert 'width="600"' in first
    assert last == "[if mso]></td></tr></table><![endif]"
    hidden = [one for _, one in used(kind).elements if one.get("class") == "preheader"]
    assert dict(declarations(hidden[0]["style"]))["mso-hide"] == "all"


@KIND
def test_the_head_says_language_title_and_width(kind: str) -> None:
    """For screen readers, tabs and phones."""
    by_tag = dict(used(kind).elements)
    assert by_tag["html"]["lang"] == "en"
    built = build(KINDS[kind], letter_context(), STYLE)
    assert f"<title>{built.subject}</title>" in built.html
    assert {"viewport", "color-scheme"} <= {one.get("name") for _, one in used(kind).elements}
    assert [tag for tag, _ in used(kind).elements].count("h1") == 1


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of #rrggbb."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    lin = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


@pytest.mark.parametrize("kind", ["investigating", "scheduled", "resolved"])
def test_every_colour_of_words_stands_out(kind: str) -> None:
    """At least 4.5:1 on the column, light and dark (WCAG 2.2, 1.4.3)."""
    light = {
        dict(declarations(one["style"]))["color"]
        for tag, one in used(kind).elements
        if "color" in dict(declarations(one.get("style", ""))) and one.get("class") != "preheader"
    }
    dark = {
        value.split()[0]
        for name, value in queries(used(kind).css)["(prefers-color-scheme: dark)"]
        if name == "color"
    }
    assert len(light) >= 3
    assert len(dark) >= 5
    for colours, ground in ((light, "#ffffff"), (dark, "#1f2937")):
        for colour in colours:
            high, low = sorted((luminance(colour), luminance(ground)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, colour

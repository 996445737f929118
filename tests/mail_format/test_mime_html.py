"""HTML as a person would read it, in linear time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.mail.mime import html, html_tokens
from tests.support.rawmail import CAMPAIGN, HANG, mail, message


def render(source: str) -> html.Rendered:
    """With the limits of a mail."""
    return html.render(source, 2**20, 2000)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("words", "words"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<p class=MsoNormal>a</p><p class=MsoNormal>b</p>", "a\nb"),
        ("<p style='margin:0'>a</p><p style='margin:0'>b</p>", "a\nb"),
        ("<h1>a</h1>b", "a\n\nb"),
        ("a <b> b</b>\n\n c", "a b c"),
        ("<b>a</b> <i>b</i>", "a b"),
        ("<b>a</b><i>b</i>", "ab"),
        ("a&nbsp;b&nbsp;&nbsp;c", "a b  c"),
        ("a&amp;b &lt;c&gt;", "a&b <c>"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<ol><li><p>a</p><li>b</ol>", "- a\n\n- b"),
        ("<pre>a  b\n c</pre>", "a  b\n c"),
        ("<style>x</style><script>y</script><title>z</title>a<!-- b -->", "a"),
        ("<div style='DISPLAY : none'>x</div>a", "a"),
        ("<div hidden>x</div>a", "a"),
        ("<span style='visibility:hidden'>x</span>a", "a"),
        ("<blockquote type=cite>a<br>b<div>c</div></blockquote>d", "> a\n> b\n> c\n\nd"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n>> b"),
        ("<blockquote style='margin-left:40px'>a</blockquote>", "a"),
        ("<blockquote class=gmail_quote style='margin:0'>a</blockquote>", "> a"),
        ("<blockquote style='border-left:1px solid'>a</blockquote>", "> a"),
        ("<a href='http://x'>link</a> <img alt=logo src=x>", "link"),
        ("a\u200bb\u00adc", "abc"),
        ("<p>a\0b</p>", "ab"),
        ("<select><option>a</select>b", "b"),
        ("<body>a</body></html> <p>b", "a\n\nb"),
    ],
)
def test_blocks_are_lines(source: str, text: str) -> None:
    """Block elements begin lines, lists have dashes, quotes have marks, hidden text is left out."""
    assert render(source).text == text


@pytest.mark.parametrize(
    ("source", "text", "rows"),
    [
        (
            "<table><tr><th>Priority</th><td>High</td></tr><tr><td>Module<td>Grade Book</table>",
            "Priority\tHigh\nModule\tGrade Book",
            (("Priority", "High"), ("Module", "Grade Book")),
        ),
        (
            "<table><tr><td>Who<br>is it?</td><td><p>All</p><p>staff</p></td></tr></table>",
            "Who\nis it?\tAll\nstaff",
            (("Who\nis it?", "All\nstaff"),),
        ),
        ("<table><tr><td>a</td><td></td></tr></table>", "a", (("a", ""),)),
        ("<table><tr><td>one</td></tr><tr><td></td></tr></table>", "one", ()),
        (
            "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr></table>",
            "a\tb\n\nc",
            (("a", "b"),),
        ),
        (
            "<table><tr><td>a<ul><li>b</ul></td><td>c</td></tr></table>",
            "a\n- b\tc",
            (("a\n- b", "c"),),
        ),
        ("<tr><td>a</td><td>b</td></tr>", "ab", ()),
        (
            "<blockquote>x<table><tr><td>a<td>b</table></blockquote>",
            "> x\n>\n> a\tb",
            (("a", "b"),),
        ),
    ],
)
def test_table_rows_are_cells(source: str, text: str, rows: tuple[tuple[str, ...], ...]) -> None:
    """Rows of data are one line with tabs and a tuple of cells; layout tables are just blocks."""
    found = render(source)
    assert found.text == text
    assert found.rows == rows


def test_layout_tables_do_not_repeat_their_text() -> None:
    """Ten tables around one form: every word once."""
    source = "<table><tr><td>" * 10 + "<table><tr><td>Label<td>value</table>" + "</table>" * 10
    found = render(source)
    assert found.text == "Label\tvalue"
    assert found.rows == (("Label", "value"),)


BOMBS = {
    "318 divs": ("<div>" * 318 + "words", True),
    "5,000 divs": ("<div>" * 5000 + "words", True),
    "100,000 divs": ("<div>" * 100_000 + "words", True),
    "5 MB of blanks": ("a" + " " * 5_000_000 + "words", True),
    "cloned formatting": (
        "".join(f"<b a={n}>" for n in range(1500)) + "<p>x" * 5000 + "words",
        True,
    ),
    "open tags": ("<" * 1_000_000, False),
    "open comments": ("words<!--" * 100_000, True),
    "entities": ("&" * 1_000_000 + "words", False),
    "nested tables": ("<table><tr><td>" * 1500 + "words", True),
    "flat rows": ("<table>" + "<tr><td>a<td>b" * 50_000 + "<tr><td>words", True),
    "attributes": ("<div " + "".join(f"a{n} " for n in range(100_000)) + ">words", True),
    "attributes of one body": ("".join(f"<body a{n}>" for n in range(60_000)) + "words", True),
    "false ends": ("</a><s>" * 60_000 + "words", True),
    "false ends of lists": ("<ul></table>" * 40_000 + "words", True),
    "ends behind a barrier": ("<div><table><tr><td></div>" * 16_000 + "words", True),
    "open anchors": ("<a name=x><p>y" * 5000 + "words", True),
    "open quotes": ("words" + "<a x='" * 100_000, True),
    "stray ends": ("<div>" * 1900 + "</p>" * 100_000 + "words", True),
    "quotes": ("<blockquote>" * 1900 + "words<br>" * 1000, True),
    "scripts": ("words" + "<script>" * 100_000, True),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BOMBS)
def test_no_page_hangs_the_reader(name: str) -> None:
    """Depth, clones and blanks are counted before a tree is built; the words still arrive."""
    source, readable = BOMBS[name]
    before = time.process_time()
    found = render(source)
    assert time.process_time() - before < HANG
    assert not readable or "words" in found.text


def test_a_page_beyond_the_limit_is_cut_and_told() -> None:
    """What was not read is in the warnings."""
    found = html.render("<p>word</p>" * 100, 500, 100)
    assert found.doubt
    assert found.text.startswith("word")


def test_too_deep_a_page_is_told() -> None:
    """Without its tree the text still has lines, entities and no scripts or styles."""
    source = "<div>" * 20 + "<style>x</style>a&amp;b<br>c<script>y</script><p>d<!-- z -->e"
    found = html.render(source, 10_000, 10)
    assert (found.text, found.rows) == ("a&b\nc\nde", ())
    assert found.doubt
    assert html_tokens.text_only("İ<style>x") == "İ"


def test_sloppy_pages_keep_their_rows() -> None:
    """Elements left open thousands of times are no depth when their block ends."""
    source = "<table>" + "<tr><td><div><span>a</div><td><b>b</b></td></tr>" * 3000 + "</table>"
    found = render(source)
    assert found.doubt == ""
    assert len(found.rows) == 3000
    assert not render("<a name=x><p>y" * 3000).doubt


def test_doubts_become_warnings() -> None:
    """A mail's HTML that was simplified says so."""
    raw = mail("Content-Type: text/html", body="<div>" * 3000 + "words")
    assert message(raw).html.text == "words"
    assert "html" in [warning.code for warning in message(raw).warnings]


PIECES = st.sampled_from(
    [
        *("<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<blockquote>", "</blockquote>"),
        *(
            "<pre>",
            "</pre>",
            "<p>",
            "<li>",
            "<ul>",
            "<br>",
            "<b>",
            "</b>",
            "<div>",
            "</div>",
            "<a>",
        ),
        *(
            "x",
            " ",
            "\n",
            "&nbsp;",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "<svg>",
            "<select>",
            "<",
        ),
    ]
)


@settings(max_examples=200 * CAMPAIGN, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=80)))
def test_rendering_is_total(source: str) -> None:
    """Any text gives text; the cells of the rows are words of the page."""
    found = render(source)
    assert found.text == found.text.strip("\n")
    assert all(len(row) > 1 for row in found.rows)


CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@pytest.mark.parametrize("reference", ["&#5;", "&#x1b;", "&#127;", "&#11;", "&#0;", "&#xd800;"])
@pytest.mark.parametrize(
    "shape",
    [
        "<p>exa{}mple</p>",
        "<pre>exa{}mple</pre>",
        "<table><tr><td>a</td><td>exa{}mple</td></tr></table>",
        "<p>exa{}mple</p>" + "<div>" * 3000,
    ],
)
def test_references_bring_no_control_characters(reference: str, shape: str) -> None:
    """A reference is read after the bytes were cleaned, so the text is cleaned once more."""
    found = render(shape.format(reference))
    for text in (found.text, *(cell for row in found.rows for cell in row)):
        assert not CONTROL.search(text)
    assert "exa" in found.text
    assert "mple" in found.text


def test_hidden_text_brings_no_control_characters_either() -> None:
    """What is kept for an operator to look at is clean, too."""
    found = render('<p>seen</p><p style="display:none">hid&#5;den</p>')
    assert (found.text, found.hidden) == ("seen", "hidden")

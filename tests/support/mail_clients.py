"""What mail programs make of HTML and CSS, as caniemail.com has tested it (2019 to 2024).

Not looked up there, but taken from common practice: plain HTML 4 (tables and their attributes, p,
div, br, span, a, title), colour, viewport, print and Outlook's own mso-hide.

For each feature: Outlook for Windows (which draws with Word), Gmail, Apple Mail. "y" supported,
"a" in part or with a fault, "n" not. What is not "y" everywhere says what its absence leaves,
and the tests hold the letters to the conditions of the "a".
"""

from __future__ import annotations

from dataclasses import dataclass

OUTLOOK, GMAIL, APPLE = range(3)


@dataclass(frozen=True)
class Feature:
    """How one element, attribute or property is taken."""

    support: str  # three letters: Outlook, Gmail, Apple Mail
    without: str = ""  # what is seen where it is missing, and why that does no harm

    def harmless(self) -> bool:
        """Supported everywhere, or missed by nobody."""
        return self.support == "yyy" or bool(self.without)


ELEMENTS = {
    "html": Feature("yyy"),
    "head": Feature("yyy"),
    "title": Feature("yny", "Gmail shows the subject, which says the same"),
    "meta": Feature("ana", "each is judged by its name below"),
    "style": Feature("aay", "in the head only; without it the inline styles give the light look"),
    "body": Feature("yay", "Gmail puts a box in its place; the page table has the same colour"),
    "table": Feature("yyy"),
    "tbody": Feature("yyy"),
    "tr": Feature("yyy"),
    "td": Feature("yyy"),
    "div": Feature("yyy"),
    "p": Feature("yyy"),
    "br": Feature("yyy"),
    "span": Feature("yyy"),
    "h1": Feature("yyy"),
    "h2": Feature("yyy"),
    "ul": Feature("aay", "the faults are those of numbered lists"),
    "li": Feature("aay", "the faults are those of numbered lists"),
    "a": Feature("yyy"),
}
METAS = {
    "content-type": Feature("yyy"),
    "viewport": Feature("nnn", "on phones only; elsewhere the width is the window's"),
    "color-scheme": Feature("nny", "those programs choose their own dark colours"),
    "supported-color-schemes": Feature("nny", "the older name of the one above"),
}
ATTRIBUTES = {
    "lang": Feature("yyy"),
    "dir": Feature("yyy"),
    "role": Feature("yyy"),
    "class": Feature("yay", "where it goes the inline styles stay"),
    "style": Feature("yyy"),
    "align": Feature("yyy"),
    "width": Feature("yyy"),
    "cellpadding": Feature("yyy"),
    "cellspacing": Feature("yyy"),
    "border": Feature("yyy"),
    "href": Feature("yyy"),
    "aria-hidden": Feature("yyy"),
    "content": Feature("yyy"),
    "http-equiv": Feature("yyy"),
    "name": Feature("yyy"),
}
PROPERTIES = {
    "background-color": Feature("yyy"),
    "color": Feature("yyy"),
    "font-family": Feature("yay", "in Gmail's apps with other accounts the font is theirs"),
    "font-size": Feature("ayy", "in px only, not in rem"),
    "line-height": Feature("ayy", "in percent, since Outlook misreads em and px"),
    "margin": Feature("aay", "no negative values; auto is backed by align"),
    "padding": Feature("ayy", "in Outlook on table cells only; on lists its own indent stays"),
    "width": Feature("ayy", "on tables only"),
    "max-width": Feature("nyy", "a table of 600 px in a conditional comment stands in"),
    "text-align": Feature("aay", "start and end are missing, left is used"),
    "text-decoration": Feature("aay", "one value, underline; links are underlined anyway"),
    "border-top": Feature("ayy", "at most 8 px, on table cells"),
    "border-left": Feature("ayy", "at most 8 px, on table cells"),
    "border-top-color": Feature("ayy", "at most 8 px, on table cells"),
    "border-left-color": Feature("ayy", "at most 8 px, on table cells"),
    "word-break": Feature("aaa", "a word longer than a line is broken anywhere, or sticks out"),
    "display": Feature("nyy", "none: mso-hide hides the preheader in Outlook"),
    "mso-hide": Feature("ynn", "only Outlook needs it"),
    "max-height": Feature("nyy", "mso-hide hides the preheader in Outlook"),
    "overflow": Feature("nya", "mso-hide hides the preheader in Outlook"),
}
QUERIES = {
    "(prefers-color-scheme: dark)": Feature("nny", "those programs choose their own dark colours"),
    "screen and (max-width: 480px)": Feature("nay", "a margin of 12 px stays at the sides"),
    "print": Feature("nny", "printed as it is shown, which is dark on white"),
}

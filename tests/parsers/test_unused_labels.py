"""Lines that change nothing, of a mail with very many of them."""

from __future__ import annotations

from intake.parsers.submission import Candidate
from intake.parsers.unused_labels import unused
from tests.support.drafts import ASKED, DRAFT
from tests.support.forms import CATALOGUE, replying


class Counted(str):
    """A text that counts how often it is compared."""

    __slots__ = ()
    count = 0

    def __eq__(self, other: object) -> bool:
        Counted.count += 1
        return str.__eq__(self, other)  # type: ignore[no-any-return]  # a bool

    __hash__ = str.__hash__


def test_many_lines_are_not_compared_with_each_other() -> None:
    """A table of three thousand rows took a second."""
    lines = [
        Candidate(Counted("module"), f"word {number}", "table", "Module", number, number + 1)
        for number in range(2000)
    ]
    unused(lines, "application_issue", replying(DRAFT, ASKED), CATALOGUE)
    assert Counted.count < 40 * len(lines)

"""Authentication-Results as the big receivers write it, and as attackers do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.authentication import authres
from tests.support.authres_samples import SEEN


@pytest.mark.parametrize("name", SEEN)
def test_each_receivers_dialect_is_read(name: str) -> None:
    """dmarc=pass and the author's domain come out of every dialect."""
    read = authres.read(SEEN[name])
    assert read is not None
    dmarc = [result for result in read.results if result.method == "dmarc"]
    assert [(one.result, one.properties["header.from"]) for one in dmarc] == [
        ("pass", "bayside.example")
    ]


def test_a_missing_id_is_seen_as_missing() -> None:
    """Microsoft 365 writes no authserv-id; the first method is not taken for one."""
    read = authres.read(SEEN["microsoft 365"])
    assert read is not None
    assert read.authserv_id == ""
    assert read.results[0].method == "spf"


@pytest.mark.parametrize(
    "value",
    [
        "mx (unclosed",
        'mx; spf="open',
        "x" * 20000,
        "mx; dkim=pass header.d=legit.example(.evil.example",
    ],
)
def test_what_is_not_of_the_form_is_nothing(value: str) -> None:
    """An unclosed comment or quote, or an endless field, gives no results at all."""
    assert authres.read(value) is None


def test_results_inside_comments_and_quotes_do_not_count() -> None:
    """A pass that stands in a comment or a quoted reason is no result."""
    read = authres.read('mx; spf=fail (dmarc=pass) reason="; dmarc=pass" smtp.mailfrom=a@b.example')
    assert read is not None
    assert [result.method for result in read.results] == ["spf"]


def test_an_escape_in_comments_and_quotes_is_read() -> None:
    """Backslashes neither close a comment nor a quoted string early."""
    read = authres.read('mx; dmarc=pass (a \\) b) reason="x \\" ; y" header.from=a.example')
    assert read is not None
    assert read.results[0].properties["header.from"] == "a.example"


@given(st.text(alphabet='mxab=;."() \\\t\r\n/1', max_size=300))
def test_any_text_is_survived(value: str) -> None:
    """No text makes the reader raise."""
    authres.read(value)


def test_deep_comments_cost_no_stack() -> None:
    """Eight thousand nested comments are counted, not recursed into."""
    assert authres.read("mx " + "(" * 8000 + ")" * 8000 + "; dmarc=pass") is not None

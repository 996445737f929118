"""Words that earlier mails taught: how well they tell types, and what their file may look like."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.catalogue.catalogue import Catalogue, CatalogueError
from intake.catalogue.loader import build
from intake.catalogue.word_weights import (
    LEAST_KNOWN,
    WordsError,
    WordWeights,
    only,
    read,
    words_of,
    written,
)
from intake.config.toml_files import catalogue_text, parsed
from intake.parsers.prose.kinds import guesses, type_in_prose, weighed
from intake.parsers.prose.learning import LEAST_MAILS, Example, learned, tried, usable
from tests.support.forms import CATALOGUE, DATA
from tests.support.prose_score import mails

EXAMPLES = [
    Example(one["type"], one["subject"], one["body"])
    for one in mails()
    if isinstance(one["type"], str)
]
SMALL = "a b\n*\t1.00 -0.50 -0.50\nbell\t2.00 1.00 -1.00\nroom\t1.50 -0.80 0.90\n"
NEVER = ("data_restore", "server_access", "modify_support_contacts")


def knowing(weights: WordWeights) -> Catalogue:
    """The shipped catalogue with other learned words."""
    return replace(CATALOGUE, learned=weights)


@pytest.mark.long
def test_the_shipped_words_are_what_the_mails_of_the_tests_teach() -> None:
    """Nobody edits them by hand, and the same mails give the same file on every machine."""
    text = str(parsed(catalogue_text(None))["learned"]["words"])  # type: ignore[index] # a table
    assert written(learned(usable(EXAMPLES))) == text


@pytest.mark.long
def test_mails_that_were_kept_aside_get_their_type() -> None:
    """Learned from half of the mails, read on the other half."""
    halves = EXAMPLES[::2], EXAMPLES[1::2]
    taught = knowing(learned(halves[0]))
    told: Counter[str] = Counter()
    for one in halves[1]:
        name = type_in_prose(one.subject, one.text, taught)
        told["taken"] += name == one.type
        told["wrong"] += bool(name) and name != one.type
        told["offered"] += one.type in guesses(one.subject, one.text, taught)
    count = len(halves[1])
    assert told["taken"] >= 0.55 * count
    assert told["offered"] >= 0.9 * count
    assert told["wrong"] <= 0.02 * count


def test_types_with_a_risk_are_never_taken() -> None:
    """However clear their words are, a person confirms them."""
    taken = {type_in_prose(one.subject, one.text, CATALOGUE) for one in EXAMPLES}
    assert taken.isdisjoint(NEVER)
    likeliest = {name for one in EXAMPLES for name in guesses(one.subject, one.text, CATALOGUE)[:1]}
    assert likeliest >= set(NEVER)


def test_a_word_of_one_or_two_mails_is_not_kept() -> None:
    """So the names of people do not get into the file."""
    mail = "We need help with the bell schedule of our school, please write to us about it"
    same = [Example("a", "Bells", f"{mail} today"), Example("b", "Rooms", "Is there a room list?")]
    rare = [Example("a", "Bells", f"{mail} Kapowski"), Example("b", "Rooms", "Kapowski, a room?")]
    found = learned([*same * LEAST_MAILS, *rare])
    assert "bell" in found.words
    assert "kapowski" not in found.words


def test_the_order_of_words_and_how_often_they_stand_change_nothing() -> None:
    """It is a set of words, without accents and capitals."""
    assert words_of("Ça", "va? VA bien, l’heure") == {"ca", "va", "bien", "l'heure", "?"}
    one = CATALOGUE.learned.margins("", "the bell schedule does not open for any of our teachers")
    two = CATALOGUE.learned.margins(
        "", "TEACHERS of our any for open not does schedule bell the the"
    )
    assert one == two != {}


def test_few_known_words_show_nothing() -> None:
    """Seven words are an answer or a greeting, not the description of a matter."""
    known = sorted(CATALOGUE.learned.words)[:LEAST_KNOWN]
    assert CATALOGUE.learned.margins("", " ".join(known[1:])) == {}
    assert set(CATALOGUE.learned.margins("", " ".join(known))) == set(CATALOGUE.types)


def test_a_file_reads_back() -> None:
    """What was learned, to the last digit."""
    assert written(read(SMALL)) == SMALL
    assert read(written(CATALOGUE.learned)) == CATALOGUE.learned


def test_types_that_a_catalogue_lacks_are_left_out() -> None:
    """Another organisation may use the shipped words with some of the shipped types."""
    two = only(CATALOGUE.learned, ("ask_question", "report_outage"))
    assert two.types == ("ask_question", "report_outage")
    text = "Is there a report that shows which of our teachers have not taken attendance today?"
    all_types = CATALOGUE.learned.margins("", text)
    assert two.margins("", text) == {name: all_types[name] for name in two.types}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1: found ''"),
        ("a a\n", "line 1: found 'a a'"),
        ("a b\nbell\t2 1 -1\n", "found no line '*'"),
        ("a b\n*\t1 0 0\nbell\t2 1\n", "line 3: found 'bell"),
        ("a b\n*\t1 0 0\nbell\t2 1 x\n", "line 3: found 'x', wanted a number"),
        ("a b\n*\t1 0 0\nbell\t2 1 inf\n", "line 3: found 'inf', wanted a number"),
        ("a b\n*\t1 0 0\nbell\t0 1 1\n", "line 3: found 'bell"),
        ("a b\n*\t1 0 0\nbell\t1 1 1\nbell\t1 1 1\n", "line 4: found 'bell"),
        ("a b\n*\t1 0 0\n" + "\n" * 20_000 + "x", "found 20003 lines"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, where: str) -> None:
    """The operator hears what was found and what was wanted."""
    with pytest.raises(WordsError) as failure:
        read(text)
    assert where in str(failure.value)
    if text:
        with pytest.raises(CatalogueError, match=r"learned\.words"):
            build({**DATA, "learned": {"words": text}})


def test_words_for_no_type_of_the_catalogue_are_refused() -> None:
    """They belong to another catalogue."""
    with pytest.raises(CatalogueError, match="no type of this catalogue"):
        build({**DATA, "learned": {"words": SMALL}})


@pytest.mark.long
def test_a_type_with_too_few_mails_is_not_learned() -> None:
    """And what is said of the rest is measured on mails that were kept aside."""
    few = [one for one in EXAMPLES if one.type == "request_training"][:4]
    rest = [one for one in EXAMPLES if one.type in ("ask_question", "data_restore")]
    assert {one.type for one in usable([*few, *rest])} == {"ask_question", "data_restore"}
    assert tried(rest) >= 0.85 * len(rest)


@given(subject=st.text(max_size=50), text=st.text(max_size=400))
def test_any_text_gives_finite_weights(subject: str, text: str) -> None:
    """Whatever a stranger writes, there is an order, and the same one each time."""
    first = weighed(subject, text, CATALOGUE)
    assert first == weighed(subject, text, CATALOGUE)
    assert all(-100 < weight < 100 for _, weight in first[0])

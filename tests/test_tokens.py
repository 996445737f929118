"""References that only we can have written."""

from hypothesis import given
from hypothesis import strategies as st

from intake import tokens

NEW, OLD = b"new secret", b"old secret"
DOMAIN = "desk.example"


def test_a_message_id_of_ours_reads_back() -> None:
    """Kind and case number come back from the id that was made of them."""
    made = tokens.message_id((NEW,), "ack", "CASE-1001", "ack:abc", DOMAIN)
    own = tokens.read_message_id((NEW,), made, DOMAIN)
    assert own == tokens.OwnId("ack", "CASE-1001", made)


def test_the_same_cause_gives_the_same_id() -> None:
    """Doing a thing twice writes the same letter; another cause writes another."""
    first = tokens.message_id((NEW,), "ack", "CASE-1", "a", DOMAIN)
    assert first == tokens.message_id((NEW,), "ack", "CASE-1", "a", DOMAIN)
    assert first != tokens.message_id((NEW,), "ack", "CASE-1", "b", DOMAIN)


def test_a_letter_without_case_names_none() -> None:
    """A refusal concerns no case, and its id says so."""
    made = tokens.message_id((NEW,), "refusal", "", "x", DOMAIN)
    own = tokens.read_message_id((NEW,), made, DOMAIN)
    assert own is not None
    assert own.case_number == ""


def test_an_old_secret_is_read_and_not_written() -> None:
    """After a change of secret old threads go on, and a retired secret ends them."""
    made = tokens.message_id((OLD,), "ack", "CASE-7", "x", DOMAIN)
    assert tokens.read_message_id((NEW, OLD), made, DOMAIN) is not None
    assert tokens.read_message_id((NEW,), made, DOMAIN) is None
    assert tokens.message_id((NEW, OLD), "ack", "CASE-7", "x", DOMAIN) != made


def test_a_foreign_domain_is_not_ours() -> None:
    """An id counts only in the domain of the service."""
    made = tokens.message_id((NEW,), "ack", "CASE-7", "x", "other.example")
    assert tokens.read_message_id((NEW,), made, DOMAIN) is None


@given(st.integers(0, 200), st.characters(codec="ascii", categories=["Ll", "Lu", "Nd"]))
def test_no_altered_id_is_accepted(place: int, char: str) -> None:
    """Changing any one character before the domain makes the id a stranger's."""
    made = tokens.message_id((NEW,), "ack", "CASE-1001", "x", DOMAIN)
    place %= made.index("@")
    altered = made[:place] + char + made[place + 1 :]
    if altered != made:
        assert tokens.read_message_id((NEW,), altered, DOMAIN) is None


def test_a_subject_tag_reads_back_among_other_words() -> None:
    """The tag is found wherever the mail client left it, and only while it is whole."""
    tag = tokens.subject_tag((NEW,), "CASE-1001")
    assert tokens.read_subject_tags((NEW,), f"AW: grades {tag} (urgent)") == ("CASE-1001",)
    forged = tag.replace("1001", "1002")
    assert tokens.read_subject_tags((NEW,), forged) == ()
    assert tokens.strip_tags(f"Re: grades {tag}") == "Re: grades"


@given(st.text())
def test_any_subject_is_survived(subject: str) -> None:
    """No subject makes the reading raise, and none of random text is ours."""
    assert tokens.read_subject_tags((NEW,), subject) == ()
    assert tokens.own_ids((NEW,), [subject], DOMAIN) == ()


def test_an_address_of_a_case_reads_back_and_no_other() -> None:
    """Behind the plus stands the tag; servers write local parts in small letters."""
    made = tokens.reply_address((NEW,), "CASE-1001", "support+x@desk.example")
    assert made.startswith("support+CASE-1001-")
    assert tokens.read_reply_addresses((NEW,), [made.lower(), "a@b.example"]) == ("CASE-1001",)
    assert tokens.read_reply_addresses((OLD, NEW), [made]) == ("CASE-1001",)
    assert tokens.read_reply_addresses((OLD,), [made]) == ()
    other = made.replace("1001", "1002")
    assert tokens.read_reply_addresses((NEW,), [other, "support+data-restore@desk.example"]) == ()

"""References that only we can have written."""

from hypothesis import given
from hypothesis import strategies as st

from intake.mail import tokens

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


def test_a_token_to_unsubscribe_with_reads_back() -> None:
    """From a subject as people and programs send it; the row comes back, in any letter case."""
    token = tokens.unsubscribe_token((NEW,), 17)
    for text in (token, f"unsubscribe {token}", f"Re: UNSUBSCRIBE {token.upper()}.", f"<{token}>"):
        assert tokens.read_unsubscribe_token((NEW,), text) == 17
    assert tokens.read_unsubscribe_token((OLD, NEW), token) == 17
    assert tokens.read_unsubscribe_token((OLD,), token) is None
    assert tokens.read_unsubscribe_token((NEW,), token.replace("17", "18")) is None


def test_a_bounce_address_reads_back() -> None:
    """Also when a server has written it in small letters; the old plus part is gone."""
    made = tokens.bounce_address((NEW,), 2**63 - 1, "Bounce+x@Desk.example")
    assert made.startswith("Bounce+b-9223372036854775807-")
    assert len(made.partition("@")[0]) <= 64
    keys = ["a@b.example", made.lower(), made]
    assert tokens.read_bounce_addresses((NEW,), keys) == (2**63 - 1,)
    assert tokens.read_bounce_addresses((OLD, NEW), keys) == (2**63 - 1,)
    assert tokens.read_bounce_addresses((OLD,), keys) == ()


def test_a_local_part_never_grows_beyond_64_octets() -> None:
    """A long address stays as it is: mail to a longer one might not be taken."""
    address = "a" * 40 + "@desk.example"
    assert tokens.bounce_address((NEW,), 12345678, address) == address


def test_a_token_is_good_for_one_use_only() -> None:
    """Who can unsubscribe cannot report a bounce, nor the other way round."""
    bounce = tokens.bounce_address((NEW,), 17, "bounce@desk.example")
    inner = bounce.partition("+b-")[2].partition("@")[0]
    assert tokens.read_unsubscribe_token((NEW,), inner) is None
    forged = f"bounce+b-{tokens.unsubscribe_token((NEW,), 17)}@desk.example"
    assert tokens.read_bounce_addresses((NEW,), [forged]) == ()


@given(st.integers(1, 2**63 - 1), st.integers(0, 60), st.sampled_from("abcxyz234567890-"))
def test_no_altered_row_token_is_accepted(row: int, place: int, char: str) -> None:
    """Changing any one character of it makes it nobody's."""
    token = tokens.unsubscribe_token((NEW,), row)
    place %= len(token)
    altered = token[:place] + char + token[place + 1 :]
    if altered != token:
        assert tokens.read_unsubscribe_token((NEW,), altered) is None
    assert tokens.read_unsubscribe_token((NEW,), f"x {token}") == row


@given(st.text(alphabet=st.characters()))
def test_any_text_is_survived_as_a_row_token(text: str) -> None:
    """Nothing of random text is a token, and none makes the reading raise."""
    assert tokens.read_unsubscribe_token((NEW,), text) is None
    assert tokens.read_bounce_addresses((NEW,), [text, f"a+b-{text}@b.example"]) == ()

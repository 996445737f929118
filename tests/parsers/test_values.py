"""Values as people write them: days to come, ranges, addresses, numbers, lists of dates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.parsers.dates import Calendar, date_inside, read_date, split_dates
from intake.parsers.values import take
from tests.support.forms import CATALOGUE, FORMS, NOW, plain, read

CALENDAR = Calendar(NOW, "America/Chicago", "MDY")
TRAINING = ("preferred_training_date", "preferred_training_date_2", "preferred_training_date_3")


@pytest.mark.parametrize(
    "words",
    [
        "10/20/2021 - 10/22/2021", "9/7/2021-9/9/2021", "2021-10-20 to 2021-10-22",
        "9/7/2021 or 9/8/2021", "9/7/2021, 9/8/2021", "10/20/2021-2022", "between 9/1 and 9/3",
        "Sept 1-3, 2021", "monday-friday", "09/07/2021 since the update", "week of 9/6/2021",
    ],
)  # fmt: skip
def test_a_range_is_no_day(words: str) -> None:
    """Two days, or a day among other words, do not mean one day for sure."""
    assert read_date(words, CALENDAR) is None


@pytest.mark.parametrize("words", ["27", "27, 2021", "9:00 AM", "7th", "version 12.3.4", "12.3.4"])
def test_a_bare_number_or_a_time_is_no_day(words: str) -> None:
    """Versions, rooms and times hold digits, too."""
    assert read_date(words, CALENDAR) is None


@pytest.mark.parametrize(
    "words",
    [
        "09/07/2021 (approx.)", "09/07/2021 around noon", "9/7/2021, 9:00 AM CDT",
        "2021-09-07T08:30:00Z", "2021-09-07 08:30:00.123456+02:00", "9/7/2021 in the morning",
        "Tuesday, September 7, 2021", "Tues 9/7/2021", "07-Sep-2021", "9.7.21", "since 9/7/2021",
    ],
)  # fmt: skip
def test_a_day_with_a_time_or_a_remark_is_that_day(words: str) -> None:
    """What stands beside the date does not make it another one."""
    found = read_date(words, CALENDAR)
    assert found is not None
    assert found.isoformat() == "2021-09-07"


@pytest.mark.parametrize(
    ("words", "past", "future"),
    [
        ("October 20", "2020-10-20", "2021-10-20"),
        ("10/20", "2020-10-20", "2021-10-20"),
        ("Monday", "2021-09-13", "2021-09-20"),
        ("Sept 7", "2021-09-07", "2022-09-07"),
        ("In 3 days", "2021-09-18", "2021-09-18"),
    ],
)
def test_a_day_without_a_year_lies_where_its_field_looks(
    words: str, past: str, future: str
) -> None:
    """An issue began on the last Monday, a training is wished for on the next one."""
    began = take(words, CATALOGUE.fields["issue_began"], "server_issue", CATALOGUE, CALENDAR)
    field = CATALOGUE.fields["preferred_training_date"]
    wished = take(words, field, "request_training", CATALOGUE, CALENDAR)
    assert (began.value, wished.value) == (past, future)


def test_a_wish_without_a_year_is_not_asked_about_again() -> None:
    """ "October 20" written in September is no date of last year."""
    got = read(plain({**FORMS["request_consulting"], "Preferred Consult Date": "October 20"}))
    assert (got.missing, got.problems) == ((), ())
    assert got.fields["preferred_consult_date"].value == "2021-10-20"


def test_an_old_loss_is_found_behind_a_remark() -> None:
    """Thirty days are thirty days, "around noon" or not."""
    form = {**FORMS["data_restore"], "Approximate Date of Loss": "08/01/2021 (approx.)"}
    assert [one.code for one in read(plain(form)).problems] == ["too-old"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("Monday, October 25, 2021", ["Monday, October 25, 2021"]),
        ("Fri, 10/22/2021; Thurs, Oct 28", ["Fri, 10/22/2021", "Thurs, Oct 28"]),
        ("Monday, Tuesday or Friday", ["Monday", "Tuesday", "Friday"]),
        ("10/20/2021, 9:00 AM", ["10/20/2021, 9:00 AM"]),
        ("10/20/2021, 9 am, 10/21/2021", ["10/20/2021, 9 am", "10/21/2021"]),
        ("Oct 20, 2021, Oct 21, 2021", ["Oct 20, 2021", "Oct 21, 2021"]),
        ("", []),
    ],
)
def test_a_comma_inside_a_date_does_not_end_it(words: str, parts: list[str]) -> None:
    """Behind a weekday, before a year and before a time it belongs to the date."""
    assert split_dates(words) == parts


def test_weekdays_before_dates_are_no_dates_of_their_own() -> None:
    """Two wishes with their weekdays are two wishes."""
    words = "Wednesday, 20 October 2021; Thursday, 21 October 2021"
    got = read(plain({**FORMS["request_consulting"], "Preferred Consult Date": words}))
    assert got.fields["preferred_consult_date"].value == "2021-10-20"
    assert got.fields["preferred_consult_date_2"].value == "2021-10-21"
    assert (got.missing, got.problems) == ((), ())


@pytest.mark.parametrize(
    "words",
    [
        "j@x.example.", "mailto:j@x.example", "j@x.example<mailto:j@x.example>",
        "[j@x.example](mailto:j@x.example)", "'j@x.example'", "**j@x.example**", "(j@x.example)",
        "Jessie Spano <j@x.example>", "\u200bj@x.example\u00a0", "email: j@x.example, thanks",
    ],
)  # fmt: skip
def test_an_address_is_taken_out_of_what_programs_put_round_it(words: str) -> None:
    """Links, quotes, stars and full stops are no part of it."""
    field = CATALOGUE.fields["contact_email"]
    got = take(words, field, "modify_support_contacts", CATALOGUE, CALENDAR)
    assert (got.value, got.code) == ("j@x.example", "")


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ("555-010-2030 (cell)", True),
        ("(555) 010-2030, ext 5", True),
        ("555.010.2030 #12", True),
        ("+49 30 1234567", True),
        ("12345", False),
        ("555-010-2030 or 555-010-2031", False),
        ("1" * 16, False),
    ],
)
def test_a_number_keeps_its_extension_and_remark(words: str, good: bool) -> None:
    """It is kept as written; what is no number is named."""
    field = CATALOGUE.fields["contact_primary_phone"]
    got = take(words, field, "modify_support_contacts", CATALOGUE, CALENDAR)
    assert (got.value, got.code) == ((words, "") if good else (None, "bad-phone"))


@given(st.text(max_size=120))
def test_no_words_make_any_kind_raise(words: str) -> None:
    """Every field takes any text: as a value or as a problem."""
    for field in CATALOGUE.fields.values():
        for name in field.types:
            taken = take(words, field, name, CATALOGUE, CALENDAR)
            assert not (taken.blocking and taken.value is not None)
    split_dates(words)


@given(st.dates(min_value=NOW.date().replace(year=1900), max_value=NOW.date().replace(year=2199)))
def test_a_day_reads_back_however_it_is_written(day: object) -> None:
    """Numbers in the account's order, ISO form and a month by name all mean that day."""
    for form in ("{0:%m/%d/%Y}", "{0:%Y-%m-%d}", "{0:%d %B %Y}", "{0:%A, %B %d, %Y}"):
        assert read_date(form.format(day), CALENDAR) == day


@pytest.mark.parametrize(("text", "good"), [("1-800-FLOWERS", True), ("call me", False)])
def test_the_phone_library_knows_more_ways(text: str, good: bool) -> None:
    """Letters for digits are a number where the extra is installed, as it is in the tests."""
    field = CATALOGUE.fields["contact_primary_phone"]
    calendar = Calendar(NOW, "America/Chicago", "MDY")
    found = take(text, field, "modify_support_contacts", CATALOGUE, calendar)
    assert (found.value == text) is good


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("We would prefer March 24, 2026.", "2026-03-24"),
        ("it would be 3/24/2026 for us, please", "2026-03-24"),
        ("best on the 24th of March or so", None),
        ("either March 24 or March 26", None),
        ("March 24, 2026 and then March 26, 2026", None),
        ("not March 24, 2026", None),
        ("any day after March 24, 2026", None),
        ("version 1.2.3 of 24", None),
        ("el 24 de marzo de 2026 nos va bien", "2026-03-24"),
    ],
)
def test_a_whole_date_in_a_sentence_counts(words: str, day: str | None) -> None:
    """One of them, and nothing that makes another day of it."""
    calendar = Calendar(NOW, "America/Chicago", "MDY", ("en", "es"), ahead=True)
    found = date_inside(words, calendar)
    assert (found.isoformat() if found else None) == day

"""The words of notices: long ones, lists, zones, templates, and whatever people write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.config import loader as configuration
from intake.incidents.notice import Built, LetterError, address, build, clock_text
from intake.incidents.notice_content import MAX_TEXT_CHARS, OWN, named
from intake.incidents.times import span
from intake.letters.letter import Templates
from intake.letters.locale import locale
from intake.letters.operator_text import blocks
from intake.letters.text import text_lines
from intake.notifier import Addressee, Notice
from intake.worker import bootstrap, notice_bootstrap
from intake.worker.letter_settings import load_templates
from tests.support.calendars import read
from tests.support.notice_letters import Words, parsed, parts, subject, written
from tests.support.notices import (
    INCIDENT,
    KINDS,
    MAINTENANCE,
    NOW,
    STYLE,
    ZACK,
    ZONE,
    letter_context,
    planned,
    update,
)

ANY = st.text(alphabet=st.characters(), max_size=80) | st.sampled_from(
    [
        "a\r\nBcc: evil@x.example", "x" * 10_000, "\0\x1b[31m", "\ud800", "\ue000\U000f0000",
        "".join(OWN), "{{7*7}}", "{% include 'ack/body.txt' %}", "</title><script>x()</script>",
        '"><img src=x>', "=?utf-8?q?=0D=0ABcc=3A_x?=", "\u202eabc", "&amp;&lt;", "-- ", "- a\n- b",
        "https://x.example/\"onclick='x'", "javascript:alert(1)", "]]>", "<!--[if mso]>", "ü" * 300,
        "word " * 400, "🎓\u200d🎓", "\u2028\u2029", "unsubscribe 1-aaaaaaaaaaaaaaaa", "* x\n• y",
    ]
)  # fmt: skip


def test_a_text_too_long_is_refused_by_name() -> None:
    """Nothing is cut off silently: the operator hears which text and how long."""
    with pytest.raises(LetterError, match="INC-42, update 1: the text has 10001 characters"):
        build(
            Notice(INCIDENT, update(text="x" * (MAX_TEXT_CHARS + 1)), ZONE), letter_context(), STYLE
        )
    letter = written(Notice(INCIDENT, update(text="ü " * (MAX_TEXT_CHARS // 2)), ZONE))
    assert letter.text.count("ü") == MAX_TEXT_CHARS // 2


def test_missed_updates_beyond_the_room_are_counted() -> None:
    """The newest are told, the rest is said to be left out."""
    missed = tuple(update(n, text=f"News {n}. " + "x " * 1500) for n in range(1, 9))
    text = written(Notice(INCIDENT, update(9), ZONE, earlier=missed)).text
    assert [n for n in range(1, 9) if f"News {n}." in text] == [6, 7, 8]
    assert "5 older ones are left out here." in text


def test_spans_of_time_are_told_in_words() -> None:
    """Days, hours and minutes, each left out where there are none."""
    told = [span(timedelta(minutes=minutes)) for minutes in (0, 1, 60, 1440, 1501)]
    assert told == ["less than a minute", "1 minute", "1 hour", "1 day", "1 day 1 hour 1 minute"]


def test_many_names_are_not_all_named() -> None:
    """Twenty, and how many more."""
    said = locale(letter_context())
    assert named((f"M{n}" for n in range(23)), said).endswith("M18, M19 and 3 more")
    assert named([], said) == ""
    assert named(["A"], said) == "A"


def test_paragraphs_and_lists_are_told_apart() -> None:
    """Wrapped lines belong together, "- " begins an item, links lose the full stop behind them."""
    first, second = blocks(
        "Look at https://a.example/x.\nNow:\n- one\n  more\n- two\n\n\n", joined=True
    )
    assert first.texts == ("Look at https://a.example/x. Now:",)
    assert [one.href for one in first.lines[0]] == ["", "https://a.example/x", ""]
    assert second.texts == ("- one more", "- two")
    assert blocks(" \n\t\n", joined=True) == ()


def test_an_operators_text_reads_the_same_in_a_notice_and_on_the_page() -> None:
    """The same lists, the same links, the same end of a list."""
    text = "See https://en.wikipedia.example/wiki/Grade_(education).\n* one\n- two\nAnd then."
    for joined in (False, True):
        paragraph, listed, last = blocks(text, joined=joined)
        assert [span.href for span in paragraph.lines[0] if span.href] == [
            "https://en.wikipedia.example/wiki/Grade_(education)"
        ]
        assert listed.texts == ("- one", "- two")
        assert last.texts == ("And then.",)
    assert text_lines("* one\n- two") == ["- one", "- two"]


def test_the_clock_has_words_for_what_it_writes() -> None:
    """A reminder, a start, an end; an empty text is filled with them."""
    told = {
        clock_text(letter_context(), kind, status)
        for kind, status in (("reminder", "scheduled"), ("automatic", "in progress"),
                             ("automatic", "verifying"), ("automatic", "completed"),
                             ("cancellation", "cancelled"))
    }  # fmt: skip
    assert len(told) == 5
    assert "" not in told
    assert clock_text(letter_context(), "update", "scheduled") == ""


@pytest.mark.parametrize("zone", ["", "Nowhere/Town", "../etc/passwd", "America", "\0", "\ud800"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    """The letter goes out all the same."""
    assert "14:15 UTC." in written(Notice(INCIDENT, update(), zone)).text


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Etc/GMT+5", "9:15 AM UTC-05:00 (14:15 UTC)"),
        ("America/Sao_Paulo", "11:15 AM UTC-03:00 (14:15 UTC)"),
        ("Asia/Kathmandu", "8:00 PM UTC+05:45 (14:15 UTC)"),
        ("Pacific/Auckland", "Tuesday, March 3, 2026, 3:15 AM NZDT (March 2, 14:15 UTC)"),
        ("Europe/London", "Monday, March 2, 2026, 14:15 UTC"),
    ],
)
def test_zones_are_named_so_that_they_can_be_read(zone: str, words: str) -> None:
    """Letters where a zone has some, else its distance from UTC; the other day where it is one."""
    text = " ".join(written(Notice(INCIDENT, update(), zone)).text.split())
    assert words in text


NOTICES = st.builds(
    Notice,
    incident=st.builds(
        lambda base, title, impact, modules, reason, zone_class: replace(
            base, title=title, impact=impact, modules=modules, short_notice=reason,
            notice_class=zone_class,
        ),
        st.sampled_from([INCIDENT, MAINTENANCE]), ANY, ANY,
        st.lists(ANY, max_size=3).map(tuple), ANY, ANY,
    ),
    update=st.builds(
        lambda base, text, status, kind: replace(base, text=text, status=status, kind=kind),
        st.sampled_from([update(), planned()]), ANY, ANY | st.just("scheduled"),
        ANY | st.sampled_from(["reminder", "correction", "reschedule"]),
    ),
    zone=ANY | st.just(ZONE),
    earlier=st.lists(st.builds(lambda text: update(text=text), ANY), max_size=2).map(tuple),
    plain=st.booleans(),
    cases=st.lists(ANY, max_size=2).map(tuple),
    was=st.none() | st.just(planned()),
)  # fmt: skip

PEOPLE = st.builds(
    lambda name, reasons: replace(ZACK, name=name, reasons=reasons),
    ANY, st.lists(ANY, max_size=3).map(tuple),
)  # fmt: skip

FIELDS = parsed(written(KINDS["investigating"])).keys()


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(NOTICES, PEOPLE, ANY, ANY)
def test_whatever_is_written_it_stays_words(
    notice: Notice, person: Addressee, name: str, service: str
) -> None:
    """No text adds a field, breaks a part, runs as a template, or differs between text and HTML."""
    style, own = replace(STYLE, name=name), replace(letter_context(), service=service)
    letter = address(build(notice, own, style), person, own, style, NOW)
    assert parsed(letter).keys() == FIELDS
    assert letter.raw.isascii()
    found = parts(letter)
    assert set(found) - {"text/calendar", "application/ics"} == {"text/plain", "text/html"}
    page = Words(found["text/html"])
    assert page.words == re.findall(r"\w+", found["text/plain"])
    assert not {"script", "img"} & set(page.tags)
    assert all(link.startswith(("https://", "http://", "mailto:cases@")) for link in page.links)
    assert not set("".join(OWN)) & set("".join(found.values()))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", letter.text)
    if "text/calendar" in found:
        read(found["text/calendar"])


def test_no_name_of_ours_can_hold_a_placeholder() -> None:
    """Not in the fields, the text, or the calendar entry."""
    own, style = replace(letter_context(), service="".join(OWN)), replace(STYLE, name="".join(OWN))
    letter = address(build(KINDS["scheduled"], own, style), ZACK, own, style, NOW)
    assert not set("".join(OWN)) & set("".join(parts(letter).values()))


def test_a_state_is_one_line_of_words() -> None:
    """Whatever is stored as one."""
    letter = written(Notice(MAINTENANCE, planned(status="\x1f0\nx"), ZONE))
    assert letter.text.startswith("Maintenance 0 x: Database")


def test_a_title_that_is_a_template_is_only_a_title() -> None:
    """The words of people are values."""
    letter = written(Notice(replace(INCIDENT, title="{{7*7}} {% raw %}"), update(), ZONE))
    assert "{{7*7}} {% raw %}" in letter.text
    assert "{{7*7}} {% raw %}" in subject(letter)


def test_the_id_is_in_every_subject_however_long_the_title() -> None:
    """Replies are known by it, so the title gives way."""
    letter = written(Notice(replace(INCIDENT, title="word " * 2000), update(), ZONE))
    assert letter.subject.endswith("… (INC-42)")
    assert subject(letter) == letter.subject
    named_long = replace(STYLE, name="n" * 80)
    built = build(
        Notice(replace(INCIDENT, title="x" * 10_000), update(), ZONE), letter_context(), named_long
    )
    assert built.subject.endswith("(INC-42)")


def test_operators_may_write_their_own_html(tmp_path: Path) -> None:
    """A file in their folder takes the shipped one over, values in it are escaped."""
    folder = tmp_path / "letters" / "notice"
    folder.mkdir(parents=True)
    (folder / "body.html").write_text(
        "<html><body><p>{{ title }} for {{ person }}</p></body></html>"
    )
    (tmp_path / "config.toml").write_text('[replies]\ntemplates = "letters"\n')
    config = configuration.load(str(tmp_path / "config.toml"), {})
    own = replace(letter_context(), templates=load_templates(config))
    notice = Notice(replace(INCIDENT, title="<i>"), update(), ZONE)
    letter = address(build(notice, own, STYLE), ZACK, own, STYLE, NOW)
    assert "<p>&lt;i&gt; for Zack Morris</p>" in parts(letter)["text/html"]


@pytest.mark.parametrize("source", ["{{ nothing }}", "{{ title.__class__ }}", "{% if %}"])
def test_a_wrong_template_is_named(source: str) -> None:
    """The error says which file; nothing goes out."""
    sources: Mapping[str, str] = _sources() | {"notice/body.html": source}
    own = replace(letter_context(), templates=Templates(sources))
    with pytest.raises(LetterError, match=r"notice/body.html"):
        build(KINDS["investigating"], own, STYLE)


def _sources() -> dict[str, str]:
    shipped = Path(bootstrap.__file__).parents[1] / "templates"
    return {
        path.relative_to(shipped).as_posix(): path.read_text() for path in shipped.glob("*/*.*")
    }


def test_the_style_is_the_configuration_and_what_follows_from_it(tmp_path: Path) -> None:
    """Every part has a value when nothing is configured, and the configured one else."""
    file = tmp_path / "config.toml"
    file.write_text('[service]\nname = "Desk"\naddress = "cases@Desk.example"\n')
    style = notice_bootstrap.style(configuration.load(str(file), {}))
    assert style.name == "Desk status"
    assert style.list_id == "status.desk.example"
    assert style.from_address == style.reply_to == style.bounce_address == "cases@Desk.example"
    assert style.mandatory == ("outage", "security")
    file.write_text(
        '[service]\naddress = "cases@desk.example"\n[delivery]\nbounce_address = "b@desk.example"\n'
        "verp = false\n"
        '[notices]\nname = "N"\nfrom_address = "n@desk.example"\nlist_id = "n.desk.example"\n'
        'unsubscribe_url = "https://u.example/"\nlead_days = 3\n'
        '[page]\nurl = "https://p.example/"\n'
    )
    style = notice_bootstrap.style(configuration.load(str(file), {}))
    shown = {one.name: getattr(style, one.name) for one in fields(style)}
    assert shown == {
        "name": "N", "from_address": "n@desk.example", "reply_to": "cases@desk.example",
        "bounce_address": "b@desk.example", "verp": False, "list_id": "n.desk.example",
        "unsubscribe_url": "https://u.example/", "mandatory": ("outage", "security"),
        "page_url": "https://p.example/", "lead_days": 3,
    }  # fmt: skip


def test_a_built_notice_shows_its_text_for_a_preview() -> None:
    """Text and HTML are those that offer a way to unsubscribe."""
    built: Built = build(KINDS["scheduled"], letter_context(), STYLE)
    assert (built.text, built.html) == (built.copy.text, built.copy.html)
    assert "unsubscribe" in built.text
    assert "unsubscribe" not in built.bound.text

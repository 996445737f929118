"""The mail of a notice: its fields, its thread, its words, and whatever people write into it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path

import mailparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.config import loader as configuration
from intake.incidents.notice import Built, LetterError, NoticeLetter, address, build, clock_text
from intake.incidents.notice_content import MAX_TEXT_CHARS, OWN, blocks, named
from intake.incidents.times import span
from intake.letters.letter import Templates
from intake.mail import tokens
from intake.mail.addresses import ascii_lower
from intake.notifier import Addressee, Notice
from intake.worker import bootstrap, notice_bootstrap
from tests.calendars import Diary, read
from tests.notices import (
    INCIDENT,
    KINDS,
    MAINTENANCE,
    NOW,
    SECRETS,
    STYLE,
    ZACK,
    ZONE,
    house,
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


class Words(HTMLParser):
    """The words a reader sees, and what was linked; the preheader is kept apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.preheader = ""
        self.links: list[str] = []
        self.tags: list[str] = []
        self._where = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes where the next words stand."""
        given = dict(attrs)
        self.tags.append(tag)
        if tag in ("style", "title") or given.get("class") == "preheader":
            self._where = given.get("class") or tag
        if tag == "a":
            self.links.append(given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Ends what is not shown."""
        if tag in ("style", "title", "div"):
            self._where = ""

    def handle_data(self, data: str) -> None:
        """Takes words down."""
        if self._where == "preheader":
            self.preheader += data
        elif not self._where:
            self.seen.append(data)

    @property
    def words(self) -> list[str]:
        """In the order shown."""
        return re.findall(r"\w+", " ".join(self.seen))


def written(notice: Notice, person: Addressee = ZACK) -> NoticeLetter:
    """The letter of a notice."""
    return address(build(notice, house(), STYLE), person, house(), STYLE, NOW)


def parts(letter: NoticeLetter) -> dict[str, str]:
    """Its leaves by type, decoded by the standard library."""
    found = {}
    for part in message_from_bytes(letter.raw).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[part.get_content_type()] = payload.decode("utf-8")
    return found


def parsed(letter: NoticeLetter) -> Message:
    """Its header as the standard library reads it."""
    return message_from_bytes(letter.raw)


def subject(letter: NoticeLetter) -> str:
    """The subject as a reader sees it."""
    return str(make_header(decode_header(parsed(letter)["Subject"])))


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_say_the_same(kind: str) -> None:
    """The same words in the same order; the preheader is a copy of what stands on top."""
    found = parts(written(KINDS[kind]))
    page = Words(found["text/html"])
    assert page.words == re.findall(r"\w+", found["text/plain"])
    state = found["text/plain"].partition(":")[0]
    assert page.preheader.startswith(state)
    assert not set("".join(OWN)) & set("".join(found.values()))


def test_the_fields_are_those_of_a_notice() -> None:
    """Who it is from, where answers and reports go, and that no robot shall answer."""
    letter = written(KINDS["investigating"])
    head = parsed(letter)
    assert head["From"] == '"Campus Support" <status@support.example>'
    assert head["Reply-To"] == "cases@support.example"
    assert head["To"] == "zack.morris@bayside.example"
    assert head["Subject"] == "[Campus status] Grade Book posting delayed (INC-42)"
    assert head["Message-ID"] == ZACK.message_id
    assert head["List-Id"] == '"Campus status" <status.support.example>'
    assert head["List-Unsubscribe"] == (
        f"<mailto:cases@support.example?subject=unsubscribe%20{ZACK.unsubscribe}>"
    )
    assert "List-Unsubscribe-Post" not in head
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["X-Auto-Response-Suppress"] == "All"
    assert head["Precedence"] == "bulk"
    assert parsedate_to_datetime(head["Date"]) == NOW
    assert len(set(map(str.lower, head.keys()))) == len(head.keys())


def test_without_an_address_of_its_own_answers_need_no_other() -> None:
    """Reply-To stands only where it says something."""
    style = replace(STYLE, from_address=STYLE.reply_to)
    letter = address(build(KINDS["scheduled"], house(), style), ZACK, house(), style, NOW)
    assert "Reply-To" not in parsed(letter)


def test_every_update_is_in_the_readers_thread() -> None:
    """One subject, the root first, then the last letter; whoever joins late has the root alone."""
    of_one = [KINDS[name] for name in ("investigating", "monitoring", "resolved", "correction")]
    assert len({subject(written(notice)) for notice in of_one}) == 1
    later = parsed(written(of_one[1]))
    assert later["In-Reply-To"] == ZACK.last_id
    assert later["References"].split() == [ZACK.root_id, ZACK.last_id]
    first = parsed(written(of_one[0], replace(ZACK, last_id="")))
    assert first["In-Reply-To"] == ZACK.root_id
    assert first["References"].split() == [ZACK.root_id]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_bytes(kind: str) -> None:
    """What may have arrived is sent again as it was."""
    assert written(KINDS[kind]).raw == written(KINDS[kind]).raw


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_of_mail_finds_the_same(kind: str) -> None:
    """mail-parser sees no defect, the same sender, subject, text, HTML and attachment."""
    letter = written(KINDS[kind])
    mail = mailparser.parse_from_bytes(letter.raw)
    assert not mail.defects_categories
    assert mail.from_ == [("Campus Support", "status@support.example")]
    assert mail.subject == letter.subject
    assert "".join(mail.text_plain).replace("\r\n", "\n") == letter.text
    assert len(mail.text_html) == 1
    entry = bool(build(KINDS[kind], house(), STYLE).calendar)
    names = [one["filename"] for one in mail.attachments if one["filename"]]
    assert ("maintenance.ics" in names) is entry


@pytest.mark.parametrize(
    ("kind", "says", "says_not"),
    [
        ("investigating", ["Investigating: Grade Book posting delayed", "been affected since "
                           "Monday, March 2, 2026, 8:15 AM CST (14:15 UTC)", "no need to call",
                           "Next update by: Monday, March 2, 2026, 10:30 AM CST (16:30 UTC)",
                           "Somebody at your organization has to get mails about outages"],
         ["unsubscribe", "Earlier updates"]),
        ("own cases", ["Your cases CASE-1001 and CASE-1007 are part of this; there is no need to "
                       "call."], ["If you see this too"]),
        ("identified, two missed", ["Your case CASE-1001 is part of this", "Earlier updates you "
                                    "have not had", "We are looking into it.", "- the disk"], []),
        ("monitoring", ["A fix is in place"], []),
        ("resolved", ["Resolved:", "Grade Book works again", "after 6 hours 15 minutes",
                      "If you still see it, reply to this mail."], ["Next update", "no need"]),
        ("correction", ["Investigating, correction:", "This corrects what we wrote on Monday, "
                        "March 2, 2026, 8:50 AM CST (14:50 UTC)."], []),
        ("correction, never had the wrong one", ["Investigating: Grade"], ["correct"]),
        ("no modules, everybody", ["We have known of this since Monday, March 2, 2026, 14:15 UTC."],
         ["CST", "(14:15"]),
        ("scheduled", ["Scheduled maintenance:", "for 4 hours", "Begins: Monday, March 16, 2026, "
                       "10:00 PM CDT (March 17, 03:00 UTC)", "into your calendar",
                       "with this subject: unsubscribe 17-k7q2m7xdk7q2m7xd"], ["14 days"]),
        ("short notice", ["We announce this less than 14 days ahead because a disk may fail any "
                          "day."], []),
        ("emergency", ["less than 14 days ahead because it is an emergency."], []),
        ("reminder", ["Scheduled maintenance, reminder:", "Save your work"], ["14 days"]),
        ("reschedule", ["Scheduled maintenance, new time:", "Begins: Wednesday, March 18, 2026",
                        "Before this change: from Monday, March 16, 2026, 10:00 PM CDT (March 17, "
                        "03:00 UTC) to Tuesday, March 17, 2026, 2:00 AM CDT (07:00 UTC)",
                        "it moves the one in your calendar"], []),
        ("started", ["Maintenance in progress:", "Began:", "Planned end:"], ["calendar"]),
        ("verifying", ["Maintenance being verified:", "The planned end has come."], ["calendar"]),
        ("completed", ["Maintenance completed:", "it took 3 hours", "Ended: Tuesday, March 17"],
         ["calendar"]),
        ("cancelled", ["Maintenance cancelled:", "will not take place", "out of your calendar"],
         ["Next update"]),
        ("informational", ["7:45 PM IST (14:15 UTC)", "No more mails about general news"], []),
    ],
)  # fmt: skip
def test_each_kind_says_what_its_readers_need(
    kind: str, says: list[str], says_not: list[str]
) -> None:
    """State, moments in both zones, what to do; and nothing that belongs to another kind."""
    text = " ".join(written(KINDS[kind]).text.split())
    assert [words for words in says if words not in text] == []
    assert [words for words in says_not if words in text] == []


def test_every_kind_is_judged_above() -> None:
    """No kind of notice goes out that nobody has looked at."""
    marks = test_each_kind_says_what_its_readers_need.pytestmark  # type: ignore[attr-defined] # pytest's own
    assert {row[0] for mark in marks for row in mark.args[1]} == set(KINDS)


def test_lines_are_short_and_moments_are_not_torn() -> None:
    """Text wraps at 72 and never inside a time of day."""
    for notice in KINDS.values():
        text = written(notice).text
        assert max(map(len, text.split("\n"))) <= 72
        assert not re.search(r"\d:\d\d\n|\n(AM|PM|UTC)|\(March\n", text)


def test_entries_follow_the_plan() -> None:
    """Announced, moved, called off: one entry, another time, none."""
    diary = Diary()
    diary.take(parts(written(KINDS["scheduled"]))["text/calendar"])
    (entry,) = diary.entries()
    diary.take(parts(written(KINDS["reschedule"]))["text/calendar"])
    (moved,) = diary.entries()
    assert moved.time("DTSTART") - entry.time("DTSTART") == timedelta(days=2)
    gone = written(KINDS["cancelled"])
    assert "method=CANCEL" in gone.raw.decode()
    diary.take(parts(gone)["text/calendar"])
    assert diary.entries() == []


def test_letters_with_nothing_for_a_calendar_have_no_entry() -> None:
    """Incidents, a start, an end."""
    for kind in ("investigating", "started", "verifying", "completed"):
        assert "text/calendar" not in parts(written(KINDS[kind]))
    bare = replace(MAINTENANCE, starts_at=None, ends_at=None)
    notice = Notice(bare, planned(starts_at=None, ends_at=None), ZONE)
    assert "text/calendar" not in parts(written(notice))
    assert "calendar" not in written(notice).text


def test_what_is_the_readers_own_is_theirs_alone() -> None:
    """Name, reasons and token differ; everything else is the same."""
    archie = replace(
        ZACK, contact_id="archie", name="Archie <b>Andrews</b> & Co",
        address="archie@riverdale.example", reasons=("Technical at Riverdale", "filed CASE-9"),
        message_id="<notice.INC-57.g.h@support.example>", unsubscribe="18-" + "b" * 16, row=18,
    )  # fmt: skip
    built = build(KINDS["scheduled"], house(), STYLE)
    one = address(built, ZACK, house(), STYLE, NOW)
    other = address(built, archie, house(), STYLE, NOW)
    assert "Hello Archie <b>Andrews</b> & Co," in other.text
    assert "Hello Archie &lt;b&gt;Andrews&lt;/b&gt; &amp; Co," in parts(other)["text/html"]
    assert "Why you get this: Technical at Riverdale; filed CASE-9." in other.text
    assert archie.unsubscribe in other.text
    assert "18-" not in one.text
    mine = one.text.replace("Zack Morris", "N").replace(ZACK.reasons[0], "R").replace("17-k7", "T")
    assert mine.split("\n")[:8] == other.text.replace(archie.name, "N").split("\n")[:8]


def test_names_and_reasons_have_a_stand_in() -> None:
    """Somebody without them is still greeted and told why."""
    letter = written(KINDS["scheduled"], replace(ZACK, name="\u202e", reasons=()))
    assert "Hello there," in letter.text
    assert "Why you get this: you are a contact of ours." in letter.text


def test_without_a_token_no_way_to_unsubscribe_is_offered() -> None:
    """Neither in the header nor below the text."""
    letter = written(KINDS["scheduled"], replace(ZACK, unsubscribe=""))
    assert "List-Unsubscribe" not in parsed(letter)
    assert "unsubscribe" not in letter.text
    assert "unsubscribe" not in parts(letter)["text/html"]
    with pytest.raises(LetterError, match="token"):
        written(KINDS["scheduled"], replace(ZACK, unsubscribe='"><b>'))


def test_a_web_address_makes_it_one_click() -> None:
    """RFC 8058: both fields; the text has the address with the token behind it."""
    style = replace(STYLE, unsubscribe_url="https://status.example/u?t=")
    letter = address(build(KINDS["scheduled"], house(), style), ZACK, house(), style, NOW)
    assert parsed(letter)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = f"https://status.example/u?t={ZACK.unsubscribe}"
    assert f"<{url}>" in parsed(letter)["List-Unsubscribe"]
    assert url in letter.text
    assert url in Words(parts(letter)["text/html"]).links


def test_links_go_where_they_say() -> None:
    """Web addresses in the text, and a mail that unsubscribes; nothing else is a link."""
    links = Words(parts(written(KINDS["investigating"]))["text/html"]).links
    assert links == ["https://status.example/INC-42", "https://status.example/"]
    links = Words(parts(written(KINDS["scheduled"]))["text/html"]).links
    assert links[-1] == f"mailto:cases@support.example?subject=unsubscribe%20{ZACK.unsubscribe}"


def test_reports_go_to_an_address_of_the_letters_own() -> None:
    """The bounce address names the row; without VERP or without a row it is the plain one."""
    letter = written(KINDS["investigating"])
    assert tokens.read_bounce_addresses(SECRETS, [ascii_lower(letter.sender)]) == (17,)
    assert written(KINDS["investigating"], replace(ZACK, row=0)).sender == STYLE.bounce_address
    style = replace(STYLE, verp=False)
    plain = address(build(KINDS["investigating"], house(), style), ZACK, house(), style, NOW)
    assert plain.sender == STYLE.bounce_address


def test_nothing_is_fetched_and_nothing_tracked() -> None:
    """No pictures, no remote style, no script, no address but links in the words."""
    for notice in KINDS.values():
        html = parts(written(notice))["text/html"]
        assert not {"img", "script", "link", "iframe", "form"} & set(Words(html).tags)
        assert not re.search(r"src=|url\(|@import|refresh|background=", html)


def test_a_text_too_long_is_refused_by_name() -> None:
    """Nothing is cut off silently: the operator hears which text and how long."""
    with pytest.raises(LetterError, match="INC-42, update 1: the text has 10001 characters"):
        build(Notice(INCIDENT, update(text="x" * (MAX_TEXT_CHARS + 1)), ZONE), house(), STYLE)
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
    assert named(f"M{n}" for n in range(23)).endswith("M18, M19 and 3 more")
    assert named([]) == ""
    assert named(["A"]) == "A"


def test_paragraphs_and_lists_are_told_apart() -> None:
    """Wrapped lines belong together, "- " begins an item, links lose the full stop behind them."""
    first, second = blocks("Look at https://a.example/x.\nNow:\n- one\n  more\n- two\n\n\n")
    assert first.lines == ("Look at https://a.example/x. Now:",)
    assert [one.href for one in first.items[0]] == ["", "https://a.example/x", ""]
    assert second.lines == ("- one more", "- two")
    assert blocks(" \n\t\n") == ()


def test_the_clock_has_words_for_what_it_writes() -> None:
    """A reminder, a start, an end; an empty text is filled with them."""
    told = {
        clock_text(house(), kind, status)
        for kind, status in (("reminder", "scheduled"), ("automatic", "in progress"),
                             ("automatic", "verifying"), ("automatic", "completed"),
                             ("cancellation", "cancelled"))
    }  # fmt: skip
    assert len(told) == 5
    assert "" not in told
    assert clock_text(house(), "update", "scheduled") == ""


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


@settings(max_examples=150, deadline=None)
@given(NOTICES, PEOPLE, ANY, ANY)
def test_whatever_is_written_it_stays_words(
    notice: Notice, person: Addressee, name: str, service: str
) -> None:
    """No text adds a field, breaks a part, runs as a template, or differs between text and HTML."""
    style, own = replace(STYLE, name=name), replace(house(), service=service)
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
    own, style = replace(house(), service="".join(OWN)), replace(STYLE, name="".join(OWN))
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
        Notice(replace(INCIDENT, title="x" * 10_000), update(), ZONE), house(), named_long
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
    own = replace(house(), templates=bootstrap.load_templates(config))
    notice = Notice(replace(INCIDENT, title="<i>"), update(), ZONE)
    letter = address(build(notice, own, STYLE), ZACK, own, STYLE, NOW)
    assert "<p>&lt;i&gt; for Zack Morris</p>" in parts(letter)["text/html"]


@pytest.mark.parametrize("source", ["{{ nothing }}", "{{ title.__class__ }}", "{% if %}"])
def test_a_wrong_template_is_named(source: str) -> None:
    """The error says which file; nothing goes out."""
    sources: Mapping[str, str] = _sources() | {"notice/body.html": source}
    own = replace(house(), templates=Templates(sources))
    with pytest.raises(LetterError, match=r"notice/body.html"):
        build(KINDS["investigating"], own, STYLE)


def _sources() -> dict[str, str]:
    shipped = Path(bootstrap.__file__).parents[1] / "templates"
    return {path.relative_to(shipped).as_posix(): path.read_text() for path in shipped.glob("*/*")}


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
    built: Built = build(KINDS["scheduled"], house(), STYLE)
    assert (built.text, built.html) == (built.copy.text, built.copy.html)
    assert "unsubscribe" in built.text
    assert "unsubscribe" not in built.bound.text

"""The mail of a notice: its fields, its thread, its words, and whatever people write into it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import mailparser
import pytest

from intake.incidents.notice import LetterError, address, build
from intake.incidents.notice_content import OWN
from intake.mail import tokens
from intake.mail.addresses import ascii_lower
from intake.notifier import Notice
from tests.support.calendars import Diary
from tests.support.notice_letters import Words, parsed, parts, subject, written
from tests.support.notices import (
    KINDS,
    MAINTENANCE,
    NOW,
    SECRETS,
    STYLE,
    ZACK,
    ZONE,
    letter_context,
    planned,
)


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
    letter = address(
        build(KINDS["scheduled"], letter_context(), style), ZACK, letter_context(), style, NOW
    )
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
    entry = bool(build(KINDS[kind], letter_context(), STYLE).calendar)
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
    built = build(KINDS["scheduled"], letter_context(), STYLE)
    one = address(built, ZACK, letter_context(), STYLE, NOW)
    other = address(built, archie, letter_context(), STYLE, NOW)
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
    letter = address(
        build(KINDS["scheduled"], letter_context(), style), ZACK, letter_context(), style, NOW
    )
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
    plain = address(
        build(KINDS["investigating"], letter_context(), style), ZACK, letter_context(), style, NOW
    )
    assert plain.sender == STYLE.bounce_address


def test_nothing_is_fetched_and_nothing_tracked() -> None:
    """No pictures, no remote style, no script, no address but links in the words."""
    for notice in KINDS.values():
        html = parts(written(notice))["text/html"]
        assert not {"img", "script", "link", "iframe", "form"} & set(Words(html).tags)
        assert not re.search(r"src=|url\(|@import|refresh|background=", html)

"""The notifications page: what it says, what it never says, and that no reader sees half of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from intake.incidents.page import files
from intake.incidents.page.content import length, moment, notices
from intake.letters.incident_summary import place
from intake.letters.operator_text import blocks, clean
from tests.support import page_data
from tests.support.page_reading import ATOM, FIXED, listing, read, visible

HOSTILE = (
    '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7*7 }} ]]> &amp; '
    "javascript:alert(1) data:text/html,x https://status.example/\"onmouseover='x' \x00\x1b\u202e"
)


def test_a_page_a_notice_and_three_feeds_are_written(tmp_path: Path) -> None:
    """The folder holds the front page, a page for each notice, and nothing that is left over."""
    folder = tmp_path / "deep/page"
    assert files.write(folder, page_data.whole(), page_data.NOW)
    own = [f"INC-{number}.html" for number in (30, 35, 37, 38, 41, 42, 43)]
    assert visible(folder) == sorted([*own, *FIXED])
    assert [path.name for path in folder.glob(".*")] == [".writing"]
    assert page_data.dead_links(folder) == []


def test_both_banners_stand_there_the_incident_first(tmp_path: Path) -> None:
    """Orange for incidents, green for maintenances, each with its word; gray when nothing is."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r'class="banner (\w+)">\s*<p>([^<]+)<', text) == [
        ("incident", "Incident open"), ("maintenance", "Maintenance open"),
    ]  # fmt: skip
    files.write(tmp_path, page_data.data(page_data.moved()), page_data.NOW)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r'class="banner (\w+)">', text) == ["maintenance"]
    files.write(tmp_path, page_data.quiet(), page_data.NOW)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r'class="banner (\w+)">\s*<p>([^<]+)<', text) == [("none", "No open notices")]
    for colour in ("#b45309", "#166534", "#4b5563"):
        assert colour in text


def test_a_notice_says_what_when_where_and_until_when(tmp_path: Path) -> None:
    """State, impact, modules, since when, next update by, in local time and UTC."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    text = read(tmp_path / "INC-42.html").text
    for said in (
        "Monitoring Incident INC-42",
        "Impact Grades that teachers post appear up to 40 minutes late.",
        "Affected Grade Book , Campus Parent , Campus Student",
        "Since Tue, Nov 17, 2026, 5:45 AM CST (11:45 UTC)",
        "Next update by Tue, Nov 17, 2026, 10:00 AM CST (16:00 UTC)",
        "A phone call is not needed.",
    ):
        assert said in text
    text = read(tmp_path / "INC-43.html").text
    assert (
        "Planned Tue, Nov 24, 2026, 10:00 PM CST (Nov 25, 04:00 UTC) to "
        "Wed, Nov 25, 2026, 2:00 AM CST (08:00 UTC) 4 hours" in text
    )
    assert "Short notice The old server's support ends this month." in text
    assert "phone" not in text
    text = read(tmp_path / "INC-41.html").text
    assert "Resolved Wed, Nov 11, 2026, 9:05 AM CST (15:05 UTC) · after 1 hour 24 minutes" in text


def test_updates_stand_newest_first_and_reminders_do_not(tmp_path: Path) -> None:
    """What is newest is read first; a reminder tells nothing new."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    for name in ("index.html", "INC-42.html", "atom.xml"):
        text = (tmp_path / name).read_text("utf-8")
        places = [text.index(part) for part in ("Grades appear at once", "Teachers report")]
        assert places == sorted(places)
        assert "An update is due" not in text
    (told,) = (one for one in listing(tmp_path)["open"] if one["id"] == "INC-42")  # type: ignore[attr-defined]  # JSON
    assert [one["number"] for one in told["updates"]] == [5, 4, 2, 1]


def test_a_correction_and_what_it_corrects_know_of_each_other(tmp_path: Path) -> None:
    """The wrong update is struck and says by which it was corrected; both lead to each other."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    text = (tmp_path / "INC-42.html").read_text("utf-8")
    struck = re.search(r"<del>(.*?)</del>", text, re.DOTALL)
    assert struck is not None
    assert "full disk" in struck[1]
    assert 'corrected by <a href="#INC-42-4">' in text
    assert 'of <a href="#INC-42-2">' in text
    front = (tmp_path / "index.html").read_text("utf-8")
    assert 'corrected by <a href="INC-42.html#INC-42-4">' in front
    (told,) = (one for one in listing(tmp_path)["open"] if one["id"] == "INC-42")  # type: ignore[attr-defined]  # JSON
    assert [(one["corrects"], one["corrected_by"]) for one in told["updates"]] == [
        (None, None), (2, None), (None, 4), (None, None),
    ]  # fmt: skip


def test_a_correction_of_what_is_not_shown_leads_nowhere(tmp_path: Path) -> None:
    """The number of a reminder, or of nothing, is no link."""
    made, updates = page_data.grades()
    wrong = replace(updates[3], wrong_number=3)
    files.write(tmp_path, page_data.data((made, (*updates[:3], wrong))), page_data.NOW)
    text = (tmp_path / "INC-42.html").read_text("utf-8")
    assert "<strong>Correction</strong></p>" in text
    assert "<del>" not in text


def test_the_front_page_shows_the_newest_updates_and_leads_to_all(tmp_path: Path) -> None:
    """Five updates of an open notice, and a link to the rest."""
    long = page_data.incident(7, *(f"News {number}." for number in range(1, 9)))
    files.write(tmp_path, page_data.data(long), page_data.NOW)
    front, own = (read(tmp_path / name).text for name in ("index.html", "INC-7.html"))
    assert "News 4." in front
    assert "News 3." not in front
    assert "All 8 updates" in front
    assert all(f"News {number}." in own for number in range(1, 9))
    assert "All 8 updates" not in own


def test_nobody_is_named(tmp_path: Path) -> None:
    """No account, contact type, operator, word list nor anything of cases is in any file."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    for name in visible(tmp_path):
        text = (tmp_path / name).read_text("utf-8").lower()
        for secret in ("bayside", "authorized", "turtle", "operator", "late grades", "case-"):
            assert secret not in text, (name, secret)


def test_what_is_not_public_never_appears(tmp_path: Path) -> None:
    """An incident that is not public is in no file, and goes when it stops being public."""
    secret = page_data.incident(50, "Something leaked.", title="Leak")
    files.write(tmp_path, page_data.data(secret, page_data.grades()), page_data.NOW)
    assert (tmp_path / "INC-50.html").exists()
    hidden = (replace(secret[0], public=False), secret[1])
    assert files.write(tmp_path, page_data.data(hidden, page_data.grades()), page_data.NOW)
    assert not (tmp_path / "INC-50.html").exists()
    for name in visible(tmp_path):
        assert "leak" not in (tmp_path / name).read_text("utf-8").lower(), name


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Markup, templates and scripts in any field are read as typed; no tag comes of them."""
    files.write(
        tmp_path, page_data.data(page_data.incident(1, "x"), page_data.moved()), page_data.NOW
    )
    plain = [read(tmp_path / name).tags for name in ("index.html", "INC-1.html", "INC-43.html")]
    made = page_data.incident(1, HOSTILE, title=HOSTILE, impact=HOSTILE, modules=(HOSTILE,))
    planned = page_data.maintenance(43, HOSTILE, title=HOSTILE, short_notice=HOSTILE)
    folder = tmp_path / "hostile"
    files.write(
        folder, page_data.data(made, planned, title=HOSTILE, service=HOSTILE), page_data.NOW
    )
    for name, before in zip(("index.html", "INC-1.html", "INC-43.html"), plain, strict=True):
        found = read(folder / name)
        assert set(found.tags) <= {*before, "dl", "div", "dt", "dd", "bdi", "a", "br"}
        assert found.tags["script"] == found.tags["img"] == 0
        assert "<script>alert(1)</script>" in found.text
        assert "{{ 7*7 }}" in found.text
        for _, attribute, value in found.attributes:
            assert not attribute.startswith("on")
            if attribute == "href":
                assert re.match(r"(https?://|mailto:|data:,$|#|[\w-]+\.\w+)", value), value
    assert Tree.fromstring((folder / "atom.xml").read_bytes()).tag == f"{ATOM}feed"
    assert len(Calendar.from_ical((folder / "maintenance.ics").read_bytes()).walk("VEVENT")) == 1
    assert listing(folder)["title"] == clean(HOSTILE)


TEXT = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["- ", "\n", "<b>", "&", '"', "https://a.example/", "word ", "\r", "]]>", "}}"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(title=TEXT, text=TEXT, impact=TEXT, module=TEXT, reason=TEXT)
@settings(max_examples=40, deadline=None)
def test_every_text_gives_files_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, title: str, text: str, impact: str, module: str,
    reason: str,
) -> None:  # fmt: skip
    """HTML, Atom, JSON and calendar are well formed and hold the words, whatever was typed."""
    folder = tmp_path_factory.mktemp("page")
    made = page_data.maintenance(
        9, text, title=title, impact=impact, modules=(module,), short_notice=reason
    )
    data = page_data.data(made, page_data.incident(8, text, title=title))
    assert files.write(folder, data, page_data.NOW)
    assert not files.write(folder, data, page_data.NOW + timedelta(hours=1))
    shown = read(folder / "INC-9.html")
    assert shown.tags["main"] == shown.tags["h1"] == 1
    squeezed = "".join(shown.text.split())
    for typed in (title, impact, module, reason):
        assert "".join(clean(typed).split()) in squeezed
    feed = Tree.fromstring((folder / "atom.xml").read_bytes())
    assert len(feed.findall(f"{ATOM}entry")) == 2
    both = listing(folder)["open"]
    assert [one["updates"][0]["text"] for one in both] == [clean(text)] * 2  # type: ignore[attr-defined]  # JSON
    (event,) = Calendar.from_ical((folder / "maintenance.ics").read_bytes()).walk("VEVENT")
    assert event["UID"] == "INC-9@desk.example"
    assert str(event["SUMMARY"]).split() == (clean(title) or "INC-9").split()


@given(text=st.text(max_size=200))
def test_paragraphs_and_lists_lose_no_character(text: str) -> None:
    """Only the marks of items and white space go."""
    shown = "".join(span.text for block in blocks(text) for spans in block.lines for span in spans)
    kept = re.sub(r"^\s*[-*•] ", "", clean(text), flags=re.MULTILINE)
    assert "".join(shown.split()).replace("-", "") == "".join(kept.split()).replace("-", "")


def test_lists_paragraphs_and_links_are_told_apart() -> None:
    """Empty lines part paragraphs, "- " makes items, an indented line goes on with its item."""
    made = blocks("One\ntwo\n\n- a\n  b\n- c\nthree")
    assert [(block.listed, len(block.lines)) for block in made] == [
        (False, 2), (True, 2), (False, 1),
    ]  # fmt: skip
    assert made[1].lines[0][0].text == "a b"


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/x.", ["https://a.example/x"]),
        ("(https://a.example/x_(y))", ["https://a.example/x_(y)"]),
        ("HTTP://A.example and http://b.example/?q=1&r=2!", ["HTTP://A.example", "http://b.example/?q=1&r=2"]),
        ("javascript:alert(1) ftp://a.example file:///x data:text/html,x", []),
        ("https:// http://[ https://", []),
        ('https://a.example/"x', ["https://a.example/"]),
    ],
)  # fmt: skip
def test_only_web_addresses_become_links(text: str, links: list[str]) -> None:
    """http and https with a host, without the sentence's own marks."""
    spans = [span for block in blocks(text) for line in block.lines for span in line]
    assert [span.href for span in spans if span.href] == links
    assert "".join(span.text for span in spans) == text


def test_what_is_no_character_is_left_out() -> None:
    """Control characters, half pairs, non-characters and overrides of direction; all line ends."""
    assert clean("a\x00\x1b\ud800\ufffe\u202eb\r\nc\rd\u2028e\tf ") == "ab\nc\nd\ne f"


def test_moments_are_told_here_and_in_utc() -> None:
    """The day in UTC is named where it is another one; where here is UTC nothing is told twice."""
    at = datetime(2026, 7, 1, 3, 5, tzinfo=UTC)
    here = moment(at, "America/Chicago")
    assert (here.iso, here.local, here.utc) == (
        "2026-07-01T03:05:00Z", "Tue, Jun 30, 2026, 10:05 PM CDT", "Jul 1, 03:05 UTC",
    )  # fmt: skip
    noon = moment(at.replace(hour=12), "UTC")
    assert (noon.local, noon.utc) == ("Wed, Jul 1, 2026, 12:05 PM UTC", "")
    assert length(at, at + timedelta(days=1, hours=2, minutes=1)) == "1 day 2 hours 1 minute"
    assert length(at, at) == length(at, at - timedelta(days=3)) == ""


def test_the_order_is_that_of_need() -> None:
    """Open incidents, newest first; maintenances, the next first; then what was closed last."""
    early = page_data.incident(60, begun=page_data.ago(hours=9))
    soon = page_data.maintenance(
        61, starts_at=page_data.NOW + timedelta(hours=2), begun=page_data.ago(1)
    )
    made = notices(
        page_data.data(*page_data.history(), page_data.moved(), soon, early, page_data.grades())
    )
    assert [one.id for one in made] == [
        "INC-42", "INC-60", "INC-61", "INC-43", "INC-41", "INC-38", "INC-37", "INC-35", "INC-30",
    ]  # fmt: skip


def test_a_notice_without_any_date_is_still_shown(tmp_path: Path) -> None:
    """Rows of an older time, with nothing but a title, do not stop the page."""
    made = replace(page_data.incident(5)[0], starts_at=None, created_at=None)
    done = replace(made, id="INC-6", status="resolved")
    planned = replace(made, id="INC-7", kind="maintenance", status="scheduled")
    files.write(tmp_path, page_data.data((made, ()), (done, ()), (planned, ())), page_data.NOW)
    assert "INC-5" in read(tmp_path / "index.html").text
    assert read(tmp_path / "INC-6.html").tags["h1"] == 1


def test_the_address_of_a_file_follows_the_page() -> None:
    """With or without a slash or a file name at its end; without an address, the name alone."""
    for url in ("https://a.example/s", "https://a.example/s/", "https://a.example/s/index.html"):
        assert place(url, "INC-1.html") == "https://a.example/s/INC-1.html"
    assert place("https://a.example", "x") == "https://a.example/x"
    assert place("", "x") == "x"

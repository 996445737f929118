"""The feeds of the notifications page: Atom, JSON and a calendar."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Tree

from icalendar import Calendar

from intake.incidents.page import files
from tests.support import page_data
from tests.support.page_reading import ATOM, Reader

# ---------------------------------------------------------------- feeds


def test_the_atom_feed_is_one(tmp_path: Path) -> None:
    """A feed and an entry have what RFC 4287 §4.1 wants, once; ids are unique, dates RFC 3339."""
    files.write(tmp_path, page_data.whole(url="https://status.example/"), page_data.NOW)
    feed = Tree.fromstring((tmp_path / "atom.xml").read_bytes())
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 7
    for element in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        assert re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", element.findtext(f"{ATOM}updated") or "")
        assert len(element.findall(f"{ATOM}link[@rel='alternate']")) == 1
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Campus Support"
    assert feed.find(f"{ATOM}link[@rel='self']").get("href") == "https://status.example/atom.xml"  # type: ignore[union-attr]  # it is there
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == 7
    assert ids[0] == "tag:desk.example,2026:notices/INC-42"
    for entry in entries:
        reader = Reader()
        reader.feed(entry.findtext(f"{ATOM}content") or "")
        assert "h1" not in reader.tags
        assert "script" not in reader.tags


def test_feeds_change_when_something_changed_and_keep_their_ids(tmp_path: Path) -> None:
    """Another hour is no change; an update moves its entry alone, and the feed."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    before = Tree.fromstring((tmp_path / "atom.xml").read_bytes())
    files.write(tmp_path, page_data.whole(), page_data.NOW + timedelta(hours=1))
    assert Tree.tostring(Tree.fromstring((tmp_path / "atom.xml").read_bytes())) == Tree.tostring(
        before
    )
    made, updates = page_data.grades()
    later = page_data.NOW + timedelta(hours=2)
    fresh = replace(updates[-1], number=6, at=later, text="Done.")
    files.write(
        tmp_path,
        page_data.data((made, (*updates, fresh)), page_data.moved(), *page_data.history()),
        later,
    )
    after = Tree.fromstring((tmp_path / "atom.xml").read_bytes())

    def dates(feed: Tree.Element) -> dict[str | None, str | None]:
        return {
            one.findtext(f"{ATOM}id"): one.findtext(f"{ATOM}updated")
            for one in (feed, *feed.findall(f"{ATOM}entry"))
        }

    moved = {key for key, value in dates(after).items() if dates(before)[key] != value}
    assert moved == {"tag:desk.example,2026:notices", "tag:desk.example,2026:notices/INC-42"}


def test_the_calendar_has_every_public_maintenance(tmp_path: Path) -> None:
    """UID, SEQUENCE, STATUS, UTC times (RFC 5545); incidents are none of its business."""
    files.write(tmp_path, page_data.whole(url="https://status.example"), page_data.NOW)
    raw = (tmp_path / "maintenance.ics").read_bytes()
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    events = {str(one["UID"]): one for one in Calendar.from_ical(raw).walk("VEVENT")}
    assert sorted(events) == [f"INC-{number}@desk.example" for number in (35, 37, 43)]
    moved = events["INC-43@desk.example"]
    assert (moved["SEQUENCE"], moved["STATUS"]) == (1, "CONFIRMED")
    assert moved["DTSTART"].dt == datetime(2026, 11, 25, 4, tzinfo=UTC)
    assert moved["DTEND"].dt == datetime(2026, 11, 25, 8, tzinfo=UTC)
    assert moved["URL"] == "https://status.example/INC-43.html"
    assert "short notice" in moved["DESCRIPTION"]
    assert events["INC-35@desk.example"]["STATUS"] == "CANCELLED"
    assert events["INC-35@desk.example"]["SEQUENCE"] == 2


def test_an_empty_calendar_is_still_one(tmp_path: Path) -> None:
    """Without maintenances it has a component all the same (RFC 5545 §3.6)."""
    files.write(tmp_path, page_data.data(), page_data.NOW)
    made = Calendar.from_ical((tmp_path / "maintenance.ics").read_bytes())
    assert len(made.subcomponents) == 1
    assert made.walk("VEVENT") == []

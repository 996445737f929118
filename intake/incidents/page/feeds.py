"""The page for programs: an Atom feed (RFC 4287) and one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from xml.etree import ElementTree as Tree

from intake.incidents.page.content import (
    LANGUAGE,
    Moment,
    NoticeView,
    PageData,
    UpdateView,
    iso,
    line,
)
from intake.letters.incident_summary import place

ATOM = "http://www.w3.org/2005/Atom"


def listing(data: PageData, views: Sequence[NoticeView], written: datetime) -> bytes:
    """Return ``notices.json``: time of writing, open notices, closed notices; all times in UTC."""
    shown = {
        "written_at": iso(written),
        "title": line(data.title),
        "url": data.url or None,
        "open": [_plain(data, view) for view in views if view.open],
        "closed": [_plain(data, view) for view in views if not view.open],
    }
    return (json.dumps(shown, ensure_ascii=False, indent=1) + "\n").encode()


def _plain(data: PageData, view: NoticeView) -> dict[str, object]:
    return {
        "id": view.id,
        "kind": view.kind,
        "title": view.title,
        "status": view.status,
        "impact": view.impact,
        "modules": list(view.modules),
        "starts_at": _at(view.starts),
        "ends_at": _at(view.ends),
        "next_update_at": _at(view.next_update),
        "closed_at": _at(view.closed),
        "updated_at": view.changed.iso,
        "short_notice": view.short_notice,
        "url": place(data.url, view.file),
        "updates": [_update(update) for update in view.updates],
    }


def _update(update: UpdateView) -> dict[str, object]:
    return {
        "number": update.number,
        "kind": update.kind,
        "status": update.state.lower(),
        "at": update.at.iso,
        "text": update.text,
        "corrects": update.corrects.number if update.corrects else None,
        "corrected_by": int(update.corrected_by[0].rpartition("-")[2])
        if update.corrected_by
        else None,
    }


def _at(moment: Moment | None) -> str | None:
    return moment.iso if moment else None


def atom(
    data: PageData,
    views: Sequence[NoticeView],
    content: Callable[[NoticeView], str],
    written: datetime,
) -> bytes:
    """Return ``atom.xml``: one entry per notice, the one with the newest update first.

    IDs are tag URIs (RFC 4151): they stay the same when the page moves. ``content`` returns the
    HTML of an entry.
    """
    feed = Tree.Element("feed", {"xmlns": ATOM, "xml:lang": LANGUAGE})
    _add(feed, "id", f"tag:{data.domain},2026:notices")
    _add(feed, "updated", iso(written))
    _add(feed, "title", line(data.title))
    _add(feed, "link", rel="alternate", type="text/html", href=place(data.url, "index.html"))
    if data.url:
        own = place(data.url, "atom.xml")
        _add(feed, "link", rel="self", type="application/atom+xml", href=own)
    _add(Tree.SubElement(feed, "author"), "name", line(data.service))
    _add(feed, "generator", "intake")
    for view in sorted(views, key=lambda one: one.changed.iso, reverse=True):
        entry = Tree.SubElement(feed, "entry")
        _add(entry, "id", f"tag:{data.domain},2026:notices/{view.id}")
        _add(entry, "title", view.title)
        _add(entry, "updated", view.changed.iso)
        if view.updates:
            _add(entry, "published", view.updates[-1].at.iso)
        _add(entry, "link", rel="alternate", type="text/html", href=place(data.url, view.file))
        for term in (view.kind, view.status):
            _add(entry, "category", term=term)
        _add(entry, "content", content(view), type="html")
    Tree.indent(feed, "")
    text = Tree.tostring(feed, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _add(parent: Tree.Element, name: str, text: str = "", **attributes: str) -> None:
    Tree.SubElement(parent, name, attributes).text = text or None

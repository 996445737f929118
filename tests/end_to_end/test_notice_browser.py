"""The HTML of notices in a real browser: on a phone, in the dark, for a screen reader, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from intake.incidents.notice import address, build
from intake.notifier import Notice
from tests.support.notices import INCIDENT, KINDS, NOW, STYLE, ZACK, ZONE, letter_context, update
from tests.support.servers import need

CHROMIUM = "/usr/bin/chromium"
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LONG = "https://status.example/" + "x" * 300
WIDE = Notice(
    replace(INCIDENT, title="W" * 200, impact=LONG, modules=("M" * 90,)),
    update(text=f"{LONG}\n\n- {'y' * 400}\n- two"),
    ZONE,
)
SHOWN = {name: KINDS[name] for name in ("identified, two missed", "reschedule", "cancelled")}
SHOWN["words longer than a line"] = WIDE

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("chromium")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for all tests here, its profile in a folder of its own."""
    need(CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield started
        started.close()


def html(notice: Notice) -> str:
    """The HTML part of the letter as it arrives."""
    raw = address(build(notice, letter_context(), STYLE), ZACK, letter_context(), STYLE, NOW).raw
    (part,) = [
        one for one in message_from_bytes(raw).walk() if one.get_content_type() == "text/html"
    ]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", SHOWN)
def test_a_notice_is_readable_everywhere(
    browser: Any, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    """No rule of axe-core broken, nothing beyond the edge, nothing fetched, the column 600 px."""
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "notice.html"
    file.write_text(html(SHOWN[name]), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(file.as_uri())
    found = Axe().run(page)
    broken = [f"{one['id']}: {one['help']}" for one in found.response["violations"]]
    sizes = page.evaluate(
        "[document.documentElement.scrollWidth, document.querySelector('.column').offsetWidth,"
        " getComputedStyle(document.querySelector('.main p')).fontSize,"
        " getComputedStyle(document.querySelector('.column')).backgroundColor,"
        " document.querySelector('.preheader').offsetHeight]"
    )
    page.close()
    assert broken == []
    assert fetched == [file.as_uri()]
    assert sizes[0] <= width
    assert sizes[1] == min(width, 600)
    assert sizes[2] == "16px"
    assert sizes[3] == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(31, 41, 55)")
    assert sizes[4] == 0


def test_on_paper_it_is_black_on_white(browser: Any) -> None:
    """Printed from a dark screen too."""
    page = browser.new_page(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.set_content(html(KINDS["reschedule"]))
    colours = page.evaluate(
        "['.column', '.main'].map(one => getComputedStyle(document.querySelector(one)))"
        ".map(one => one.backgroundColor).concat([...document.querySelectorAll('p, h1, a, span')]"
        ".map(one => getComputedStyle(one).color))"
    )
    page.close()
    assert colours[0] == "rgb(255, 255, 255)"
    assert set(colours[2:]) == {"rgb(0, 0, 0)"}


def test_the_rules_can_fail(browser: Any) -> None:
    """axe-core finds a page without language and with pale words."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page()
    page.set_content("<html><body><p style='color:#ddd;background:#fff'>pale</p></body></html>")
    broken = {one["id"] for one in Axe().run(page).response["violations"]}
    page.close()
    assert {"color-contrast", "html-has-lang"} <= broken

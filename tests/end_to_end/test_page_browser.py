"""The notifications page in a real browser: accessible, by keyboard alone, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from intake.incidents.page import files
from tests.support import page_data
from tests.support.servers import need

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = ("full/index.html", "full/INC-42.html", "full/INC-43.html", "full/INC-35.html",
         "quiet/index.html", "empty/index.html")  # fmt: skip
LONG = "Unbreakable" * 30

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("chromium")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full page, one with nothing open, an empty one, and one with very long words."""
    made = tmp_path_factory.mktemp("pages")
    files.write(made / "full", page_data.whole(url="https://status.example/"), page_data.NOW)
    files.write(made / "quiet", page_data.quiet(), page_data.NOW)
    files.write(made / "empty", page_data.data(), page_data.NOW)
    long = page_data.incident(
        9, f"See https://status.example/{LONG}\n\n- {LONG}", title=LONG, impact=LONG,
        modules=(LONG,) * 3,
    )  # fmt: skip
    files.write(made / "long", page_data.data(long, title=LONG), page_data.NOW)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as Debian ships it."""
    need(CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A new tab; every complaint of the browser, such as one about the policy, is a failure."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        yield from _watched(context)


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    """A new tab of a browser in which JavaScript is turned off."""
    with browser.new_context(java_script_enabled=False) as context:
        yield from _watched(context)


def _watched(context: BrowserContext) -> Iterator[Page]:
    made = context.new_page()
    made.set_default_timeout(15_000)
    complaints: list[str] = []
    asked: list[str] = []
    made.on("console", lambda message: complaints.append(message.text))
    made.on("request", lambda request: asked.append(request.url))
    yield made
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def focused(tab: Page) -> str:
    """What has the focus: its id, else where it leads."""
    found: str = tab.evaluate(
        "document.activeElement.id || document.activeElement.getAttribute('href') || ''"
    )
    return found


def reach(tab: Page, wanted: str) -> list[str]:
    """Presses Tab until that has the focus; what had it on the way."""
    seen: list[str] = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        seen.append(focused(tab))
        if seen[-1] == wanted:
            return seen
    pytest.fail(f"Tab never reaches {wanted}: {seen}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(tab: Page, folder: Path, name: str, scheme: str) -> None:
    """No violation of any rule of axe-core, in light and dark, in the open and the closed tab."""
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.goto(f"file://{folder}/{name}")
    assert Axe().run(tab).response["violations"] == []
    if name.endswith("index.html"):
        tab.click("label[for=show-closed]")
        assert tab.is_visible(".panel.closed")
        found = Axe().run(tab).response
        assert found["violations"] == []
        assert any(rule["id"] == "color-contrast" for rule in found["passes"])


def test_axe_can_complain(tab: Page, folder: Path) -> None:
    """The same check on a page with a faint word finds it, so silence means something."""
    text = (folder / "full/index.html").read_text("utf-8")
    bad = folder / "bad.html"
    spoilt = text.replace("--muted: #4b5563", "--muted: #b5bdc9")
    assert spoilt != text
    bad.write_text(spoilt.replace("<meta http-equiv", "<meta name"), "utf-8")
    tab.goto(f"file://{bad}")
    assert "color-contrast" in {one["id"] for one in Axe().run(tab).response["violations"]}


def test_the_style_is_allowed_and_nothing_else_is(tab: Page, folder: Path) -> None:
    """The policy's hash fits the style; a script that somebody put in would not run."""
    tab.goto(f"file://{folder}/full/index.html")
    colour = "getComputedStyle(document.querySelector('.banner.{0}')).backgroundColor"
    assert tab.evaluate(colour.format("incident")) == "rgb(180, 83, 9)"
    assert tab.evaluate(colour.format("maintenance")) == "rgb(22, 101, 52)"
    tab.goto(f"file://{folder}/quiet/index.html")
    assert tab.evaluate(colour.format("none")) == "rgb(75, 85, 99)"


def test_a_script_put_into_the_page_does_not_run(browser: Browser, folder: Path) -> None:
    """Even where escaping failed, the policy would hold."""
    text = (folder / "full/index.html").read_text("utf-8")
    (folder / "hit.html").write_text(
        text.replace("</main>", "<script>document.title = 'hit'</script></main>"), "utf-8"
    )
    with browser.new_context() as context:
        made = context.new_page()
        made.goto(f"file://{folder}/hit.html")
        assert made.title() == "Incident open – Campus status"


@pytest.mark.parametrize("script", ["tab", "scriptless"])
def test_the_tabs_work_without_javascript(
    request: pytest.FixtureRequest, folder: Path, script: str
) -> None:
    """The open notices are seen first; a click on the other tab shows the closed ones instead."""
    made: Page = request.getfixturevalue(script)
    made.goto(f"file://{folder}/full/index.html")
    assert made.is_visible("text=Grades appear at once again.")
    assert not made.is_visible("text=Reports time out")
    made.click("label[for=show-closed]")
    assert made.is_visible("text=Reports time out")
    assert not made.is_visible("text=Grades appear at once again.")
    made.click("text=Reports time out")
    made.wait_for_url("**/INC-30.html")
    made.click("text=all notices")
    made.wait_for_url("**/index.html")


def test_the_keyboard_reaches_everything(tab: Page, folder: Path) -> None:
    """Tab goes to skip link, banners, tabs, links; arrows change the tab; nothing hidden is met."""
    tab.goto(f"file://{folder}/full/index.html")
    assert reach(tab, "show-open") == ["#main", "INC-42.html", "INC-43.html", "show-open"]
    tab.keyboard.press("ArrowRight")
    assert focused(tab) == "show-closed"
    assert tab.is_visible(".panel.closed")
    seen = reach(tab, "atom.xml")
    assert seen[:-1] == [f"INC-{number}.html" for number in (41, 38, 37, 35, 30)]
    for _ in range(len(seen)):
        tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("ArrowLeft")
    assert focused(tab) == "show-open"
    assert "https://status.example/queue" in reach(tab, "mailto:support@desk.example")
    reach(tab, "maintenance.ics")
    tab.goto(f"file://{folder}/full/index.html")
    reach(tab, "INC-42.html")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/INC-42.html")


def test_the_skip_link_skips(tab: Page, folder: Path) -> None:
    """It is seen when it has the focus, and leads to the notices."""
    tab.goto(f"file://{folder}/full/index.html")
    assert tab.evaluate("document.querySelector('.skip').getBoundingClientRect().bottom") < 0
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.querySelector('.skip').getBoundingClientRect().top") >= 0
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/index.html#main")
    assert focused(tab) == "main"


@pytest.mark.parametrize("name", ["full/index.html", "full/INC-43.html"])
def test_the_focus_is_seen(tab: Page, folder: Path, name: str) -> None:
    """Whatever Tab reaches has an outline: itself, or the label that stands for a tab."""
    tab.goto(f"file://{folder}/{name}")
    outline = """() => {
        const one = document.activeElement;
        const shown = one.matches('input') ? one.nextElementSibling : one;
        return getComputedStyle(shown).outlineStyle + getComputedStyle(shown).outlineWidth;
    }"""
    tab.keyboard.press("Tab")
    reached = 0
    while focused(tab):
        assert tab.evaluate(outline) == "solid3px", focused(tab)
        reached += 1
        tab.keyboard.press("Tab")
    assert reached >= 2


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("name", [*PAGES, "long/index.html", "long/INC-9.html"])
def test_nothing_scrolls_sideways(tab: Page, folder: Path, name: str, width: int) -> None:
    """The page fits, even with words that have no end; the tabs stand beside each other."""
    tab.set_viewport_size({"width": width, "height": 740})
    tab.goto(f"file://{folder}/{name}")
    for choice in ("open", "closed") if name.endswith("index.html") else ("",):
        if choice:
            tab.click(f"label[for=show-{choice}]")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    if name.endswith("index.html"):
        tops = [tab.locator(f"label[for=show-{one}]").bounding_box() for one in ("open", "closed")]
        assert tops[0] is not None
        assert tops[1] is not None
        assert tops[0]["y"] == tops[1]["y"]
        assert min(one["height"] for one in tops if one) >= 44  # fingers


@pytest.mark.parametrize("name", PAGES)
def test_headings_stand_in_order(tab: Page, folder: Path, name: str) -> None:
    """One h1; no level is left out on the way down; ids are there once."""
    tab.goto(f"file://{folder}/{name}")
    levels = tab.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(now - before <= 1 for before, now in pairwise(levels))
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_print_shows_both_tabs_and_no_controls(tab: Page, folder: Path) -> None:
    """On paper open and closed notices follow each other under their headings, in black."""
    tab.goto(f"file://{folder}/full/index.html")
    tab.emulate_media(media="print", color_scheme="dark")
    for text in ("Grades appear at once again.", "Reports time out"):
        assert tab.is_visible(f"text={text}")
    for head in ("#open", "#closed"):
        box = tab.locator(head).bounding_box()
        assert box is not None
        assert box["height"] > 10
    assert not tab.is_visible("label[for=show-open]")
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_while_it_is_first_written_a_reader_is_told_so(browser: Browser, tmp_path: Path) -> None:
    """What stands in an empty folder for a moment is a whole page that leads nowhere."""
    made = files._Pages(page_data.data(), ()).starting()
    (tmp_path / "index.html").write_bytes(made)
    with browser.new_context(java_script_enabled=True) as context:
        tab = context.new_page()
        tab.goto(f"file://{tmp_path}/index.html")
        assert "being written" in tab.inner_text("main")
        assert page_data.links(made.decode()) == []
        broken = [one["id"] for one in Axe().run(tab).response["violations"]]
        assert broken in ([], ["meta-refresh"])

"""The pictures of README.md, made from what the program really does: ``make pictures``.

A mail goes into a service, the worker makes a pass, and the case and the letter are photographed;
so is the notifications page of the tests. Needs Chromium, as the tests of the page do.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from intake.cli import logs
from intake.incidents.page import files
from tests.support import page_data
from tests.support.service import Door

CHROMIUM = "/usr/bin/chromium"
DOCS = Path(__file__).resolve().parents[1] / "docs"
PEOPLE = """
[[accounts]]
id = "bayside"
name = "Bayside School District"

[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]
"""
MAIL = """Hello,

the Post button is grey for all
English teachers.

Case Type: Application Issue
Priority: urgent
Module: gradebook
Who is impacted? all English teachers
Steps to Reproduce:
1. open the Grade Book
2. press Post

Thanks
Zack Morris
"""
SHEET = """
body { margin: 0; padding: 24px; background: #eef1f4; font: 15px/1.45 sans-serif; color: #1b2733; }
main { display: grid; grid-template-columns: 430px 640px; gap: 20px; width: 1090px; }
section { background: #fff; border: 1px solid #cfd6dd; border-radius: 8px; padding: 14px 18px; }
h2 { margin: 0 0 8px; font-size: 15px; color: #45596c; }
pre { margin: 0; font: 12.5px/1.45 monospace; white-space: pre-wrap; }
.wide { grid-row: span 2; }
"""


def case_and_letter() -> str:
    """The page with a mail, the case that came of it, and the letter that answers."""
    with TemporaryDirectory(prefix="intake-") as folder:
        door = Door(Path(folder), people=PEOPLE)
        door.say("zack@bayside.example", MAIL, subject="Grade Book")
        case = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))
        (letter,) = door.letters()
    text = f"To: {letter['recipient']}\nSubject: {letter['subject']}\n\n{letter['text']}"
    parts = (("A mail", f"Subject: Grade Book\n\n{MAIL}", ""), ("The letter", text, "wide"),
             ("The case", summary(case), ""))  # fmt: skip
    shown = "".join(
        f'<section class="{kind}"><h2>{name}</h2><pre>{escape(words.strip())}</pre></section>'
        for name, words, kind in parts
    )
    return f"<!doctype html><meta charset=utf-8><style>{SHEET}</style><main>{shown}</main>"


def summary(case: dict[str, Any]) -> str:
    """The case in a few lines: what it is, and each field as it was understood."""
    names = ("number", "status", "type", "priority", "department", "account_id", "contact_id")
    fields = {name: one["value"] for name, one in case["fields"].items()}
    rows = {name: case[name] for name in names} | fields | {"description": case["description"]}
    return "\n".join(
        f"{name:<19} " + str(value).replace("\n", "\n" + " " * 20) for name, value in rows.items()
    )


def main() -> None:
    """Writes docs/case.png and docs/page.png."""
    logs.set_up("json", "critical")
    with TemporaryDirectory(prefix="intake-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        case = Path(folder) / "case.html"
        case.write_text(case_and_letter(), encoding="utf-8")
        photograph(browser, case, DOCS / "case.png", 1138, whole=True)
        files.write(Path(folder) / "page", page_data.whole(), page_data.NOW)
        photograph(browser, Path(folder) / "page/index.html", DOCS / "page.png", 1000, whole=False)
        browser.close()


def photograph(browser: Browser, page: Path, target: Path, width: int, *, whole: bool) -> None:
    """A picture of the page at that width."""
    tab = browser.new_page(viewport={"width": width, "height": 400 if whole else 900})
    tab.goto(page.as_uri())
    tab.screenshot(path=target, full_page=whole)
    tab.close()
    print(target)


if __name__ == "__main__":
    main()

"""No file of a mail costs more than a moment, and a stranger's form is no form."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import encodebytes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake.worker.parser_pool import read_here
from tests.support import hostile_files as hostile
from tests.support.rawmail import effort
from tests.support.service import AMY, NONE, SIGNED, Door, what

MOST_CPU = 0.5  # seconds for one mail
MOST_MEMORY = 100 * 2**20
LARGEST = 6 * 2**20  # none of the files is a big one
ROOT = Path(__file__).resolve().parents[2]
FORM = {
    "Case Type": "Server Issue",
    "Issue Began": "yesterday",
    "Error Message": "Login timeout",
    "Description": "No database.",
}


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, Any]]:
    """Every hostile file read once, each in a process of its own."""
    return _measured()


def _measured(*names: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile_files", *names],
        cwd=ROOT, capture_output=True, timeout=170, check=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row for row in rows}


@pytest.mark.xdist_group("hostile_files")
@pytest.mark.parametrize("name", hostile.CASES)
def test_a_hostile_file_costs_no_more_than_a_moment(
    costs: dict[str, dict[str, Any]], name: str
) -> None:
    """Less than half a second of CPU and 100 MiB, and the reading comes to its end.

    What looks too dear is measured once more: other processes make the same work dearer.
    """
    found = costs[name]
    if found["cpu"] >= MOST_CPU:
        found = _measured(name)[name]
    assert found["end"] == "read"
    assert found["cpu"] < MOST_CPU
    assert found["memory"] < MOST_MEMORY


def test_there_are_forty_hostile_files_and_none_is_big() -> None:
    """What they cost comes from their shape."""
    sizes = {name: len(make()[2]) for name, make in hostile.CASES.items()}
    assert len(sizes) >= 40
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
    assert sum(size < 10_000 for size in sizes.values()) >= 15


GROWING: dict[str, tuple[Callable[[int], hostile.Built], int]] = {
    "paragraphs": (hostile.paragraphs, 200),
    "cells": (hostile.cells, 200),
    "rows": (hostile.rows, 200),
    "tables": (hostile.tables, 30),
    "words": (hostile.flat_words, 2_000),
    "objects of a winmail.dat": (hostile.many_objects, 2_000),
    "answers in fields": (lambda count: hostile.json_members(5_000, count), 100),
    "zips in zips": (hostile.in_each_other, 50),
}


@pytest.mark.parametrize("name", GROWING)
def test_twice_the_file_is_twice_the_effort(name: str) -> None:
    """Counted in calls, so no clock decides."""
    make, count = GROWING[name]
    small, big = hostile.mail(make(count)), hostile.mail(make(2 * count))
    first = effort(lambda: read_here(small, hostile.SETTINGS))  # what is built once is built
    first = min(first, effort(lambda: read_here(small, hostile.SETTINGS)))
    assert effort(lambda: read_here(big, hostile.SETTINGS)) < 2.4 * first


# ---------------------------------------------------------------- through the worker


def with_file(
    door: Door, built: hostile.Built, proof: str = SIGNED, text: str = "", who: str = AMY
) -> str:
    """A mail of that person that brings the file; gives its Message-ID."""
    name, kind, content = built
    body = (
        f"--cut\nContent-Type: text/plain\n\n{text or 'Please see the file.'}\n--cut\n"
        f"Content-Type: {kind}\nContent-Disposition: attachment; filename={name}\n"
        f"Content-Transfer-Encoding: base64\n\n{encodebytes(content).decode()}--cut--\n"
    )
    head = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=cut"]
    return door.put(who, body, proof=proof, fields=head, subject="A form")


def form() -> hostile.Built:
    """A form as a Word document."""
    rows = (
        "<w:tr>" + "".join(f"<w:tc><w:p><w:r><w:t>{c}</w:t></w:r></w:p></w:tc>" for c in row)
        + "</w:tr>"
        for row in FORM.items()
    )  # fmt: skip
    return hostile.docx(f"<w:tbl>{''.join(rows)}</w:tbl>")


def test_a_contacts_mail_with_a_hostile_document_is_handled(tmp_path: Path) -> None:
    """The file is kept, what it says of itself is not waited for: the words of the mail count."""
    door = Door(tmp_path, more="[limits]\nparse_seconds = 2\n")
    text = "Case Type: Ask a Question\nDescription: How?"
    names = ("paragraphs in paragraphs", "four billion properties", "rows in rows")
    marks = [with_file(door, hostile.CASES[name](), text=text) for name in names]
    door.work()
    assert [door.row(one)["action"] for one in marks] == ["create"] * len(names)


def read_of(door: Door, mark: str) -> dict[str, Any]:
    """What the ledger says was read of that mail."""
    shown = json.loads(door.cli("messages", "show", str(door.row(mark)["id"]), "--json"))
    fields = shown["submission"].get("fields", {})
    return {name: one["source"] for name, one in fields.items()}


def test_the_form_of_a_proved_contact_is_read_from_its_file(tmp_path: Path) -> None:
    """As a document that was attached instead of written."""
    door = Door(tmp_path)
    mark = with_file(door, form())
    door.work()
    assert what(door.row(mark)) == "create R20"
    assert "attached-form" in read_of(door, mark).values()


@pytest.mark.parametrize(("who", "rule"), [(AMY, "R7"), ("eve@attack.example", "R8")])
def test_the_form_of_an_unproved_sender_is_not_read(tmp_path: Path, who: str, rule: str) -> None:
    """Nothing of the file stands in the ledger."""
    door = Door(tmp_path)
    mark = with_file(door, form(), NONE, who=who)
    door.work()
    assert what(door.row(mark)) == f"hold {rule}"
    assert "attached-form" not in read_of(door, mark).values()


@pytest.mark.parametrize(("who", "rule"), [(AMY, "R7"), ("eve@attack.example", "R8")])
def test_an_unproved_senders_document_is_not_walked(tmp_path: Path, who: str, rule: str) -> None:
    """However it is built: it costs the mail nothing, and the hold is for the sender's sake."""
    door = Door(tmp_path, more="[limits]\nparse_seconds = 2\n")
    mark = with_file(door, hostile.CASES["paragraphs in paragraphs"](), NONE, who=who)
    door.work()
    assert what(door.row(mark)) == f"hold {rule}"


def test_a_form_is_read_once_a_person_has_vouched_for_its_sender(tmp_path: Path) -> None:
    """Released, the mail is what it would have been with a proof."""
    door = Door(tmp_path)
    mark = with_file(door, form(), NONE)
    door.work()
    assert what(door.row(mark)) == "hold R7"
    door.cli("messages", "release", str(door.row(mark)["id"]))
    (case,) = door.cases()
    assert (case["type"], case["status"]) == ("server_issue", "open")
    assert case["fields"]["error_message"]["words"] == "Login timeout"

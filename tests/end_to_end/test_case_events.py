"""Events about cases, against the tables of docs/events.md; and a folder that is being read."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from intake.model.events import WITH_PEOPLE
from tests.support.service import AMY
from tests.support.staff_desk import StaffDesk

PAGE = Path(__file__).parents[2] / "docs/events.md"
FILES = (
    "--b\nContent-Type: text/plain\n\n{text}\n"
    '--b\nContent-Type: text/csv\nContent-Disposition: attachment; filename="list ü.csv"\n\n'
    "{data}\n--b--\n"
)
MULTIPART = ("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"')
TIMES = ("received_at", "updated_at", "answered_at", "closed_at")
LISTS = ("participants", "attachments", "conversation")
READER = """
import hashlib, json, pathlib, sys
folder, whole = pathlib.Path(sys.argv[1]), set()
print("ready", flush=True)
while not (folder.parent / "stop").exists():
    for one in folder.iterdir() if folder.exists() else ():
        if one.name.startswith("."):
            continue
        event = json.loads((one / "event.json").read_bytes())
        wanted = {file["sha256"] for file in event["data"]["case"]["attachments"]}
        found = {hashlib.sha256(file.read_bytes()).hexdigest() for file in one.glob("[0-9]*-*")}
        assert found == wanted, (one, found, wanted)
        whole.add(one.name)
print(json.dumps(sorted(whole)))
"""


def documented() -> set[str]:
    """The keys of a case in docs/events.md."""
    text = PAGE.read_text("utf-8")
    table = text[text.index("| `data.case` of `case.opened`") :].split("\n\n")[0]
    columns = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {key for column in columns for key in re.findall(r"`(\w+)`", column)}


def events(desk: StaffDesk) -> list[dict[str, Any]]:
    """The events in the folder of support, oldest first."""
    folders = (desk.folder / "drop").glob("evt_*")
    found = sorted(folders, key=lambda one: int(one.name.split("_")[1]))
    return [json.loads((one / "event.json").read_text("utf-8")) for one in found]


@pytest.fixture
def desk(tmp_path: Path) -> StaffDesk:
    """A case that goes through everything, with a draft before it and a file."""
    made = StaffDesk.open(tmp_path, drop=f"{tmp_path}/drop")
    made.say(AMY, "Case Type: Application Issue\nDescription: Grades do not save.\n", subject="G")
    made.case_of(
        text=FILES.format(text="Case Type: Ask a Question\nDescription: Why?", data="1;2"),
        fields=MULTIPART, subject="A question",
    )  # fmt: skip
    first = str(made.posted(AMY)[-1]["Message-ID"])
    made.say(AMY, "It matters much.", to=first, fields=["Cc: abe@alder.example"])
    made.staff("So it is.")
    made.staff("#note\nA note for colleagues.")
    made.staff("#close\nThat is all.")
    made.say(AMY, "It does not work.", to=first, subject="Re: A question")
    return made


def test_each_event_holds_exactly_what_is_documented(desk: StaffDesk) -> None:
    """All keys, no other ones, and the kinds of values that the page names."""
    desk.cli("cases", "set", "CASE-1001", "module=Grade Book")
    draft = desk.letters("missing_fields", AMY)[0]
    answers = "Module: Grade Book\nIssue Began: yesterday\nSteps to Reproduce: I save.\n"
    desk.say(AMY, f"{answers}Error Message: none\nAffected Users: all\n",
             to=str(draft["message_id_header"]), subject=str(draft["subject"]))  # fmt: skip
    told = events(desk)
    assert {one["type"] for one in told} == set(WITH_PEOPLE)
    page = documented()
    for one in told:
        assert set(one) == {"type", "timestamp", "data"}
        assert datetime.fromisoformat(one["timestamp"]).tzinfo is not None
        case = one["data"]["case"]
        assert set(one["data"]) == {"case"}
        assert set(case) == page, one["type"]
        check_values(case)


def check_values(case: dict[str, Any]) -> None:
    """The kinds of the values of one event."""
    for name in TIMES:
        assert case[name] is None or datetime.fromisoformat(case[name]).tzinfo is not None
    for name in LISTS:
        assert isinstance(case[name], list)
    assert {*case["account"]} == {*case["contact"]} == {"id", "name"}
    assert case["status"] in ("draft", "open", "waiting", "resolved", "closed")
    assert isinstance(case["billable"], bool)
    assert {*case["fields"]} == {*case["fields_text"]}
    for file in case["attachments"]:
        assert {*file} == {"name", "size", "sha256", "detected_type", "state"}
    for line in case["conversation"]:
        assert {*line} == {"at", "direction", "kind", "who", "name", "text"}
        assert line["kind"] in ("contact", "staff", "note", "held")


def test_the_values_are_those_of_the_case(desk: StaffDesk) -> None:
    """From opening to reopening, with the words of each side in order."""
    told = [one for one in events(desk) if one["data"]["case"]["number"] == "CASE-1002"]
    kinds = [one["type"] for one in told]
    assert kinds == [
        "case.opened", "case.updated", "case.answered", "case.updated", "case.closed",
        "case.reopened",
    ]  # fmt: skip
    last = told[-1]["data"]["case"]
    said = [(one["direction"], one["kind"], one["text"]) for one in last["conversation"]]
    assert said[-3:] == [
        ("in", "note", "A note for colleagues."),
        ("out", "staff", "That is all."),
        ("in", "contact", "It does not work."),
    ]
    assert last["participants"] == ["abe"]
    assert last["contact"] == {"id": "amy", "name": "Amy Alder"}
    (file,) = last["attachments"]
    assert (file["name"], file["sha256"]) == ("list ü.csv", hashlib.sha256(b"1;2").hexdigest())
    assert told[-2]["data"]["case"]["closed_at"] is not None
    assert last["closed_at"] is None


def test_a_reader_never_sees_half_an_event(tmp_path: Path) -> None:
    """Another process reads all the time while events with large files are written."""
    desk = StaffDesk.open(tmp_path, drop=f"{tmp_path}/drop")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, f"{tmp_path}/drop"], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(12):
        data = f"{number};" * 200_000
        text = f"Case Type: Ask a Question\nDescription: Question {number}."
        desk.put(AMY, FILES.format(text=text, data=data), fields=MULTIPART, subject=f"Q{number}")
    desk.work()
    (tmp_path / "stop").touch()
    seen, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    written = sorted(one.name for one in (tmp_path / "drop").iterdir())
    assert len(written) == 12
    assert set(json.loads(seen)) <= set(written)
    assert json.loads(seen), "it saw some of them"

"""Kill the worker again and again while cases are handed over and answers are carried back.

Each letter leaves once, or it is flagged as in doubt and its writer is told; no word is lost.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.support import installation
from tests.support.letter_text import plain_text
from tests.support.staff_desk import NORA, SUPPORT, UTF8, StaffDesk

KILLS = 12 * int(os.environ.get("INTAKE_CAMPAIGN", "1"))
WRITER = """
[[accounts]]
id = "school{number}"
name = "School {number}"

[[contacts]]
id = "writer{number}"
name = "Wilma Writer {number}"
emails = ["writer@school{number}.example"]
accounts = ["school{number}"]
contact_type = "Authorized"
areas = ["SIS"]
"""
LONGEST = 1.6  # seconds after which a worker is killed


def killed(desk: StaffDesk, seconds: float) -> None:
    """One pass of a real process, killed after so long if it still runs."""
    command = [sys.executable, "-m", "intake", "--config", desk.config.file, "once"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def settle(desk: StaffDesk) -> None:
    """Passes until nothing waits; leases of dead workers run out."""
    for _ in range(40):
        desk.work()
        states = {
            one["state"]
            for one in installation.everything(desk.config)["letters"]
            if one["kind"] in ("handover", "answer")  # acknowledgements may wait for their rate
        }
        if not states & {"due", "claimed"}:
            return
        time.sleep(0.3)
    raise AssertionError(f"letters still wait: {states}")


def test_every_letter_leaves_once_or_is_flagged(tmp_path: Path) -> None:
    """Random moments; a contact's mail and a staff answer in each round."""
    draw = random.Random(42)
    writers = [WRITER.format(number=number) for number in range(1 + KILLS // 20)]
    desk = StaffDesk.open(tmp_path, people="".join(writers))
    text = Path(desk.config.file).read_text()
    Path(desk.config.file).write_text(
        text.replace("[delivery]\n", "[delivery]\nlease_seconds = 1\n")
    )
    desk.case_of()
    letter = desk.handed()
    for number in range(KILLS):
        writer = f"writer@school{number // 20}.example"  # nobody writes too much for one day
        desk.put(writer, f"Case Type: Ask a Question\nDescription: question {number}\n",
                 subject=f"Question {number}")  # fmt: skip
        desk.put(NORA, f"answer {number}.", to=str(letter["Message-ID"]), subject="Re: case",
                 fields=UTF8)  # fmt: skip
        killed(desk, draw.uniform(0.5, LONGEST))
    settle(desk)
    stored = installation.everything(desk.config)
    assert len(stored["cases"]) == 1 + KILLS
    assert Counter(one["status"] for one in stored["messages"]) == {"handled": 1 + 2 * KILLS}
    doubt = {one["id"] for one in stored["letters"] if one["state"] == "in_doubt"}
    carried = [one for one in stored["letters"] if one["kind"] in ("handover", "answer")]
    assert {one["state"] for one in carried} <= {"sent", "in_doubt"}
    handed = Counter(
        match[1]
        for one in desk.posted(SUPPORT)
        if (match := re.search(r"Description: question (\d+)", plain_text(one)))
    )
    answered = Counter(
        match[1]
        for one in desk.answers()
        if (match := re.search(r"^answer (\d+)\.$", plain_text(one), re.MULTILINE))
    )
    assert set(handed.values()) | set(answered.values()) <= {1}, "nothing leaves twice"
    lost = 2 * KILLS - len(handed) - len(answered)
    assert lost <= len(doubt), "what did not leave is flagged"
    desk.work()
    told = [one for one in desk.posted("nora.field@vendor.example")
            if "perhaps not arrived" in plain_text(one)]  # fmt: skip
    kinds = {one["id"]: one["kind"] for one in stored["letters"]}
    assert len(told) == sum(kinds[one] == "answer" for one in doubt)

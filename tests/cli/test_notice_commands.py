"""Every command about incidents as an operator types it: what it says, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intake.cli.editor import edited
from intake.cli.screen import Abort
from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.commands import invoke
from tests.support.incident_cases import TWO

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes

Say = Callable[..., str]
OPEN = ("open", "Posting is delayed", "--module", "Grade Book", "--text", "We look for the cause.")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service with two contacts, and an operator who can be written to."""
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    text += '\n[alerts]\naddress = "ops@desk.example"\n'
    return installation.make(tmp_path, text, TWO)


@pytest.fixture
def say(config: Config, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs one command and gives what it says on one line."""

    def run(*words: str, who: str = "ann", stdin: str = "") -> str:
        monkeypatch.setenv("INTAKE_OPERATOR", who)
        words = ("--config", config.file, "incidents", *words)
        done = invoke(words, given=stdin)
        if isinstance(done.exception, Abort):
            raise done.exception
        assert done.exit_code == 0, (words, done.output, done.exception)
        return " ".join(done.output.split())

    return run


def letters(config: Config) -> list[str]:
    """Everything that went out."""
    service.once(config)
    out = config.folder / "out/new"
    return [path.read_text() for path in sorted(out.iterdir())] if out.exists() else []


def approve(say: Say) -> str:
    """What was proposed, by somebody else."""
    shown = say("send", "inc-1")
    found = re.search(r"approve INC-1 ([0-9a-f]{16})", shown)
    assert found, shown
    return say("approve", "inc-1", found[1], who="ben")


def test_a_test_letter_goes_to_the_operator_alone(config: Config, say: Say) -> None:
    """As a reader would get it; the ledger stays empty, and nothing is proposed."""
    say(*OPEN)
    assert "goes to ops@desk.example alone" in say("send", "INC-1", "--test")
    (letter,) = letters(config)
    assert "Delivered-To: ops@desk.example" in letter
    assert "We look for the cause." in letter
    assert "List-Unsubscribe" not in letter
    shown = json.loads(say("show", "INC-1", "--json"))
    assert shown["updates"][0]["send_state"] == "draft"
    assert json.loads(say("recipients", "INC-1", "--json")) == []


def test_a_preview_says_all_that_an_approval_binds(config: Config, say: Say) -> None:
    """People with reasons, counts, size, time and hash; with --mails the letters."""
    say(*OPEN)
    shown = json.loads(say("preview", "INC-1", "--json"))
    assert (shown["people"], shown["accounts"]) == (2, {"bayside": 1, "riverdale": 1})
    assert (shown["minutes"], shown["approval_needed"], shown["state"]) == (1, True, "draft")
    assert shown["largest_bytes"] > 4000
    assert re.fullmatch("[0-9a-f]{16}", shown["hash"])
    assert [one["reasons"] for one in shown["told"]] == [
        ["Technical at Riverdale Unified"], ["Authorized at Bayside School District"],
    ]  # fmt: skip
    words = say("preview", "INC-1", "--mails")
    assert words.count("Subject: [Support desk status] Posting is delayed (INC-1)") == 2
    assert "to have it sent: `intake incidents send INC-1`" in words


def test_one_alone_may_send_in_an_emergency_and_it_is_on_record(config: Config, say: Say) -> None:
    """The reason stands in the history; the letters go out."""
    say(*OPEN)
    assert "goes to 2 people, from now on" in say("send", "INC-1", "--emergency", "nobody is here")
    assert len(letters(config)) == 2
    assert "emergency by operator:ann: update 1, why nobody is here, people 2" in say(
        "show", "INC-1"
    )


def test_an_update_is_edited_before_and_corrected_after_it_is_sent(
    config: Config, say: Say, tmp_path: Path
) -> None:
    """By file, by standard input and by the editor's text; each says what follows."""
    say(*OPEN[:-2], "--file", "-", stdin="From standard input.")
    words = tmp_path / "words.txt"
    words.write_text("Better words.\n\n- one\n- two\n")
    assert "has another text" in say("edit", "INC-1", "--file", str(words))
    assert "goes to 2 people" in approve(say)
    first = letters(config)
    assert all("Better words." in one and "standard input" not in one for one in first)
    with pytest.raises(Abort, match="correct INC-1 1"):
        say("edit", "INC-1", "--text", "Other words.")
    assert "update 2 corrects update 1" in say("correct", "INC-1", "1", "--text", "Three of them.")
    approve(say)
    assert len([one for one in letters(config) if "Three of them." in one]) == 2
    with pytest.raises(Abort, match="no update 7"):
        say("correct", "INC-1", "7", "--text", "x")


def test_what_is_sent_can_be_paused_resumed_and_cancelled(config: Config, say: Say) -> None:
    """Each says how many had not gone out; there is nothing to pause where nothing is sent."""
    say(*OPEN)
    with pytest.raises(Abort, match="no update is sending"):
        say("pause", "INC-1")
    approve(say)
    assert say("pause", "INC-1") == "INC-1: update 1 paused; 2 letters had not been sent"
    assert letters(config) == []
    assert say("resume", "INC-1") == "INC-1: update 1 resumed; 2 letters had not been sent"
    say("pause", "INC-1")
    assert say("cancel", "INC-1") == "INC-1: update 1 cancelled; 2 letters had not been sent"
    assert letters(config) == []
    assert say("retry", "INC-1") == "INC-1: 0 letters queued again"
    rows = json.loads(say("recipients", "INC-1", "--json"))
    assert {(one["state"], one["reply"]) for one in rows} == {
        ("skipped", "cancelled by operator:ann")
    }
    assert "zack@bayside.e" in say("recipients", "INC-1", "--state", "skipped")


def test_a_plan_is_late_moved_held_and_called_off(config: Config, say: Say) -> None:
    """Late ones need a reason; moving and calling off are updates; the clock can be held."""
    soon = datetime.now(UTC) + timedelta(days=3)
    plan = ("schedule", "New servers", "--text", "Two hours.", "--start", soon.isoformat(),
            "--end", (soon + timedelta(hours=2)).isoformat())  # fmt: skip
    with pytest.raises(Abort, match="less than 14 days ahead; wanted --reason"):
        say(*plan)
    assert say(*plan, "--reason", "emergency").startswith("INC-1: scheduled")
    assert "less than 14 days ahead because it is an emergency" in say("preview", "INC-1")
    assert "is held back" in say("hold", "INC-1")
    assert "by the clock" in say("hold", "INC-1", "--off")
    later = soon + timedelta(days=30)
    moved = ("reschedule", "INC-1", "--text", "Later.", "--start", later.isoformat(),
             "--end", (later + timedelta(hours=1)).isoformat())  # fmt: skip
    assert say(*moved).startswith("INC-1: scheduled anew, update 2")
    assert say("cancel", "INC-1", "--text", "Not at all.").startswith("INC-1: cancelled, update 3")
    with pytest.raises(Abort, match="is cancelled"):
        say(*moved)
    approve(say)
    sent = letters(config)
    assert len(sent) == 2
    assert all("METHOD:CANCEL" in one or "method=CANCEL" in one for one in sent)
    past = ("schedule", "x", "--text", "x", "--start", "2020-01-01", "--end", "2020-01-02")
    with pytest.raises(Abort, match="has passed"):
        say(*past)


def test_resolving_can_answer_the_cases_and_leaves_those_people_out(
    config: Config, say: Say
) -> None:
    """Who is answered in a case is told why they are no part of the list."""
    from tests.support.incident_cases import mail

    say(*OPEN)
    mail(config.folder, "zack@bayside.example", "1", "Grade Book")
    service.once(config)
    done = say("resolve", "INC-1", "--text", "It is mended.", "--answer-cases")
    assert "cases about it are resolved; 1 people get that as their answer" in done
    shown = say("preview", "INC-1")
    assert "zack: answered in CASE-1001" in shown
    assert "1 people; update 2 is draft" in shown


def test_a_text_may_be_written_in_an_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the editor leaves counts; nothing changed is nothing written; a bad editor is said."""
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\nprintf "Logging in is slow.\\n" > "$2"\n')
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{editor}' --wait")
    assert edited("before") == "Logging in is slow.\n"
    monkeypatch.setenv("EDITOR", "true")
    assert edited("before") == ""
    for broken in ("false", "/no/such/editor", "'unfinished"):
        monkeypatch.setenv("EDITOR", broken)
        with pytest.raises(Abort, match="the editor"):
            edited("before")

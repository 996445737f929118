"""What holds for every command: JSON, help, the manual page, completion, and how fast it starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from intake.cli import man
from intake.cli.app import wanted
from tests.support import installation
from tests.support.commands import invoke, tree
from tests.support.service import AMY, Door

PRINTS_SOMETHING_ELSE = {  # bytes, a file, text to be piped, or a service
    "run", "receive", "form", "demo", "metrics", "messages raw", "cases file", "cases export",
    "contacts example", "contacts export", "config example", "config man",
}  # fmt: skip


def commands(group: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name."""
    group = group or tree()
    for name, one in group.commands.items():
        here = f"{path} {name}".strip()
        if hasattr(one, "commands"):
            yield from commands(one, here)
        else:
            yield here, one


DETECTS = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
NAMES = [name for name, _ in commands()]


def test_every_command_speaks_json_or_prints_something_else() -> None:
    """Those that list, show and change things have --json; the others are named here."""
    without = {
        name for name, one in commands() if not any("--json" in part.opts for part in one.params)
    }
    assert without == PRINTS_SOMETHING_ELSE


@pytest.mark.parametrize("name", NAMES)
def test_help_is_whole_and_fits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command, argument and option says what it is for, in 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    done = invoke([*name.split(), "--help"])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    one = dict(commands())[name]
    assert one.help
    for part in one.params:
        if part.param_type_name == "option":
            assert part.help, f"{name}: {part.opts}"


@pytest.mark.parametrize("before", [(), ("--config", "a.toml"), ("--config=a.toml",)])
def test_only_the_part_that_is_named_is_built(before: tuple[str, ...]) -> None:
    """It holds the named command as all commands together hold it; in doubt all are built."""
    whole = dict(commands())
    for word in {name.split()[0] for name in NAMES}:
        some = dict(commands(typer.main.get_command(wanted([*before, word]))))
        assert set(some) >= {name for name in NAMES if name.split()[0] == word}, word
        assert len(some) < len(whole), word
        for name, one in some.items():
            assert one.callback.__name__ == whole[name].callback.__name__
            assert [part.opts for part in one.params] == [part.opts for part in whole[name].params]
    for words in (["case"], ["--help"], ["--version", "cases"], [], ["cases=x"]):
        assert len(dict(commands(typer.main.get_command(wanted([*before, *words]))))) == len(whole)


def test_exit_codes_are_in_the_help() -> None:
    """A monitoring script finds them without the documentation."""
    said = " ".join(invoke(["--help"]).output.split())
    for code in ("0 success", "1 failure", "2 wrong usage", "65 ", "69 ", "74 ", "75 ", "78 "):
        assert code in said, code
    assert "--install-completion" in said


def test_the_manual_page_names_every_command() -> None:
    """Made from the commands; groff has nothing to complain about."""
    page = man.page(tree())
    plain = page.replace(r"\-", "-").replace(r"\&", "")
    for name in NAMES:
        assert f".SS intake {name}" in plain, name
    if shutil.which("groff") is None:
        pytest.skip("groff is not here to read the page")
    done = subprocess.run(
        ["groff", "-k", "-man", "-Tutf8", "-ww", "-z"], input=page.encode(), capture_output=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == b""


def test_what_was_done_is_one_object_with_fixed_keys(tmp_path: Path) -> None:
    """Values under names of their own first, then the lines that people read."""
    door = Door(tmp_path)
    door.say(AMY)
    for words, keys in (
        (("incidents", "open", "Grades", "--text", "We look."), ["incident", "status", "done"]),
        (("incidents", "update", "INC-1", "--text", "More."),
         ["incident", "status", "update", "cases_answered", "done"]),
        (("cases", "close", "CASE-1001"), ["cases", "status", "done"]),
        (("contacts", "disable", "ben"), ["contact", "active", "done"]),
        (("accounts", "add", "elm", "--name", "Elm"), ["account", "result", "done"]),
        (("cases", "note", "CASE-1001", "x"), ["cases", "done"]),
    ):  # fmt: skip
        assert list(json.loads(door.cli(*words, "--json"))) == keys, words
    assert door.cli("cases", "reopen", "CASE-1001") == "CASE-1001: open\n"
    said = door.cli("incidents", "send", "INC-9", code=1)
    assert "there is no incident 'INC-9'" in said


def test_commands_start_without_the_database_library(tmp_path: Path) -> None:
    """`--help` and the probe load neither SQLAlchemy nor pydantic nor jinja2."""
    heavy = "sqlalchemy", "sqlmodel", "pydantic", "jinja2", "imapclient", "structlog", "alembic"
    code = (
        "import atexit, sys\nfrom intake.cli import main\nsys.argv = ['intake', *sys.argv[1:]]\n"
        f"loaded = lambda: [one for one in {heavy!r} if one in sys.modules]\n"
        "atexit.register(lambda: print(loaded(), file=sys.stderr))\nmain()\n"
    )
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    installation.alive(config)
    for words in (["--help"], ["--config", config.file, "status", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        assert done.stderr.strip().splitlines()[-1] == "[]", words


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path, unbuffered: str) -> None:
    """A full disk under a redirection is said, whether a line or the rest at the end fails."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    command = [sys.executable, "-m", "intake", "--config", config.file, "cases", "list"]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=env, check=False, text=True
        )
    said = "intake: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (74, said)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reading_on_is_no_error_message(tmp_path: Path, unbuffered: str) -> None:
    """As when `intake cases list` is piped into `head`."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    command = [sys.executable, "-m", "intake", "--config", config.file, "cases", "list"]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered(shell: str) -> None:
    """The script for the shell names our command."""
    done = subprocess.run(
        [sys.executable, "-m", "intake", "--show-completion", shell], capture_output=True,
        text=True, check=False, env={**os.environ, DETECTS: "1"},
    )  # fmt: skip
    assert "intake" in done.stdout.lower(), done.stderr


# ---------------------------------------------------------------- the first minutes


def test_samples_end_in_cases_on_any_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`init --sample`, `explain --sample`, `once`: one case, one question, one forged mail held."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAKE_CONFIG", raising=False)

    def ran(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "intake", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "put 3 sample mails" in ran("init", "--sample")
    shown = [json.loads(line) for line in ran("explain", "--sample", "--json").splitlines()]
    assert [(one["file"], one["decision"]) for one in shown] == [
        ("complete", "create"), ("incomplete", "ask"), ("forged", "hold"),
    ]  # fmt: skip
    assert "mails: 3 (1 ask, 1 create, 1 hold)" in ran("once")
    rows = json.loads(ran("cases", "list", "--json"))
    assert sorted(row["status"] for row in rows) == ["draft", "open"]
    again = subprocess.run(
        [sys.executable, "-m", "intake", "init", "--sample"], capture_output=True, check=False
    )
    assert (again.returncode, b"is there already" in again.stderr) == (78, True)


def test_init_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    """No traceback: the folder and the reason."""
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "intake", "--config", str(tmp_path / "file/x/config.toml"), "init"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 78
    assert "the folder cannot be made: Not a directory" in done.stderr
    assert "Traceback" not in done.stderr

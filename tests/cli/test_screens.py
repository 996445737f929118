"""What an operator's commands leave behind on disk and on the screen."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from base64 import b64encode, encodebytes
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import text as sql
from sqlalchemy import update

from intake.cli import screen
from intake.store.tables.cases import CaseRow
from tests.support import installation
from tests.support.service import AMY, QUESTION, Door, what

ODD = "Snow\u202eyad\u202c \u200bday\u2066 \x9b31m\x85 \x7f\ufeff\u061c\u00ad end"
PLAIN = "Schneetag äöü 雪 🎓"


@pytest.fixture(autouse=True)
def _usual_mask() -> Iterator[None]:
    """Files are readable by everybody unless somebody sees to it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    """The permissions in octal."""
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service with one case that has a file."""
    made = Door(tmp_path)
    content = encodebytes(b"names and numbers of pupils\n").decode()
    text = (
        f"--cut\nContent-Type: text/plain\n\n{QUESTION}--cut\nContent-Type: text/plain\n"
        "Content-Disposition: attachment; filename=pupils.txt\n"
        f"Content-Transfer-Encoding: base64\n\n{content}--cut--\n"
    )
    head = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=cut"]
    assert what(made.say(AMY, text, fields=head)) == "create R20"
    return made


# ---------------------------------------------------------------- on disk


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_export_is_readable_by_its_owner_alone(door: Door, tmp_path: Path, form: str) -> None:
    """New or written over: nobody else of the machine reads what customers wrote."""
    out = tmp_path / f"cases.{form}"
    for _ in range(2):
        door.cli("cases", "export", "--out", str(out), "--format", form)
        assert mode(out) == "600"
        assert out.stat().st_size > 50
        out.chmod(0o644)


def test_exported_files_lie_in_folders_of_their_owner_alone(door: Door, tmp_path: Path) -> None:
    """The folder, the folder of each case, and every file in it."""
    out, files = tmp_path / "cases.json", tmp_path / "deep" / "files"
    door.cli("cases", "export", "--out", str(out), "--files", str(files))
    (case,) = files.iterdir()
    (file,) = case.iterdir()
    assert (file.name, file.read_bytes()) == ("1-pupils.txt", b"names and numbers of pupils\n")
    assert {path.name: mode(path) for path in (files, case, file)} == {
        "files": "700", "CASE-1001": "700", "1-pupils.txt": "600",
    }  # fmt: skip


def test_a_folder_that_was_there_keeps_its_permissions(door: Door, tmp_path: Path) -> None:
    """What the operator made for others stays theirs to decide; what is put in it does not."""
    files = tmp_path / "shared"
    files.mkdir(mode=0o755)
    door.cli("cases", "export", "--out", str(tmp_path / "x.json"), "--files", str(files))
    assert mode(files) == "755"
    assert mode(files / "CASE-1001") == "700"


def test_one_file_of_a_case_is_readable_by_its_owner_alone(door: Door, tmp_path: Path) -> None:
    """``intake cases file`` hands out withheld ones too."""
    out = tmp_path / "pupils.txt"
    door.cli("cases", "file", "CASE-1001", "1", str(out))
    assert (mode(out), out.read_bytes()) == ("600", b"names and numbers of pupils\n")


# ---------------------------------------------------------------- on the screen


def on_a_terminal(door: Door, *words: str) -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "intake", "--config", door.config.file, *words],
        stdout=theirs,
        stdin=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 65536):
            seen += data
    except OSError:  # the other end is closed: the command has ended
        pass
    finally:
        os.close(ours)
    assert done.wait(60) == 0
    return seen.decode().replace("\r\n", "\n")


def titled(door: Door, subject: str) -> None:
    """A mail of that subject."""
    word = b64encode(subject.encode()).decode()
    text = f"Case Type: Ask a Question\nDescription: {PLAIN}\n"
    head = ["Content-Type: text/plain; charset=utf-8"]
    row = door.say(AMY, text, subject=f"=?utf-8?b?{word}?=", fields=head)
    assert what(row) == "create R20"


def harmful(text: str) -> list[str]:
    """Characters that rewrite a screen or cannot be seen."""
    ranges = ((0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x200B, 0x200F), (0x2028, 0x202E),
              (0x2060, 0x206F), (0xFEFF, 0xFEFF))  # fmt: skip
    found = {char for char in text for low, high in ranges if low <= ord(char) <= high}
    return sorted(f"{ord(char):04x}" for char in found)


def odd_case(door: Door) -> None:
    """A case whose stored words hold what a mail could bring, whatever the readers leave of it."""
    with installation.database(door.config, write=True) as session:
        session.execute(update(CaseRow).values(subject=ODD))


@pytest.mark.parametrize(
    "words", [("cases", "list", "--json"), ("cases", "show", "CASE-1001", "--json")]
)
def test_json_on_a_terminal_holds_nothing_that_rewrites_it(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """C1 controls, direction and zero-width characters are escapes, and it is the same JSON."""
    door = Door(tmp_path)
    titled(door, PLAIN)
    odd_case(door)
    seen = on_a_terminal(door, *words)
    assert harmful(seen) == []
    found = json.loads(seen)
    case = found[0] if isinstance(found, list) else found
    assert case["subject"] == ODD
    assert found == json.loads(door.cli(*words))


def test_words_that_people_read_stay_readable_on_a_terminal(tmp_path: Path) -> None:
    """Letters of any language are no escapes."""
    door = Door(tmp_path)
    titled(door, PLAIN)
    assert PLAIN in on_a_terminal(door, "cases", "list", "--json")
    assert PLAIN in door.cli("cases", "show", "CASE-1001", "--json")


# ---------------------------------------------------------------- where it begins


def init(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """``intake init`` in that folder with that environment."""
    return subprocess.run(
        [sys.executable, "-m", "intake", *words, "init"],
        cwd=folder,
        capture_output=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **variables},
    )


def test_init_writes_where_the_environment_says(tmp_path: Path) -> None:
    """INTAKE_CONFIG names the configuration of every command, of the first one too."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    done = init(here, INTAKE_CONFIG=str(there / "intake.toml"))
    assert done.returncode == 0, done.stderr
    assert (there / "intake.toml").is_file()
    assert list(here.iterdir()) == []


def test_init_writes_where_the_option_says_before_anything_else(tmp_path: Path) -> None:
    """--config comes first; without either it is config.toml in this folder."""
    named = tmp_path / "named.toml"
    done = init(tmp_path, "--config", str(named), INTAKE_CONFIG=str(tmp_path / "other.toml"))
    assert done.returncode == 0, done.stderr
    assert (named.is_file(), (tmp_path / "other.toml").exists()) == (True, False)
    bare = tmp_path / "bare"
    bare.mkdir()
    assert init(bare).returncode == 0
    assert (bare / "config.toml").is_file()


HOSTILE = "\x1b[2Jgone\u202e"


def test_no_command_prints_what_could_move_the_cursor(tmp_path: Path) -> None:
    """Whatever is stored of mails and people: every list and every page shows it as escapes."""
    door = Door(tmp_path)
    body = (
        "--b\nContent-Type: text/plain\n\n" + QUESTION + "\n--b\n"
        'Content-Disposition: attachment; filename="a.log"\n\nx\n--b--\n'
    )
    door.say(AMY, body, fields=("Content-Type: multipart/mixed; boundary=b", "MIME-Version: 1.0"))
    with installation.database(door.config, write=True) as session:
        for statement in (
            "UPDATE messages SET failure = :x, subject = :x, sender = :x, rule = :x,"
            " reasons = json_array(:x)",
            "UPDATE cases SET subject = :x, description = :x, flag = :x, priority = :x",
            "UPDATE case_fields SET words = :x, value = json_quote(:x)",
            "UPDATE attachments SET name = :x, reason = :x",
            "UPDATE outbox SET text = :x, subject = :x, reply = :x",
            "UPDATE contacts SET name = :x, title = :x, phone = :x",
            "UPDATE accounts SET name = :x",
            "UPDATE events SET who = :x, detail = json_object('why', :x)",
        ):
            session.execute(sql(statement), {"x": HOSTILE})
    for words in (
        "messages list", "messages show 1", "messages replay --dry-run", "cases list",
        "cases show CASE-1001", f"cases file CASE-1001 1 {tmp_path}/file", "outbox list",
        "outbox show 1", "contacts list", "contacts show amy", "accounts list", "status",
    ):  # fmt: skip
        done = installation.command(door.config, *words.split())
        said = (done.stdout + done.stderr).decode()
        assert "\x1b" not in said, words
        assert "\u202e" not in said, words


def test_the_expected_failures_are_named_as_they_are() -> None:
    """A class that was moved or renamed would end a command with a traceback."""
    for name in screen.EXPECTED:
        module, _, kind = name.rpartition(".")
        found = getattr(import_module(module), kind)
        assert issubclass(found, Exception)
        assert (found.__module__, found.__qualname__) == (module, kind)
        with pytest.raises(screen.Abort, match="the disk"), screen.plainly():
            raise _made(found)


def _made(kind: type[Exception]) -> Exception:
    """An exception of that kind about the disk."""
    for words in (("the disk",), ("full", "the disk"), (5, "the disk")):
        with suppress(TypeError):
            found = kind(*words)
            if "the disk" in str(found):
                return found
    raise AssertionError(kind)


def test_a_short_command_loads_nothing_that_reads_mail(tmp_path: Path) -> None:
    """Listing cases needs neither the parsers nor the letters, whose loading takes longer."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    names = "intake.mail.message", "intake.letters.compose", "intake.worker.replay"
    program = f"""
import sys
from intake.cli.app import main
sys.argv = ["intake", "--config", {config.file!r}, "cases", "list"]
try:
    main()
finally:
    print([one for one in {names!r} if one in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]")

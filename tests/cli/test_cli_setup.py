"""Setting up and the terminal: init, doctor, mistakes, dates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from intake.cli.app import main
from intake.cli.layout import safe
from intake.cli.screen import Abort, moment, settings
from intake.worker import service
from tests.support import installation
from tests.support.commands import good, invoke, run
from tests.support.mailbag import bag


def test_init_makes_what_is_missing_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configuration, secret, database, folders; the second time nothing is overwritten."""
    monkeypatch.setattr(settings, "file", None)
    file = tmp_path / "new" / "config.toml"
    first = invoke(["init", "--config", str(file)])
    assert first.exit_code == 0, first.output
    secret = (tmp_path / "new/var/secret").read_text()
    assert (tmp_path / "new/var/secret").stat().st_mode & 0o777 == 0o600
    assert file.stat().st_mode & 0o777 == 0o600
    second = invoke(["--config", str(file), "init"])
    assert second.exit_code == 0
    assert (tmp_path / "new/var/secret").read_text() == secret
    doctor = invoke(["doctor", "--config", str(file)])
    assert doctor.exit_code == 0, doctor.output
    assert "EVERY mail will be held" in doctor.output
    assert "contacts import" in doctor.output


def test_a_wrong_configuration_exits_78(tmp_path: Path) -> None:
    """From the real command: one line on standard error, no traceback."""
    made = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    Path(made.file).write_text("[service]\nnmae = 1\n")
    done = installation.intake(made, "status")
    assert done.returncode == 78
    assert b"service.nmae" in done.stderr
    assert b"Traceback" not in done.stderr
    assert installation.intake(made, "no-such-command").returncode == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (installation.imap_box(1, "pw"), "connection lost or refused"),
        (installation.maildir_box(Path("/proc/none")), "Maildir support"),
    ],
)
def test_doctor_and_once_name_a_mailbox_that_fails(
    tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other parts are still checked; once exits with 75."""
    monkeypatch.setattr(settings, "file", None)
    made = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    Path(made.file).write_text(
        installation.HEAD + text + installation.delivery("smtp://127.0.0.1:1")
    )
    doctor = run(made, "doctor")
    assert doctor.exit_code == 1
    assert said in doctor.output
    assert "fail  delivery" in doctor.output
    done = run(made, "once")
    assert done.exit_code == 75
    assert run(made, "status").exit_code == 1


def test_text_from_mails_cannot_play_with_the_terminal() -> None:
    """Escape sequences, direction marks and line ends are shown, not obeyed."""
    assert safe("a\x1b[31mb\u202ec\nd\u200b") == "a\\x1b[31mb\\u202ec\\x0ad\\u200b"
    assert safe("a\nb", lines=True) == "a\nb"
    assert safe(None) == ""


def test_the_entry_point_turns_aborts_into_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """main() is what the console script calls."""
    monkeypatch.setattr("sys.argv", ["intake", "--config", "/none.toml", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 78
    assert "intake: /none.toml: there is no such file" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["intake", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


def test_doctor_looks_at_notices_and_the_page(tmp_path: Path) -> None:
    """Another organisation's bounce address cannot align; a page in a file cannot be written."""
    (tmp_path / "file").write_text("x")
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    text += 'bounce_address = "bounce@mailer.example"\n'
    text += f'\n[page]\nfolder = "{tmp_path}/file/page"\n'
    config = installation.make(tmp_path, text)
    found = json.loads(installation.intake(config, "doctor", "--json").stdout)
    said = {(one["verdict"], one["what"]): one["words"] for one in found}
    assert "SPF cannot align" in next(
        one["words"] for one in found if "mailer.example" in one["words"]
    )
    assert ("ok", "notices") in said
    assert "cannot be written" in said["fail", "page"]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31", "2026-01-31T06:00:00+00:00"),  # the service's own midnight
        ("2026-01-31 10:00", "2026-01-31T16:00:00+00:00"),
        ("2026-01-31T10:00+02:00", "2026-01-31T08:00:00+00:00"),
        ("2026-01-31T10:00Z", "2026-01-31T10:00:00+00:00"),
    ],
)
def test_a_date_on_the_command_line_is_read_in_one_way(text: str, utc: str) -> None:
    """An offset counts; without one it is the time of the service's zone."""
    read = moment("--since", text, "America/Chicago")
    assert read is not None
    assert read.isoformat() == utc
    assert moment("--since", "", "America/Chicago") is None


@pytest.mark.parametrize("text", ["soon", "2026-03-08 02:30", "2026-11-01 01:30"])
def test_a_date_that_is_none_is_refused(text: str) -> None:
    """No date, a time that the clocks leave out, one that comes twice: named with the option."""
    with pytest.raises(Abort, match="--since: found"):
        moment("--since", text, "America/Chicago")


def test_an_export_minds_the_offset(tmp_path: Path) -> None:
    """A case of nine o'clock is after half past ten two hours east, and not after ten here."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    folder = tmp_path / "in/new"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1").write_bytes(bag(1)[0].raw)
    service.once(config)
    with installation.database(config, write=True) as session:
        session.execute(sql("UPDATE cases SET updated_at = '2026-01-31 09:00:00.000000'"))
    assert good(config, "cases", "export", "--since", "2026-01-31T10:30+02:00") != ""
    assert good(config, "cases", "export", "--since", "2026-01-31T10:00Z") == ""


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        ("messages", "--status", "shelved"),
        ("cases", "--status", "waiting"),
        ("outbox", "--state", "in_doubt"),
        ("hooks", "--state", "dropped"),
    ],
)
def test_a_state_that_is_none_is_refused_with_the_choices(
    tmp_path: Path, command: str, option: str, known: str
) -> None:
    """A misspelt filter is no empty list: it is exit code 2, and the choices are named."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    done = installation.command(config, command, "list", option, "nonsense")
    assert done.returncode == 2
    said = " ".join((done.stdout + done.stderr).decode().split())
    assert "nonsense" in said
    assert known in said
    assert installation.command(config, command, "list", option, known).returncode == 0

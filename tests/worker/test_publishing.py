"""From the database to the page, as the command and the worker write it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from intake.cli import page as command
from intake.cli.screen import Abort, settings
from intake.config.loader import Config
from intake.config.toml_files import ConfigError
from intake.model.authorship import By
from intake.model.incidents import Change
from intake.store.engine import Engine, open_engine, writing
from intake.store.incidents import write
from intake.worker import page_publisher
from tests.support import installation
from tests.support.commands import invoke

NOW = datetime(2026, 11, 17, 15, 5, tzinfo=UTC)


def make(tmp_path: Path, page: str) -> Config:
    """A service with that [page] table."""
    return installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out")
        + page,
    )


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A service that has a page."""
    monkeypatch.setattr(settings, "file", None)
    return make(
        tmp_path, '\n[page]\nfolder = "www"\nurl = "https://status.example/"\nclosed_days = 30\n'
    )


@pytest.fixture
def engine(config: Config) -> Engine:
    """Its database."""
    return open_engine(config.database_url)


def run(config: Config, *words: str) -> Result:
    """The command in this process."""
    return invoke(["--config", config.file, *words])


def opened(engine: Engine, title: str = "Grades are late") -> str:
    """An incident on record."""
    with writing(engine) as session:
        return write.open_(
            session, write.Opening("incident", title, "We look into it."), "operator:x", NOW
        )


def test_what_is_on_record_stands_on_the_page(config: Config, engine: Engine) -> None:
    """Each change is published once; a closed notice leaves after its days."""
    www = config.path("www")
    assert page_publisher.publish(config, engine, NOW)
    assert not page_publisher.publish(config, engine, NOW + timedelta(hours=1))
    made = opened(engine)
    assert page_publisher.publish(config, engine, NOW)
    assert "Grades are late" in (www / "index.html").read_text("utf-8")
    with writing(engine) as session:
        write.update(session, made, "Mended.", By("operator:x", NOW), Change(status="resolved"))
    assert page_publisher.publish(config, engine, NOW)
    assert "Resolved" in (www / f"{made}.html").read_text("utf-8")
    assert not page_publisher.publish(config, engine, NOW + timedelta(days=29))
    assert page_publisher.publish(config, engine, NOW + timedelta(days=31))
    assert not (www / f"{made}.html").exists()


def test_the_heading_is_the_configured_one_or_follows_the_notices(tmp_path: Path) -> None:
    """page.title, else notices.name, else the service's name and "status"."""
    for more, title in (
        ("", "Support desk status"),
        ('\n[notices]\nname = "Campus"\n', "Campus"),
        ('\n[notices]\nname = "Campus"\n[page]\ntitle = "News"\n', "News"),
    ):
        (tmp_path / title).mkdir()
        made = make(tmp_path / title, more)
        engine = open_engine(made.database_url)
        with writing(engine) as session:
            assert page_publisher.board(made, session, NOW).title == title
        engine.dispose()


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    """publish does nothing, the command says what is missing and exits with 78."""
    made = make(tmp_path, "")
    engine = open_engine(made.database_url)
    assert not page_publisher.publish(made, engine, NOW)
    engine.dispose()
    with pytest.raises(ConfigError, match=r"config\.toml: page\.folder: found nothing, wanted"):
        page_publisher.folder(made)
    done = run(made, "page", "build")
    assert isinstance(done.exception, Abort)
    assert done.exception.code == 78


def test_the_command_says_what_it_wrote_and_where(config: Config, engine: Engine) -> None:
    """Numbers of open and closed notices and the folder, as words and as JSON."""
    made = opened(engine)
    opened(engine, "Attendance is slow")
    with writing(engine) as session:
        write.update(
            session, made, "Mended.", By("operator:x", datetime.now(UTC)), Change(status="resolved")
        )
    done = run(config, "page", "build")
    assert done.exit_code == 0, done.output
    www = config.path("www")
    assert done.output.split("\n") == [
        f"written: {www}/index.html", "1 open, 1 closed, seen at https://status.example/", "",
    ]  # fmt: skip
    assert json.loads(run(config, "page", "build", "--json").output) == {
        "changed": False, "open": 1, "closed": 1, "folder": str(www),
        "url": "https://status.example/",
    }  # fmt: skip


def test_a_page_that_cannot_be_written_is_an_error_of_the_disk(config: Config) -> None:
    """One line with the path, exit code 74; somebody else's page is left alone."""
    config.path("www").mkdir()
    (config.path("www") / "index.html").write_text("<p>somebody else's")
    done = run(config, "page", "build")
    assert isinstance(done.exception, Abort)
    assert done.exception.code == 74
    assert "index.html: found a page that intake did not write" in str(done.exception)


def test_a_change_stands_though_the_page_cannot_be_written(
    config: Config, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a change the page follows; where it cannot, that is said and nothing is undone."""
    opened(engine)
    command.refresh(config)
    assert "Grades are late" in (config.path("www") / "index.html").read_text("utf-8")
    assert capsys.readouterr().err == ""
    (config.path("www") / "index.html").write_text("<p>somebody else's")
    command.refresh(config)
    assert "intake: the notifications page was not written: " in capsys.readouterr().err

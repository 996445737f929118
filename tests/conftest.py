"""What every test starts from: quiet logs, and no setting of this machine's environment."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from intake.cli import logs
from intake.store import engine
from intake.worker import bootstrap
from tests.support import statements
from tests.support.in_process import InProcess

HERE = Path(__file__).parent
MEASURED = tuple(
    f"{HERE / one}/"
    for one in (
        "authentication", "catalogue", "incidents", "letters", "mail_format", "parsers", "triage",
    )
)  # fmt: skip

settings.register_profile("intake", deadline=None)  # how fast a machine is decides no test
settings.load_profile("intake")


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Log lines of the rooms under test stay out of the report.

    What the tests start, as worker, as command or to be killed, is not measured: it would cost
    much more than it tells, and who is killed or may write no file leaves no figures anyway.
    """
    logs.set_up("json", "critical")
    engine.create_engine = statements.sharing
    for name in [one for one in os.environ if one.startswith("INTAKE_")]:
        if name not in ("INTAKE_CAMPAIGN", "INTAKE_REQUIRE_SERVERS"):
            del os.environ[name]
    for name in [one for one in os.environ if "COVERAGE" in one]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _reads_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails are read in this process, unless children are the matter of the test."""
    marked = ("children", "servers")
    if not any(request.node.get_closest_marker(one) for one in marked):
        monkeypatch.setattr(bootstrap, "Pool", InProcess)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Branch coverage is measured where the pure rooms are tested by themselves.

    It makes everything take twice as long, so it pauses elsewhere and in long computations.
    """
    measuring, in_threads = sys.gettrace(), threading.gettrace()
    wanted = str(item.path).startswith(MEASURED) or item.path.name == "test_golden.py"
    if measuring is None or (wanted and not item.get_closest_marker("long")):
        return (yield)
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type] # as threading itself does
    try:
        return (yield)
    finally:
        sys.settrace(measuring)
        threading.settrace(in_threads)  # type: ignore[arg-type] # what was there


NAMED = """
SELECT digest FROM messages WHERE digest <> '' AND status NOT IN ('dropped', 'rejected', 'vanished')
  AND reasons NOT LIKE '%are fetched%'
UNION SELECT sha256 FROM attachments JOIN messages ON messages.id = attachments.message_id
  WHERE status NOT IN ('dropped', 'rejected', 'vanished')
"""


@pytest.fixture(autouse=True)
def _every_row_has_its_blob(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: what the services in its folder name lies in their blob stores."""
    looked = "tmp_path" in request.fixturenames and not request.node.get_closest_marker(
        "takes_blobs"
    )
    folder: Path | None = request.getfixturevalue("tmp_path") if looked else None
    yield
    for database in folder.glob("**/var/intake.db") if folder else ():
        missing = _missing(database, database.parent / "blobs")
        assert missing == [], f"{database} names blobs that are not there"


def _missing(database: Path, blobs: Path) -> list[str]:
    if not blobs.is_dir():
        return []
    try:
        with closing(sqlite3.connect(database)) as connection:
            named = [row[0] for row in connection.execute(NAMED)]
    except sqlite3.Error:
        return []  # no database of ours, or one that the test has broken
    return [one for one in named if not (blobs / one[:2] / one[2:4] / one).exists()]

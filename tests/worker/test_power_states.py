"""Every state that a power cut may leave, by the calls of a real pass, keeps the promises.

INTAKE_STATES says how many states are looked at; they are spread over the whole pass.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from tests.support import checker
from tests.support.checker import World, digest_of
from tests.support.faults import CAMPAIGN, Desk, at, maildir_desk
from tests.support.mailbag import Expected, bag
from tests.support.power_loss import Call, State, record, states
from tests.support.servers import need

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("disks")]
MAILS = 24  # in one pass
RECORDINGS = 1 if CAMPAIGN < 10 else 10  # passes, each over other mails
STATES = int(os.environ.get("INTAKE_STATES", "400" if CAMPAIGN < 10 else "20000")) // RECORDINGS
RECOVERED = 4 if CAMPAIGN < 10 else 20  # states from which a worker really goes on


@dataclass(frozen=True)
class Recording:
    """A pass, and what lay there before it."""

    before: Path
    mails: list[Expected]
    calls: list[Call]


@pytest.fixture(scope="module", params=range(RECORDINGS))
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    """A pass over Maildirs, with a mail of every kind."""
    need("strace")
    folder = tmp_path_factory.mktemp("power")
    mails = bag(MAILS * (request.param + 1))[-MAILS:]
    (folder / "desk").mkdir()
    desk = maildir_desk(folder / "desk", mails)
    with closing(sqlite3.connect(desk.database)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(folder / "desk", folder / "before")
    calls = record(desk, folder / "trace")
    return Recording(folder / "before", mails, calls)


def put(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes them there, and nothing else stays."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def wrong(state: State, mails: list[Expected], folder: Path) -> list[str]:
    """What breaks a promise in that state, before anybody goes on."""
    shutil.rmtree(folder, ignore_errors=True)
    put(state.files, folder)

    def outside(*places: str) -> list[bytes]:
        found = sorted(state.outside.items())
        return [data for path, data in found if path.startswith(places)]

    world = World(
        ever=[mail.raw for mail in mails],
        database=folder / "var/intake.db",
        blobs=folder / "var/blobs",
        inbox=outside("in/new/", "in/cur/"),
        processed=outside("in/.Processed/new/", "in/.Processed/cur/"),
        held=outside("in/.Held/new/", "in/.Held/cur/"),
        letters=outside("out/new/", "out/cur/"),
        files={digest_of(mail.raw): mail.files for mail in mails},
    )
    return [*checker.violations(world), *_twice(world)]


def _twice(world: World) -> Iterator[str]:
    """Letters that arrived and would be sent again."""
    with closing(sqlite3.connect(world.database)) as link:
        due = link.execute("SELECT message_id_header FROM outbox WHERE state IN ('due', 'claimed')")
        waiting = {row[0] for row in due}
    arrived = b"\n".join(raw.partition(b"\r\n\r\n")[0] for raw in world.letters)
    for mark in waiting:
        if mark.encode() in arrived:
            yield f"Letter {mark} arrived and will be sent again."


def spread(found: Iterator[State], step: int) -> Iterator[State]:
    """Every so manyth of them."""
    return islice(found, 0, None, step)


def test_no_state_after_a_power_cut_breaks_a_promise(recording: Recording, tmp_path: Path) -> None:
    """At rest: no mail lost, none unknown that was moved, no letter that would go out again."""
    total = sum(1 for _ in states(recording.before, recording.calls))
    step = max(1, total // STATES)
    found: list[str] = []
    looked = Counter[str]()
    for state in spread(states(recording.before, recording.calls), step):
        looked[state.moment.split(", ")[1]] += 1
        found += [f"{state.moment}: {one}" for one in wrong(state, recording.mails, tmp_path / "x")]
    assert found == []
    sys.stdout.write(
        f"{len(recording.calls)} calls, {total} states, looked at {sum(looked.values())}:"
        f" {dict(looked)}\n"
    )


def test_a_worker_goes_on_from_such_a_state(recording: Recording, tmp_path: Path) -> None:
    """In the end every mail is handled once, and each letter is there or in doubt."""
    total = sum(1 for _ in states(recording.before, recording.calls))
    step = max(1, total // RECOVERED)
    count = 0
    for state in spread(states(recording.before, recording.calls), step):
        folder = tmp_path / f"state{count}"
        shutil.copytree(recording.before, folder)
        for place in ("var", "in", "out"):
            shutil.rmtree(folder / place, ignore_errors=True)
        for kept in ("in/new", "in/cur", "in/tmp", "out/new", "out/cur", "out/tmp"):
            (folder / kept).mkdir(parents=True)
        put({**state.files, **state.outside}, folder)
        desk: Desk = at(folder, recording.mails)
        assert desk.recovered() == [], state.moment
        shutil.rmtree(folder)
        count += 1
    sys.stdout.write(f"{count} states recovered\n")


def _blob(call: Call) -> bool:
    return call.name == "fsync" and "/blobs/staging/" in call.paths[0]


def _folder(call: Call) -> bool:
    path = Path(call.paths[0])
    folder = "blobs" in path.parts and len(path.name) <= len("staging")
    return call.name in ("fsync", "fdatasync") and folder


def _log(call: Call) -> bool:
    return call.name == "fdatasync" and call.paths[0].endswith("-wal")


@pytest.mark.parametrize(
    "missing", [_blob, _folder, _log], ids=["files", "folders", "synchronous=NORMAL"]
)
def test_a_program_that_does_not_sync_is_caught(
    recording: Recording, tmp_path: Path, missing: Callable[[Call], bool]
) -> None:
    """Without one kind of sync, some state breaks a promise: so the tests above can fail."""
    left_out = [call for call in recording.calls if missing(call)]
    assert len(left_out) >= 3
    for state in spread(states(recording.before, recording.calls, missing), 7):
        if wrong(state, recording.mails, tmp_path / "x"):
            return
    pytest.fail("every state kept the promises")

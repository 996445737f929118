"""Reading mails in killable children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake.adapters.blob_store import BlobError, Blobs
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, Refusal
from intake.worker import parser_pool
from intake.worker.parser_pool import Pool, PoolError, read_here
from tests.support.pool import arrival, settings


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pool]:
    """A pool of two children over an empty blob store."""
    with Pool(2, settings(tmp_path)) as made:
        yield made


def test_mails_come_back_in_the_order_given(two: Pool) -> None:
    """Children work in parallel, the answers keep the order of the arrivals."""
    arrivals = [arrival(f"s{number}") for number in range(30)]
    read = list(two.map(arrivals))
    assert [one for one, _ in read] == arrivals
    assert [mail.message.subject for _, mail in read] == [f"s{number}" for number in range(30)]
    assert all(mail.scan and mail.scan.text == "words" for _, mail in read)


def test_there_is_one_child_until_somebody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quick mails need one child, whatever the size; a caller that loses time gets another."""
    monkeypatch.setattr(parser_pool, "_START_SECONDS", 600.0)
    with Pool(4, settings(tmp_path)) as made:
        list(made.map([arrival(f"s{number}") for number in range(30)]))
        assert made._idle.qsize() == 1
        made.waited(601.0)
        list(made.map([arrival(f"s{number}") for number in range(300)]))
        assert made._idle.qsize() == 2


def test_a_child_starts_when_mails_are_announced(two: Pool) -> None:
    """However often they are announced, it is one child, and it is there before them."""
    for _ in range(3):
        two.ready()
    two._threads.shutdown(wait=True)
    assert two._idle.qsize() == 1


def test_a_mail_that_takes_long_does_not_delay_the_others(tmp_path: Path) -> None:
    """They are read by another child before the slow one is given up."""
    done: list[float] = []
    slow = settings(tmp_path, wall_seconds=12.0)
    with Pool(2, slow, timed=done.append) as made:
        mails = made.map([arrival(subject) for subject in ("hang", "a", "b", "c")])
        _, first = next(mails)
        assert (getattr(first.message, "code", ""), len(done)) == ("timeout", 3)


def test_a_child_gives_what_this_process_would(two: Pool, tmp_path: Path) -> None:
    """The JSON between the processes loses nothing but the bytes of the attachments."""
    head = b"To: x@y.example, z@y.example\r\nDate: Tue, 2 Jan 2024 10:00:00 -0500\r\n"
    mail = arrival("=?utf-8?q?=C3=A4?=", "ä\r\n\x85".encode(), head)
    [(_, read)] = two.map([mail])
    assert read == read_here(mail, settings(tmp_path))


def test_a_refused_mail_has_no_scan(two: Pool) -> None:
    """The gate's refusals come through the pool as they are."""
    [(_, read)] = two.map([arrival("x", head=b"Subject: again\r\n")])
    assert isinstance(read.message, Refusal)
    assert read.message.code == "header"
    assert read.scan is None


def test_attachments_are_staged_and_leave_the_message(two: Pool, tmp_path: Path) -> None:
    """A child writes files to the blob store; only their digests travel."""
    [(_, read)] = two.map([arrival("x", b"%PDF-1.4", b"Content-Type: application/pdf\r\n")])
    assert isinstance(read.message, Message)
    (file,) = read.message.attachments
    assert (file.content, file.size, file.detected_type) == (b"", 8, "application/pdf")
    assert Blobs(tmp_path, "test").read(file.sha256) == b"%PDF-1.4"


def test_the_raw_mail_may_lie_in_the_blob_store(two: Pool, tmp_path: Path) -> None:
    """An arrival without its bytes is read from the store by its digest."""
    mail = arrival("stored")
    Blobs(tmp_path, "test").stage(mail.raw)
    bare = Arrival("box", 7, 1, mail.received_at, mail.digest, mail.size)
    [(_, read)] = two.map([bare])
    assert read.message.subject == "stored"


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("hang", "timeout"),
        ("spin", "timeout"),
        ("hoard", "memory"),
        ("leave", "crash"),
        ("die", "crash"),
        ("stumble", "crash"),
        ("nest", "crash"),
    ],
)
def test_a_deadly_mail_costs_only_itself(tmp_path: Path, deed: str, code: str) -> None:
    """Whatever one mail does to its process, its neighbours are read and the next ones too."""
    limits = {"wall_seconds": 1.5 if deed == "hang" else 20.0, "cpu_seconds": 1}
    with Pool(2, settings(tmp_path, **limits)) as made:
        read = [mail.message for _, mail in made.map([arrival(s) for s in ("a", deed, "b", "c")])]
        assert [mail.subject for mail in read] == ["a", deed, "b", "c"]
        assert [getattr(mail, "code", "") for mail in read] == ["", code, "", ""]
        [(_, after)] = made.map([arrival("after")])
        assert after.message.subject == "after"


@pytest.mark.parametrize("deed", ["die", "leave"])
def test_a_child_that_ended_once_is_no_fault_of_the_mail(tmp_path: Path, deed: str) -> None:
    """Somebody killed it, or its pipe failed: the same mail is read by the next child."""
    with Pool(1, settings(tmp_path)) as made:
        (tmp_path / "once").touch()
        [(_, read)] = made.map([arrival(f"{deed} once {tmp_path / 'once'}")])
        assert isinstance(read.message, Message)
        assert not (tmp_path / "once").exists()


def test_a_child_that_is_stopped_for_a_while_is_no_fault_of_the_mail(tmp_path: Path) -> None:
    """It used none of its time, so it did not spend it on the mail; its successor reads it."""
    with Pool(1, settings(tmp_path, wall_seconds=2.0)) as made:
        list(made.map([arrival("a")]))
        os.kill(made._idle.queue[-1]._process.pid, signal.SIGSTOP)
        [(_, read)] = made.map([arrival("b")])
        assert isinstance(read.message, Message)


def test_a_child_that_prints_does_not_corrupt_its_answers(two: Pool) -> None:
    """Standard output is moved out of the way before anything is imported that may use it."""
    read = [mail.message for _, mail in two.map([arrival("scribble"), arrival("b")])]
    assert [type(mail) for mail in read] == [Message, Message]


def test_a_flood_of_an_answer_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer over the limit is not read; the mail is refused."""
    with Pool(1, settings(tmp_path)) as made:
        list(made.map([arrival("a")]))
        monkeypatch.setattr(parser_pool, "_MAX_ANSWER_BYTES", 100)
        [(_, read)] = made.map([arrival("b")])
        assert isinstance(read.message, Refusal)
        assert read.message.code == "crash"


def test_nonsense_for_an_answer_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is not of the agreed form ends the child and refuses the mail."""
    with Pool(1, settings(tmp_path)) as made:
        list(made.map([arrival("a")]))
        monkeypatch.setattr(parser_pool._Child, "_receive", lambda *_: b'{"mail": 3}')
        [(_, read)] = made.map([arrival("b")])
        assert isinstance(read.message, Refusal)
        assert "no valid answer" in read.message.detail


def test_a_mail_beyond_the_limit_never_reaches_a_child(tmp_path: Path) -> None:
    """Size is judged before a process is even started."""
    with Pool(1, settings(tmp_path, limits=Limits(max_mail_bytes=10))) as made:
        [(_, read)] = made.map([arrival("too big")])
        assert isinstance(read.message, Refusal)
        assert read.message.code == "limits"
        assert made._idle.empty()


def test_a_missing_blob_is_our_own_failure(two: Pool) -> None:
    """When the store cannot be read the batch fails; the mail is not blamed."""
    mail = arrival("x")
    bare = Arrival("box", 7, 1, mail.received_at, mail.digest, mail.size)
    with pytest.raises(BlobError):
        list(two.map([bare]))


def test_a_child_that_cannot_start_tells_why(tmp_path: Path) -> None:
    """The last words of a failing child are in the error; no mail is refused for it."""
    with (
        Pool(1, settings(tmp_path, catalogue={"broken": 1})) as made,
        pytest.raises(PoolError, match="this catalogue is broken"),
    ):
        list(made.map([arrival("x")]))


def test_children_are_started_late_and_used_again(two: Pool) -> None:
    """No child before the first mail, and never more than the size of the pool."""
    assert two._idle.empty()
    list(two.map([arrival(f"s{number}") for number in range(10)]))
    first = {child._process.pid for child in list(two._idle.queue)}
    list(two.map([arrival(f"t{number}") for number in range(10)]))
    assert 1 <= len(first) <= 2
    assert {child._process.pid for child in list(two._idle.queue)} >= first


def test_a_child_that_died_at_rest_is_replaced(two: Pool) -> None:
    """Between batches anything may happen to a child; the next mail gets a fresh one."""
    list(two.map([arrival("a")]))
    child = two._idle.queue[-1]
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    [(_, read)] = two.map([arrival("b")])
    assert read.message.subject == "b"


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    """A parent killed without warning leaves no child behind: their input ends."""
    script = (
        "import os\n"
        "from pathlib import Path\n"
        "from intake.worker.parser_pool import Pool\n"
        "from tests.support.pool import arrival, settings\n"
        f"made = Pool(1, settings(Path({str(tmp_path)!r})))\n"
        "list(made.map([arrival('a')]))\n"
        "print(made._idle.queue[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    child = int(done.stdout)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if "State:\tZ" in Path(f"/proc/{child}/status").read_text(encoding="ascii"):
            break  # dead; nobody has collected it yet
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_a_child_ignores_the_interrupt_of_the_terminal(two: Pool) -> None:
    """Ctrl-C is the parent's business: a child goes on with its mail."""
    list(two.map([arrival("a")]))
    child = two._idle.queue[-1]
    os.kill(child._process.pid, signal.SIGINT)
    [(_, read)] = two.map([arrival("b")])
    assert read.message.subject == "b"
    assert two._idle.queue[-1]._process.pid == child._process.pid


def test_a_big_mail_fits_into_the_memory_limit(two: Pool) -> None:
    """The limit grows with the mail: 20 MB of base64 are read."""
    head = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n"
    [(_, read)] = two.map([arrival("big", b"QUJD" * 5_000_000, head)])
    assert isinstance(read.message, Message)
    assert read.message.attachments[0].size == 15_000_000


def test_reading_here_keeps_the_files(tmp_path: Path) -> None:
    """Without a pool the attachments stay in the message, for explain."""
    mail = arrival("x", b"%PDF-1.4", b"Content-Type: application/pdf\r\n")
    read = read_here(mail, settings(tmp_path))
    assert isinstance(read.message, Message)
    assert read.message.attachments[0].content == b"%PDF-1.4"
    assert read_here(arrival("stumble"), settings(tmp_path)).scan is None

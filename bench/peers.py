"""Intake beside its peers: the same mails in the same Dovecot, letters to the same smtp-sink.

Each contestant runs as a process of its own from start to exit. Three rounds are interleaved, and
medians are shown as ratios: to the floor, which only fetches, stores and answers, and to others.
The table and a picture are written to ``bench/results``. It needs Dovecot and Postfix from Debian;
django-helpdesk and roundup are installed from the Python index into a folder that is thrown away.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import encodebytes
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.peer_desks import (
    HELPDESK_PACKAGES,
    ROUNDUP_PACKAGES,
    Place,
    environment,
    helpdesk,
    roundup,
)
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.servers import dovecot, smtp_sink

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
ROUNDS = 3
BIG, SMALL = 2 * 2**20, 200 * 2**10  # bytes of files; 5 % and 15 % of the mails have one


@dataclass
class Contestant:
    """A command for one run, made anew for each, and what was measured."""

    name: str
    command: Callable[[Place], Sequence[str | Path]]
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    answered: int = 0  # letters at the sink after the last run


def mixed(count: int) -> list[bytes]:
    """Forms as plain text and HTML; every fifth has a file, every twentieth a big one."""
    dice = random.Random(20240501)
    mails = []
    for number, one in enumerate(bag(count)):
        size = BIG if number % 20 == 7 else SMALL if number % 20 in (2, 12, 17) else 0
        mails.append(_with_file(one.raw, dice.randbytes(size)) if size else one.raw)
    return mails


def _with_file(raw: bytes, data: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = head.split(b"\r\nContent-Type:")
    kept = [one for one in fields[0].split(b"\r\n") if not one.startswith(b"MIME-Version")]
    inner = b"Content-Type:" + fields[1] if len(fields) > 1 else b"Content-Type: text/plain"
    kept += [b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="=big"']
    coded = encodebytes(data).replace(b"\n", b"\r\n")
    return (
        b"\r\n".join(kept) + b"\r\n\r\n--=big\r\n" + inner + b"\r\n\r\n" + body
        + b"\r\n--=big\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=scan.pdf\r\n\r\n" + coded + b"--=big--\r\n"
    )  # fmt: skip


def script(name: str) -> Callable[[Place], Sequence[str | Path]]:
    """One of the small workers in ``peer_scripts.py``."""

    def made(at: Place) -> Sequence[str | Path]:
        words = (str(at.imap.imap), at.imap.user, at.imap.password, str(at.sink.port))
        return [sys.executable, HERE / "peer_scripts.py", name, at.room, *words]

    return made


def intake(at: Place) -> Sequence[str | Path]:
    """A fresh installation, as an operator would have it."""
    box = installation.imap_box(at.imap.imap, at.imap.password)
    way = installation.delivery(f"smtp://127.0.0.1:{at.sink.port}")
    installation.make(at.room, box + way + installation.NO_LIMITS)
    return [sys.executable, "-m", "intake", "--config", at.room / "config.toml", "once", "--json"]


def measured(one: Contestant, at: Place) -> None:
    """One run from start to exit: the time, and the most memory of all its processes."""
    command = one.command(at)
    began = time.perf_counter()
    with (at.room / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=HERE.parent)
        most = [0.0]
        watch = threading.Thread(target=_watch, args=(process, most), daemon=True)
        watch.start()
        code = process.wait()
    one.seconds.append(time.perf_counter() - began)
    watch.join()
    one.megabytes.append(most[0])
    if code:
        raise SystemExit(
            f"{one.name} ended with {code}:\n{(at.room / 'output').read_text()[-2000:]}"
        )
    one.answered = len(at.sink.letters())


def _watch(process: subprocess.Popen[bytes], most: list[float]) -> None:
    while process.poll() is None:
        most[0] = max(most[0], sum(map(_resident, _family(process.pid))))
        time.sleep(0.05)


def _family(pid: int) -> list[int]:
    found = [pid]
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += _family(int(child))
    return found


def _resident(pid: int) -> float:
    with suppress(OSError, IndexError, ValueError):
        return (
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
        )
    return 0.0


def once(one: Contestant, mails: Sequence[bytes], folder: Path) -> None:
    """One run with servers of its own."""
    folder.mkdir()
    with ExitStack() as stack:
        imap = stack.enter_context(dovecot(folder))
        sink = stack.enter_context(smtp_sink(folder))
        imap.append(mails)
        room = folder / "room"
        room.mkdir()
        measured(one, Place(imap, sink, room))


def table(contestants: Sequence[Contestant], count: int) -> str:
    """The result as a table in Markdown."""
    rates = {one.name: count / statistics.median(one.seconds) for one in contestants}
    lines = [
        f"{count} mixed mails, whole process, medians of {ROUNDS} interleaved rounds,"
        f" {datetime.now(UTC):%Y-%m-%d}",
        "",
        "| | mails/s | of the floor | intake is | memory, MB | letters |",
        "|---|---|---|---|---|---|",
    ]
    for one in contestants:
        rate = rates[one.name]
        ratios = f"{rate / rates['floor']:.2f} | {rates['intake'] / rate:.2f} ×"
        memory = statistics.median(one.megabytes)
        lines.append(f"| {one.name} | {rate:.0f} | {ratios} | {memory:.0f} | {one.answered} |")
    return "\n".join(lines) + "\n"


def picture(contestants: Sequence[Contestant], count: int) -> str:
    """The same as bars, in SVG."""
    rates = [(one.name, count / statistics.median(one.seconds)) for one in contestants]
    most = max(rate for _, rate in rates)
    bars = "".join(
        f'<text x="0" y="{30 * row + 20}">{name}</text>'
        f'<rect x="150" y="{30 * row + 5}" width="{400 * rate / most:.0f}" height="20"/>'
        f'<text x="{160 + 400 * rate / most:.0f}" y="{30 * row + 20}">{rate:.0f} mails/s</text>'
        for row, (name, rate) in enumerate(rates)
    )
    size = f'width="680" height="{30 * len(rates) + 10}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{bars}</svg>\n'


def main() -> None:
    """Runs all contestants and writes what they did."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mails", type=int, default=500)
    words.add_argument("--without-desks", action="store_true", help="nothing is installed")
    given = words.parse_args()
    mails = mixed(given.mails)
    contestants = [
        Contestant("floor", script("floor")),
        Contestant("naive script", script("naive")),
        Contestant("intake", intake),
    ]
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        if not given.without_desks:
            programs = environment(top / "helpdesk", HELPDESK_PACKAGES)
            contestants.append(Contestant("django-helpdesk", helpdesk(programs)))
            programs = environment(top / "roundup", ROUNDUP_PACKAGES)
            contestants.append(Contestant("roundup", roundup(programs)))
        for number in range(ROUNDS):
            for one in contestants:
                once(one, mails, top / f"{number}-{one.name.replace(' ', '-')}")
                sys.stderr.write(f"round {number + 1}, {one.name}: {one.seconds[-1]:.1f} s\n")
    RESULTS.mkdir(exist_ok=True)
    shown = table(contestants, given.mails)
    (RESULTS / "peers.md").write_text(shown)
    (RESULTS / "peers.svg").write_text(picture(contestants, given.mails))
    raw = {one.name: {"seconds": one.seconds, "megabytes": one.megabytes} for one in contestants}
    (RESULTS / "peers.json").write_text(json.dumps(raw, indent=1) + "\n")
    sys.stdout.write(shown)


if __name__ == "__main__":
    main()

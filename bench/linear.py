"""Whether reading is linear: a body ten times as long may take less than twelve times as long.

Fourteen shapes that make careless readers slow; each as a new mail and as an answer to a request,
from the raw bytes to the typed case. Both sizes are far below every cap, so no cap helps.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, read
from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from tests.support.drafts import ASKED, DRAFT
from tests.support.forms import AT, CATALOGUE, NOW, replying

LINES = 300  # of the small body; the big one has ten times as many
LIMIT = 12.0
HEAD = b"From: Zack Morris <zack.morris@bayside.example>\r\nTo: support@desk.example\r\n"


def _lines(text: str) -> Callable[[int], str]:
    return lambda count: f"{text}\n" * count


SHAPES: dict[str, tuple[str, Callable[[int], str]]] = {
    "deep quotes": ("plain", lambda count: "".join(">" * (n % 60) + " x\n" for n in range(count))),
    "On … without wrote:": ("plain", _lines("On Monday, March 2, 2026 at 9:00 AM somebody")),
    "From: lines": ("plain", _lines("From: a@b.example 2026")),
    "label-like lines": ("plain", _lines("Some label of ours: with words behind it")),
    "misspelt labels": ("plain", _lines("Modul: Grade Bok")),
    "half labels": ("plain", _lines("Who is")),
    "one long line": ("plain", lambda count: "Module: x; and " * count * 3),
    "look-alike letters": ("plain", _lines("Туре: x")),  # Cyrillic: T, y, p, e
    "columns": ("plain", _lines("a|b")),
    "brackets": ("plain", _lines("(((((((((((((((((((((((((((((((((( [Zack")),
    "list of lists": ("plain", _lines("1. - * Area of Responsibility: SIS, HR")),
    "nested divs": ("html", lambda count: "<div>" * min(count, 1500) + "<p>x</p>" * count),
    "table rows": (
        "html",
        lambda count: f"<table>{'<tr><td>Module</td><td>x</td></tr>' * count}</table>",
    ),
    "spans and entities": ("html", _lines("<span style='color:blue'>&lt;&nbsp;x</span><br>")),
}


def whole(kind: str, body: str, *, answer: bool) -> None:
    """One mail from its bytes to the typed case."""
    head = HEAD + f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n".encode()
    raw = head + body.replace("\n", "\r\n").encode()
    arrival = Arrival("m", 1, 1, NOW, hashlib.sha256(raw).hexdigest(), len(raw), raw)
    mail = read(arrival, Limits())
    if not isinstance(mail, Message):
        raise SystemExit(f"the mail was refused: {mail.detail}")
    pending = replace(ASKED, text=ASKED.text + body[:5000])
    at = replying(DRAFT, pending) if answer else AT
    interpret(scan(mail, CATALOGUE), mail, CATALOGUE, at)


def best(work: Callable[[], None], times: int = 3) -> float:
    """The least processor time of a few runs."""
    took = []
    for _ in range(times):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


def main() -> bool:
    """Prints a line a shape; False when one of them grows too fast."""
    good = True
    sys.stdout.write(f"time for a body of {LINES * 10} lines against one of {LINES} (limit 12)\n")
    for name, (kind, make) in SHAPES.items():
        for answer in (False, True):
            small, big = make(LINES), make(LINES * 10)
            few = best(lambda: whole(kind, small, answer=answer))  # noqa: B023 - run at once
            many = best(lambda: whole(kind, big, answer=answer))  # noqa: B023 - run at once
            ratio = many / few
            good = good and ratio < LIMIT
            what = "answer" if answer else "new mail"
            line = f"  {ratio:5.1f}  {name}, {what}: {few * 1000:.1f} -> {many * 1000:.1f} ms\n"
            sys.stdout.write(line)
    return good


if __name__ == "__main__":
    sys.exit(0 if main() else 1)

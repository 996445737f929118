"""The golden table: a mail, and by its side what must be decided about it, written by hand.

Keys of an expectation: ``at`` (when the mail is judged), ``after`` (the mail of ``before/`` that
was handled first), ``status`` (of that case by then), ``letter_kinds``, ``letter_says``,
``letter_never_says``, ``notice`` (the state of an incident that Zack was told of), ``files``
(names of the real attachments), ``warned`` (codes that must be among the warnings), ``problems`` as
"field: code"; all others are compared as they are.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import golden

PAIRS = golden.files()


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_mail_comes_out_as_written_beside_it(path: Path) -> None:
    """Every key of the expectation is met, and the letters say what they should."""
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert golden.found(path, wanted) == golden.normal(wanted)


def test_every_mail_has_its_expectation() -> None:
    """No golden mail is without its table row, and the other way round."""
    stems: dict[str, set[str]] = {
        kind: {
            f"{path.parent.name}/{path.stem}"
            for path in golden.MAIL.rglob(f"*.{kind}")
            if path.parent != golden.BEFORE
        }
        for kind in ("eml", "json")
    }
    assert stems["eml"] == stems["json"]
    assert PAIRS


def test_the_table_covers_what_people_do() -> None:
    """Every case type, every way a mail can go, and enough replies are in the table."""
    rows: list[dict[str, Any]] = [
        json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) for path in PAIRS
    ]
    types = {row.get("type") for row in rows} - {"", None}
    assert len(types) == 10
    assert len(rows) >= 120
    assert sum("after" in row for row in rows) >= 25
    assert all(datetime.fromisoformat(row["at"]).tzinfo for row in rows)

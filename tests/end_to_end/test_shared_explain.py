"""Real mail of other projects, explained: the contract's object for each, and nothing written."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from intake.worker.replay import Explainer
from tests.support import installation

SHARED = Path(__file__).resolve().parents[3] / "shared" / "mail"
KEYS = {
    "file", "message_id", "decision", "rule", "reasons", "level", "contact", "account",
    "submitted_by", "type", "priority", "department", "fields", "fields_text", "missing",
    "problems", "warnings", "attachments", "letters",
}  # fmt: skip
PARTS = 4  # which may run at the same time
SLOW_SECONDS = 10  # a net far below any hang; the benchmark measures


@pytest.mark.parametrize("part", range(PARTS))
def test_every_real_mail_is_explained_and_nothing_is_written(tmp_path: Path, part: int) -> None:
    """1,592 messages: no exception, no letter to a stranger, the database as it was."""
    index = SHARED / "INDEX.csv"
    if not index.exists():
        pytest.skip("the collection of real mail is not beside this checkout")
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    before = _fingerprint(tmp_path)
    explainer = Explainer(config)
    decisions: Counter[str] = Counter()
    with index.open(encoding="utf-8") as lines:
        for row in islice(csv.DictReader(lines), part, None, PARTS):
            raw = (SHARED / row["path"]).read_bytes()
            started = time.process_time()
            one = explainer.explain(raw, file=row["path"])
            assert time.process_time() - started < SLOW_SECONDS, row["path"]
            assert set(one) >= KEYS
            json.dumps(one)
            assert one["letters"] == []
            assert one["level"] in ("L0", "L1", "LT", "L2", "L3")
            decisions[one["decision"]] += 1
    explainer.close()
    assert sum(decisions.values()) > 1500 // PARTS
    assert set(decisions) <= {"hold", "drop"}
    assert _fingerprint(tmp_path) == before


def _fingerprint(folder: Path) -> dict[str, str]:
    """Every file of the service with its digest."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }

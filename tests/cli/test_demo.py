"""The demo is the main job on real IMAP and SMTP: it must come out as the README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_handles_every_sample_as_it_should(tmp_path: Path) -> None:
    """Fourteen mails, twelve letters, the forged one held; four people told of an incident once."""
    done = subprocess.run(
        [sys.executable, "-m", "intake", "demo", "--folder", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "14 mails handled, 12 letters to contacts sent, 3 to a department;" in done.stdout
    assert "a third pass found 0 mails" in done.stdout
    assert "hold R5" in done.stdout
    assert "complete R20" in done.stdout
    assert "4 people told, each once; another pass tells 0." in done.stdout
    assert "CASE-1012 came in about it" in done.stdout
    assert "CASE-1001 is closed." in done.stdout
    assert "Dana Reyes: Glad to hear it." in done.stdout
    assert "Posting of grades" in (tmp_path / "demo/page/index.html").read_text()
    assert max(len(line) for line in done.stdout.replace(str(tmp_path), "").splitlines()) <= 80

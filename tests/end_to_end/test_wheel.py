"""The built package, installed alone: what an operator gets starts and handles a mail."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.mailbag import AUTHSERV, SERVICE

ROOT = Path(__file__).resolve().parents[2]
MAIL = f"""Authentication-Results: {AUTHSERV}; dkim=pass header.d=bayside.example; dmarc=pass header.from=bayside.example
From: Zack Morris <zack@bayside.example>
To: {SERVICE}
Subject: Snow days
Message-ID: <1@bayside.example>

Case Type: Ask a Question
Description: How is a snow day set up?
"""  # noqa: E501 - a header line


class Installed:
    """An environment with nothing in it but the wheel and the pinned requirements."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.env = folder, folder / "env"
        self.clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}

    def run(self, *words: str, wanted: int = 0) -> str:
        """What a program of the environment prints, when it ends so; outside of the clone."""
        done = subprocess.run(
            [str(self.env / "bin" / words[0]), *words[1:]], cwd=self.folder, env=self.clean,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == wanted, done.stdout + done.stderr
        return done.stdout + done.stderr


def built(folder: Path) -> Path:
    """The wheel of this tree, built in a copy: what an earlier build left behind is not in it."""
    source = folder.parent / "source"
    leave = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, source, ignore=leave)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder)]
    words.append(str(source))
    subprocess.run(words, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def give_pinned(env: Path) -> None:
    """Gives the environment the pinned requirements of an installation, and nothing else.

    They are linked from the environment of the tests, which has installed the same pins.
    """
    (into,) = env.glob("lib/python*/site-packages")
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pin = re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.+!-]+)", line)
        if pin is None:
            continue
        there = metadata.distribution(pin[1])
        assert there.version == pin[2], f"{pin[1]}: the tests have {there.version}"
        for top in {file.parts[0] for file in there.files or ()} - {"..", "__pycache__"}:
            link = into / top
            if not link.exists():
                link.symlink_to(Path(str(there.locate_file(top))))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_alone_takes_a_mail_from_a_maildir_to_a_case(tmp_path: Path) -> None:
    """Installed with the pins and nothing else: init, the example, a contact, a mail, its case."""
    wheel = built(tmp_path / "wheel")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True, timeout=120)
    it = Installed(tmp_path)
    give_pinned(tmp_path / "env")
    it.run("python", "-m", "pip", "install", "-q", "--no-deps", str(wheel))
    assert "intake" in it.run("intake", "--version")
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert it.run("intake", "config", "example").strip() == example.strip()
    it.run("intake", "init")
    config = tmp_path / "config.toml"
    text = config.read_text(encoding="utf-8")
    text = text.replace("trusted_authserv_ids = []", f'trusted_authserv_ids = ["{AUTHSERV}"]')
    config.write_text(text, encoding="utf-8")
    it.run("intake", "accounts", "add", "bayside", "--name", "Bayside School District")
    it.run(
        "intake", "contacts", "add", "zack", "--name", "Zack Morris", "--email",
        "zack@bayside.example", "--account", "bayside",
    )  # fmt: skip
    box = tmp_path / "var/mail/new"
    box.mkdir(parents=True, exist_ok=True)
    (box / "1").write_bytes(MAIL.replace("\n", "\r\n").encode())
    it.run("intake", "doctor", wanted=0)
    it.run("intake", "once")
    assert "CASE-1001" in it.run("intake", "cases", "list")
    with sqlite3.connect(tmp_path / "var/intake.db") as link:  # as an older version left it
        link.execute("UPDATE alembic_version SET version_num = '0006'")
    link.close()
    it.run("intake", "init")
    assert "CASE-1001" in it.run("intake", "cases", "list")
    assert it.run("intake", "explain", "--sample").count("decision") == 3

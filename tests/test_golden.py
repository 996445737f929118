"""The golden table: a mail, and by its side what must be decided about it, written by hand."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from intake.config import Config
from intake.review import Explainer
from tests import house

MAIL = Path(__file__).resolve().parent / "mail"
PAIRS = sorted(path for path in MAIL.glob("*.eml") if path.with_suffix(".json").exists())


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A service that knows the people of the golden mails."""
    folder = tmp_path_factory.mktemp("golden")
    return house.make(folder, house.maildir_box(folder / "in"), (MAIL / "people.toml").read_text())


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_mail_comes_out_as_written_beside_it(path: Path, config: Config) -> None:
    """Every key of the expectation is met, and the letters say what they should."""
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    explainer = Explainer(config)
    got = explainer.explain(path.read_bytes(), at=datetime.fromisoformat(wanted.pop("at")))
    explainer.close()
    says, never = wanted.pop("letter_says"), wanted.pop("letter_never_says")
    assert [letter["kind"] for letter in got["letters"]] == wanted.pop("letter_kinds")
    text = " ".join(" ".join(letter["text"].split()) for letter in got["letters"])
    assert all(words in text for words in says)
    assert not any(words in text for words in never)
    assert {key: got[key] for key in wanted} == wanted


def test_every_mail_has_its_expectation() -> None:
    """No golden mail is without its table row, and the other way round."""
    assert {path.stem for path in MAIL.glob("*.eml")} == {path.stem for path in MAIL.glob("*.json")}
    assert PAIRS

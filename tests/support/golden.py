"""The golden mails: where they lie, and the service as it stands before one of them arrives.

A reply answers a letter, so the mail that caused it is handled first (``before/NAME.eml``) and the
letter gets the text that the reply's writer saw (``before/NAME.letter.txt``): letters change from
release to release, and answers to old ones keep coming in.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text as sql

from intake.config import loader as settings
from intake.config.loader import Config
from intake.mail.message import Arrival
from intake.store.engine import savepoint
from intake.worker import bootstrap, pipeline
from intake.worker.parser_pool import read_here
from intake.worker.replay import Explainer
from tests.support import installation, notice_rows, transitions

MAIL = Path(__file__).resolve().parents[1] / "mail"
BEFORE = MAIL / "before"
ASKED_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_KEPT: list[TemporaryDirectory[str]] = []


def files() -> list[Path]:
    """Every golden mail that has its expectation beside it."""
    return sorted(
        path
        for path in MAIL.rglob("*.eml")
        if path.with_suffix(".json").exists() and path.parent != BEFORE
    )


@cache
def explainer(before: str, status: str = "", notice: str = "") -> Explainer:
    """A service that knows the people, and handled the mail of that name before.

    ``notice`` is the state of an incident of which Zack was told: "investigating", "resolved".
    """
    kept = TemporaryDirectory(prefix="golden-")
    _KEPT.append(kept)
    folder = Path(kept.name)
    people = (MAIL / "people.toml").read_text(encoding="utf-8")
    secret = "the-golden-mails-are-signed-with-this"
    config = installation.make(folder, installation.maildir_box(folder / "in"), people, secret)
    if before:
        _handle(config, before)
    if status:
        transitions.unwatch(config)
        with installation.database(config, write=True) as session:
            session.execute(sql("UPDATE cases SET status = :status"), {"status": status})
    if notice:
        _notify(config, notice)
    return Explainer(config)


def _notify(config: Config, status: str) -> None:
    """INC-1 about the Grade Book, told to Zack; INC-2 of Riverdale alone, told to Archie."""
    secrets = settings.load_secrets(config)
    with installation.database(config, write=True) as session:
        first = notice_rows.incident(session, ASKED_AT, status=status)
        second = notice_rows.incident(
            session,
            ASKED_AT,
            title="Menus are gone",
            modules=["Enrollment"],
            accounts=["riverdale"],
        )
        zack = ("zack", "zack.morris@bayside.example")
        notice_rows.sent(session, secrets, first, zack, ASKED_AT)
        notice_rows.sent(session, secrets, second, ("archie", "archie@riverdale.example"), ASKED_AT)


def _handle(config: Config, name: str) -> None:
    raw = (BEFORE / f"{name}.eml").read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    arrival = Arrival("support", 0, 1, ASKED_AT, digest, len(raw), raw)
    read = read_here(arrival, bootstrap.pool_settings(config))
    with installation.database(config, write=True) as session, savepoint(session):
        pipeline.handle(session, arrival, read, bootstrap.judgement_context(config), ASKED_AT)
        letter = BEFORE / f"{name}.letter.txt"
        if letter.exists():
            seen = {"text": letter.read_text(encoding="utf-8")}
            session.execute(sql("UPDATE pending_forms SET text = :text"), seen)
            session.execute(sql("UPDATE outbox SET text = :text"), seen)


def letter(name: str) -> dict[str, Any]:
    """The letter that the mail of that name is answered with today."""
    service = explainer("")
    raw = (BEFORE / f"{name}.eml").read_bytes()
    found: dict[str, Any] = service.explain(raw, at=ASKED_AT)["letters"][0]
    return found


SPECIAL = ("at", "after", "status", "about", "notice")
TEXTS = ("description", "subject")


def found(path: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """What became of the mail, under the keys that the expectation has."""
    before = (wanted.get(key, "") for key in ("after", "status", "notice"))
    service = explainer(*before)
    got = service.explain(path.read_bytes(), at=datetime.fromisoformat(wanted["at"]))
    text = " ".join(" ".join(one["text"].split()) for one in got["letters"])
    fields = {name: value for name, value in got["fields"].items() if name not in TEXTS}
    shown = got | {
        "fields": fields,
        "problems": sorted(f"{one['field']}: {one['code']}" for one in got["problems"]),
        "letter_kinds": [one["kind"] for one in got["letters"]],
        "further": [one["type"] for one in got["further"]],
        "letter_says": [words for words in wanted.get("letter_says", ()) if words in text],
        "letter_never_says": [
            words for words in wanted.get("letter_never_says", ()) if words not in text
        ],
        "files": [one["name"] for one in got["attachments"] if not one["inline"]],
        "warned": [
            code
            for code in wanted.get("warned", ())
            if code in {one["code"] for one in got["warnings"]}
        ],
        "letters_text": text,
    }
    return {key: _flat(key, shown[key]) for key in wanted if key not in SPECIAL}


def normal(wanted: dict[str, Any]) -> dict[str, Any]:
    """The expectation without what says how to get there."""
    kept = {key: _flat(key, value) for key, value in wanted.items() if key not in SPECIAL}
    if "problems" in kept:
        kept["problems"] = sorted(kept["problems"])
    return kept


def _flat(key: str, value: Any) -> Any:
    """Line breaks and spaces inside long texts are the mail client's affair."""
    if key in TEXTS or key == "comment":
        return " ".join(str(value).split())
    if key == "fields":
        return {
            name: " ".join(one.split()) if isinstance(one, str) else one
            for name, one in value.items()
        }
    return value

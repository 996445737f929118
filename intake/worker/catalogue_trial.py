"""Try another catalogue on the mails of the ledger: what it would read otherwise; write nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from intake.adapters.blob_store import Blobs
from intake.config import loader as settings
from intake.config.loader import Config
from intake.store.engine import open_engine, reading
from intake.store.messages import held as ledger
from intake.triage.decision import Decision
from intake.worker.replay import Explainer


@dataclass(frozen=True, slots=True)
class Difference:
    """A mail that two catalogues read differently, and in what: "type: none -> ask_question"."""

    row: int
    subject: str
    changes: tuple[str, ...]


def try_catalogue(config: Config, file: str, limit: int) -> tuple[int, list[Difference]]:
    """Return how many of the newest mails were judged, and those that would be read otherwise.

    Both catalogues judge each mail as of its arrival, with today's contacts. Raises ConfigError
    for a file that is no catalogue.
    """
    other = _with_catalogue(config, file)
    settings.load_catalogue(other)
    explainers = Explainer(config), Explainer(other)
    engine = open_engine(config.database_url, read_only=True)
    blobs = Blobs(config.blob_folder)
    judged, found = 0, []
    try:
        with reading(engine) as session:
            rows = ledger.judged(session, limit)
        for row in rows:
            if not blobs.has(row.digest):
                continue
            raw, number = blobs.read(row.digest), row.id or 0
            before, after = (
                _read(one.judge_again(raw, number, row.received_at)) for one in explainers
            )
            judged += 1
            changes = tuple(
                f"{name}: {before.get(name) or 'none'} -> {after.get(name) or 'none'}"
                for name in dict.fromkeys((*before, *after))
                if before.get(name) != after.get(name)
            )
            if changes:
                found.append(Difference(number, row.subject, changes))
    finally:
        engine.dispose()
        for one in explainers:
            one.close()
    return judged, found


def _with_catalogue(config: Config, file: str) -> Config:
    path = str(Path(file).expanduser().resolve())
    chosen = config.shape.catalogue.model_copy(update={"path": path})
    return replace(config, shape=config.shape.model_copy(update={"catalogue": chosen}))


def _read(decision: Decision) -> dict[str, str]:
    """Return what a decision made of a mail: what is done, the type, the gaps, the values."""
    told = {"decision": f"{decision.action} {decision.rule}"}
    submission = decision.submission
    if submission is None:
        return told
    told |= {
        "type": submission.type,
        "missing": ", ".join(submission.missing),
        "priority": submission.priority,
    }
    for name, value in submission.fields.items():
        told[name] = str(value.value if value.value is not None else value.words)
    return told

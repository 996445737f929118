"""The worker's jobs on files: virus scans, and removal of blobs that no row names."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from itertools import islice

import structlog

from intake.adapters.clamav import Scanner, ScannerError, UnscannableError
from intake.config.loader import Config
from intake.model.fault_points import reached
from intake.store import attachments, pruning, retention
from intake.store.engine import reading, writing
from intake.store.locks import removing_blobs
from intake.worker import handover_jobs
from intake.worker.bootstrap import Application, ages, keep

log = structlog.get_logger("intake.files")

INSPECTED_AT_ONCE = 100  # files
CLEANED_EVERY = 86400 - 600  # seconds
SWEPT_AT_ONCE = 200  # blobs checked in one transaction


def inspect(config: Config, app: Application) -> None:
    """Sends every waiting file to the virus scanner; a file that it cannot scan keeps waiting."""
    files = config.shape.files
    if not files.clamav:
        return
    scanner, collector = Scanner(files.clamav, files.clamav_seconds), app.collector
    last = 0
    while not app.stop.is_set():
        with reading(collector.engine) as session:
            last, waiting = attachments.waiting(session, INSPECTED_AT_ONCE, last)
        for digest in waiting:
            try:
                found = scanner.find(collector.blobs.read(digest))
            except UnscannableError as trouble:
                log.warning("file-unscannable", digest=digest, why=str(trouble))
                continue  # it keeps waiting, but does not delay other files
            except ScannerError as trouble:
                log.warning("scanner-unavailable", waiting=len(waiting), why=str(trouble))
                return
            with writing(collector.engine) as session:
                now = collector.clock()
                numbers = attachments.settle(session, digest, found, now)
                handover_jobs.file_is_clean(session, collector.context, numbers, digest, now)
            if found:
                log.warning("file-withheld", digest=digest, why=found)
        if not waiting:
            return


def prune(config: Config, app: Application) -> pruning.Pruned:
    """Removes the words of what is long over, in small transactions, until nothing is left."""
    collector, total = app.collector, pruning.Pruned()
    while not app.stop.is_set():
        with writing(collector.engine) as session:
            part = pruning.prune(session, collector.clock(), ages(config))
        if not part:
            break
        total.add(part)
        reached("K22")
    if total.cases:
        with writing(collector.engine) as session:
            pruning.scrub(session)
    if total:
        log.info("pruned", **asdict(total))
    return total


def clean_daily(config: Config, app: Application) -> bool:
    """Prunes and sweeps if a day has passed since; for `intake once`, which cron may call often.

    The modification time of the file ``cleaned`` in the state folder says when it last did.
    """
    marker, now = config.state_folder / "cleaned", app.collector.clock()
    with suppress(OSError):
        if abs(now.timestamp() - marker.stat().st_mtime) < CLEANED_EVERY:
            return False
    prune(config, app)
    sweep(config, app)
    marker.touch()
    os.utime(marker, (now.timestamp(), now.timestamp()))
    return True


def sweep(config: Config, app: Application) -> None:
    """Removes blobs that no row names once they are old enough.

    Each candidate is checked again in a transaction during which no worker can name a blob.
    """
    collector, kept = app.collector, keep(config)
    seconds = config.retention.orphan_blob_hours * 3600
    removed = collector.blobs.tidy(seconds)
    aged = collector.blobs.aged(seconds)
    while part := list(islice(aged, SWEPT_AT_ONCE)):
        now = collector.clock()
        with reading(collector.engine) as session:
            free = set(part) - retention.referenced(session, part, now, kept)
        if not free:
            continue
        with writing(collector.engine) as session:
            removing_blobs(session)
            free -= retention.referenced(session, sorted(free), now, kept)
            removed += collector.blobs.remove(free, seconds)
        reached("K22")
    if removed:
        log.info("swept", blobs=removed)

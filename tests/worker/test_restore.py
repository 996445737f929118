"""An older copy of the database is noticed, and made up for: backups, restores, reconciliation."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intake.adapters.journal import Gap, Journal, LetterLine
from intake.config.loader import Config
from intake.store.engine import StoreError
from intake.worker import backup, reconcile, service
from intake.worker.judgement import Judgement
from tests.support import checker, installation
from tests.support.checker import Maildir, World, digest_of
from tests.support.mailbag import Expected, bag
from tests.support.postgres import postgres
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))


def files(folder: Path) -> Config:
    """A service with a Maildir in and a Maildir out."""
    text = installation.maildir_box(folder / "in") + installation.delivery(f"maildir:{folder}/out")
    return installation.make(folder, text)


def drop(config: Config, mails: list[Expected]) -> None:
    """Mails into the Maildir."""
    for mail in mails:
        (config.folder / "in/new" / digest_of(mail.raw)[:20]).write_bytes(mail.raw)


def world(config: Config, mails: list[Expected], **more: object) -> World:
    """What there is to see of the service, its Maildirs included."""
    made = World(
        ever=[mail.raw for mail in mails],
        database=config.folder / "var/intake.db",
        blobs=config.blob_folder,
        letters=Maildir(config.folder / "out").read(),
        files={digest_of(mail.raw): mail.files for mail in mails},
    )
    return replace(checker.look(made, Maildir(config.folder / "in")), **more)  # type: ignore[arg-type]  # the fields are the test's own


def put_back(config: Config, copy: Path) -> None:
    """A copy of the database put in its place by hand."""
    for end in ("-wal", "-shm"):
        (config.folder / f"var/intake.db{end}").unlink(missing_ok=True)
    shutil.copyfile(copy, config.folder / "var/intake.db")


def numbers(config: Config) -> dict[str, str]:
    """Message-ID of a mail -> number of its case."""
    rows = installation.everything(config)["messages"]
    return {row["message_id"]: row["case_number"] for row in rows}


@pytest.mark.parametrize("age", [0, 1, 3, 5])
def test_a_database_put_back_by_hand_is_noticed_and_made_up_for(tmp_path: Path, age: int) -> None:
    """Whatever the age of the copy: old numbers, no letter again, no mail forgotten."""
    mails = bag(8)
    config = files(tmp_path)
    for count in range(6):
        drop(config, mails[count : count + 1])
        service.once(config)
        backup.make(config, tmp_path / f"backup{count}")
    before, letters = numbers(config), sorted(Maildir(tmp_path / "out").read())
    put_back(config, tmp_path / f"backup{age}/database")
    drop(config, mails[6:])
    if age < 5:
        with pytest.raises(StoreError, match="does not know message"):
            service.once(config)
        assert sorted(Maildir(tmp_path / "out").read()) == letters
        status = installation.command(config, "status")
        assert status.returncode == 1
        assert b"does not know message" in status.stdout
        looked = reconcile.reconcile(config, repair=False)
        assert (len(looked.lost), looked.clean) == (5 - age, False)
        done = reconcile.reconcile(config, repair=True)
        assert (done.failed, done.clean, done.letters) == ([], True, {"sent": 5 - age})
    assert numbers(config) == before
    assert sorted(Maildir(tmp_path / "out").read()) == letters
    service.once(config)
    assert checker.settled(world(config, mails, in_doubt_at_most=0)) == []
    again = reconcile.reconcile(config, repair=False)
    assert (again.clean, again.lost, again.why) == (True, [], "")


def test_without_the_journal_nothing_is_sent_twice_and_no_number_given_twice(
    tmp_path: Path,
) -> None:
    """A new machine: only the backup and the server's folders are left."""
    mails = bag(8)
    config = files(tmp_path)
    drop(config, mails[:3])
    service.once(config)
    backup.make(config, tmp_path / "backup")
    drop(config, mails[3:6])
    service.once(config)
    told = numbers(config)
    letters = sorted(Maildir(tmp_path / "out").read())
    shutil.rmtree(tmp_path / "var")
    done = installation.command(config, "restore", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    with pytest.raises(StoreError, match="restored from a backup"):
        service.once(config)
    report = reconcile.reconcile(config, repair=True)
    assert (len(report.lost), report.failed) == (3, [])
    assert report.letters == {"in_doubt": 3}
    assert sorted(Maildir(tmp_path / "out").read()) == letters
    drop(config, mails[6:])
    service.once(config)
    found = numbers(config)
    gone = {told[mail.message_id] for mail in mails[3:6]}
    assert not gone & set(found.values()), "a number that was told to somebody means nobody else"
    problems = checker.settled(world(config, mails, in_doubt_at_most=3))
    assert [line for line in problems if " says CASE-" not in line] == []


def test_letters_that_waited_in_the_copy_and_were_sent_meanwhile_are_not_sent_again(
    tmp_path: Path,
) -> None:
    """With the journal it is certain; without it the letter is in doubt and says so."""
    mails = bag(2)
    config = files(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    out.joinpath("tmp").write_text("in the way of the folder")  # nothing can be delivered
    drop(config, mails[:1])
    service.once(config)
    assert installation.everything(config)["letters"][0]["state"] == "due"
    backup.make(config, tmp_path / "backup")
    out.joinpath("tmp").unlink()
    with installation.database(config, write=True) as session:
        session.connection().exec_driver_sql("UPDATE outbox SET due_at = created_at")
    service.once(config)
    assert len(Maildir(out).read()) == 1
    for journal, state in ((True, "sent"), (False, "in_doubt")):
        put_back(config, tmp_path / "backup/database")
        if journal:
            with pytest.raises(StoreError, match="does not know that letter"):
                service.once(config)
        else:
            for name in ("journal", "journal.older"):
                (tmp_path / "var" / name).unlink(missing_ok=True)
            with installation.database(config, write=True) as session:
                session.connection().exec_driver_sql("INSERT INTO counters VALUES ('reconcile', 1)")
        assert reconcile.reconcile(config, repair=True).letters == {state: 1}
        service.once(config)
        assert len(Maildir(out).read()) == 1
        assert installation.everything(config)["letters"][0]["state"] == state


def test_a_letter_that_was_never_tried_is_sent_after_all(tmp_path: Path) -> None:
    """The journal knows everything up to now and does not name it."""
    mails = bag(2)
    config = files(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/tmp").write_text("in the way")
    drop(config, mails[:1])
    service.once(config)
    backup.make(config, tmp_path / "backup")
    drop(config, mails[1:])
    service.once(config)
    put_back(config, tmp_path / "backup/database")
    (tmp_path / "out/tmp").unlink()
    assert reconcile.reconcile(config, repair=True).clean
    with installation.database(config, write=True) as session:
        session.connection().exec_driver_sql("UPDATE outbox SET due_at = created_at")
    service.once(config)
    assert checker.settled(world(config, mails, in_doubt_at_most=0)) == []


def test_mail_that_came_by_a_pipe_is_found_in_the_blobs(tmp_path: Path) -> None:
    """It lies in no folder of any server; the journal names it."""
    mails = bag(4)
    config = files(tmp_path)
    assert service.receive(config, mails[0].raw) == 0
    backup.make(config, tmp_path / "backup")
    for mail in mails[1:]:
        assert service.receive(config, mail.raw) == 0
    before = numbers(config)
    put_back(config, tmp_path / "backup/database")
    assert service.receive(config, mails[0].raw) == 75
    assert reconcile.reconcile(config, repair=True).handled.keys() <= {"create", "ask"}
    assert numbers(config) == before
    assert service.receive(config, mails[1].raw) == 0
    taken = [mail.raw for mail in mails]
    assert checker.settled(world(config, [], taken=taken, in_doubt_at_most=0)) == []


@pytest.mark.takes_blobs
def test_a_blob_that_is_gone_is_fetched_from_the_server(tmp_path: Path) -> None:
    """Damage on the disk is found, and mended where the mail still lies on the server."""
    mails = bag(3)
    config = files(tmp_path)
    drop(config, mails)
    service.once(config)
    damaged = checker.blob_path(config.blob_folder, digest_of(mails[0].raw))
    damaged.write_bytes(b"")
    checker.blob_path(config.blob_folder, digest_of(mails[1].raw)).unlink()
    for words, code in ((("reconcile", "--json"), 0), (("reconcile",), 0)):
        done = installation.command(config, *words)
        assert done.returncode == code, done.stdout
    assert damaged.read_bytes() == mails[0].raw
    assert checker.settled(world(config, mails)) == []
    file = next(digest for mail in mails for digest in mail.files)
    checker.blob_path(config.blob_folder, file).unlink()
    gone = json.loads(installation.command(config, "reconcile", "--json").stdout)
    assert (gone["missing"], gone["mended"]) == ([file], [])


def test_a_backup_is_whole_or_none(tmp_path: Path) -> None:
    """Damage, a missing manifest or a running worker: nothing is restored, and it says why."""
    config = files(tmp_path)
    drop(config, bag(3))
    service.once(config)
    folder = tmp_path / "backup"
    first = backup.make(config, folder)
    assert (first.messages, first.cases, first.lost) == (3, 3, 0)
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json", "database", "blobs", "config.toml", "secret",
    }  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
    inode = next((folder / "blobs").glob("??/??/*")).stat().st_ino
    assert backup.make(config, folder).messages == 3
    assert next((folder / "blobs").glob("??/??/*")).stat().st_ino == inode, "copied once"
    done = installation.command(config, "restore", str(folder))
    assert done.returncode == 1
    assert b"--replace" in done.stderr
    whole = (folder / "database").read_bytes()
    (folder / "database").write_bytes(whole[:-4096])
    assert b"damaged" in installation.command(config, "restore", str(folder), "--replace").stderr
    (folder / "database").write_bytes(whole)
    (folder / "manifest.json").rename(folder / "elsewhere")
    assert b"no whole backup" in installation.command(config, "restore", str(folder)).stderr
    (folder / "elsewhere").rename(folder / "manifest.json")
    done = installation.command(config, "restore", str(folder), "--replace")
    assert done.returncode == 0, done.stderr
    assert b"reconcile --repair" in done.stdout
    (aside,) = (tmp_path / "var").glob("intake.db.before-*")
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("SELECT count(*) FROM messages").fetchone() == (3,)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_restore_brings_the_secret_back(tmp_path: Path, rotated: bool) -> None:
    """After `intake init` on a new machine, too: letters refer to cases by the old one."""
    config = files(tmp_path)
    secret, backup_folder = tmp_path / "var/secret", tmp_path / "backup"
    old = secret.read_text()
    assert installation.command(config, "backup", str(backup_folder)).returncode == 0
    secret.write_text(f"a-newer-secret-that-is-long-enough\n{old}" if rotated else "x" * 40 + "\n")
    found = json.loads(
        installation.command(config, "restore", str(backup_folder), "--replace", "--json").stdout
    )
    aside = [path.read_text() for path in (tmp_path / "var").glob("secret.before-*")]
    assert secret.read_text().endswith(old)
    assert (aside, found["files"]) == (([], []) if rotated else (["x" * 40 + "\n"], [str(secret)]))


def test_the_journal_survives_what_happens_to_files(tmp_path: Path) -> None:
    """A cut line and lines that could not be written are gaps; a long file is put aside."""
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.letters([("<a@b.example>", 1)], sent=False)
    with path.open("ab") as file:
        file.write(b'["sent","<a@b.exam')
    journal.letters([("<b@b.example>", 1)], sent=True)
    path.rename(tmp_path / "kept")
    path.mkdir()
    journal.letters([("<lost@b.example>", 1)], sent=False)
    path.rmdir()
    (tmp_path / "kept").rename(path)
    journal.letters([("<c@b.example>", 2)], sent=True)
    written = [
        LetterLine("<a@b.example>", 1, sent=False),
        Gap(),
        LetterLine("<b@b.example>", 1, sent=True),
        Gap(),
        LetterLine("<c@b.example>", 2, sent=True),
    ]
    assert list(Journal(path).lines()) == Journal(path).tail() == written
    with path.open("ab") as file:
        file.write(b"x" * (64 * 2**20) + b"\n")
    journal.letters([("<d@b.example>", 3)], sent=True)
    assert path.stat().st_size < 1000
    assert list(journal.lines()) == [*written, Gap(), LetterLine("<d@b.example>", 3, sent=True)]
    assert list(Journal().lines()) == []


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_original_destroyed_at_a_random_moment(tmp_path: Path, kind: str) -> None:
    """Dovecot and SMTP, mails before and after the backup, and the machine is gone."""
    mails = bag(30)
    with ExitStack() as stack:
        imap = stack.enter_context(dovecot(tmp_path))
        sink = stack.enter_context(smtp_sink(tmp_path))
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        config = _service(tmp_path, imap, sink, url)
        imap.append([mail.raw for mail in mails[:10]])
        service.once(config)
        made = installation.command(config, "backup", str(tmp_path / "backup"), "--json")
        assert json.loads(made.stdout)["messages"] == 10
        imap.append([mail.raw for mail in mails[10:20]])
        service.once(config)
        imap.append([mail.raw for mail in mails[20:]])
        shutil.rmtree(tmp_path / "var")
        done = installation.command(config, "restore", str(tmp_path / "backup"), "--replace")
        assert done.returncode == 0, done.stderr
        assert installation.command(config, "once").returncode != 0
        assert (imap.count(), len(sink.letters())) == (10, 20)
        done = installation.command(config, "reconcile", "--repair", "--json")
        assert done.returncode == 0, done.stdout
        assert installation.command(config, "once").returncode == 0
        problems = checker.settled(
            checker.look(
                World(
                    ever=[mail.raw for mail in mails],
                    database=url or tmp_path / "var/intake.db",
                    blobs=config.blob_folder,
                    letters=sink.letters(),
                    in_doubt_at_most=10,
                ),
                imap,
            )
        )
        assert [line for line in problems if " says CASE-" not in line] == []
        assert len(sink.letters()) == 30


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_a_snapshot_of_the_whole_machine_is_noticed_by_the_servers_folders(tmp_path: Path) -> None:
    """Database, blobs and journal are all of yesterday, and fit together."""
    mails = bag(20)
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        config = _service(tmp_path, imap, sink, "")
        imap.append([mail.raw for mail in mails[:8]])
        service.once(config)
        shutil.copytree(tmp_path / "var", tmp_path / "snapshot")
        assert service.once(config).failures == []
        imap.append([mail.raw for mail in mails[8:15]])
        service.once(config)
        shutil.rmtree(tmp_path / "var")
        (tmp_path / "snapshot").rename(tmp_path / "var")
        imap.append([mail.raw for mail in mails[15:]])
        report = service.once(config)
        assert any("7 newer mails in the processed folder" in one for one in report.failures)
        assert (imap.count(), len(sink.letters())) == (5, 15)
        assert installation.command(config, "status").returncode == 1
        assert reconcile.reconcile(config, repair=True).clean
        service.once(config)
        assert (imap.count(), len(sink.letters())) == (0, 20)
        told = installation.everything(config)["letters"]
        assert sum(letter["state"] == "in_doubt" for letter in told) == 7


def _service(folder: Path, imap: Dovecot, sink: Sink, url: str) -> Config:
    text = installation.imap_box(imap.imap, imap.password) + installation.delivery(
        f"smtp://127.0.0.1:{sink.port}"
    )
    return installation.make(folder, text + (f'\n[database]\nurl = "{url}"\n' if url else ""))


def test_a_lost_mail_whose_check_must_wait_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pass would come back to it: it is in the processed folder, and an operator sees it."""
    config = files(tmp_path)
    mails = bag(4)
    drop(config, mails[:1])
    service.once(config)
    backup.make(config, tmp_path / "backup")
    drop(config, mails[1:])
    service.once(config)
    put_back(config, tmp_path / "backup/database")
    real = reconcile.judge

    def waiting(*words: Any) -> Judgement:
        found = real(*words)
        return replace(found, decision=replace(found.decision, action="defer", change=None))

    monkeypatch.setattr(reconcile, "judge", waiting)
    reconcile.reconcile(config, repair=True)
    rows = installation.everything(config)["messages"]
    assert [one["status"] for one in rows] == ["handled", "held", "held", "held"]

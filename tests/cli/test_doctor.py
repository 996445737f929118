"""`intake doctor` in broken surroundings: what it says, and that it never takes long."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from intake.config import loader as settings
from intake.config.loader import Config
from tests.support import installation
from tests.support.fakes import FakeSmtp, listening, scripted_imap
from tests.support.faults import tmpfs
from tests.support.servers import dovecot

LONGEST = 10.0  # seconds for the whole command, whatever hangs


def silent(connection: socket.socket) -> None:
    """Accepts, and never says a word."""
    with suppress(OSError), connection:
        connection.settimeout(60)
        while connection.recv(4096):
            pass


def service(folder: Path, box: str = "", way: str = "", more: str = "") -> Config:
    """A service with another mailbox, relay or more tables than the usual ones."""
    made = installation.make(folder, installation.maildir_box(folder / "in"))
    file = Path(made.file)
    file.write_text(
        installation.HEAD + (box or installation.maildir_box(folder / "in"))
        + installation.delivery(way or f"maildir:{folder}/out") + more
    )  # fmt: skip
    return settings.load(str(file), {})


def findings(config: Config) -> list[dict[str, str]]:
    """What the command finds, in less than the longest time."""
    began = time.monotonic()
    done = installation.command(config, "doctor", "--json")
    took = time.monotonic() - began
    assert took < LONGEST, f"{took:.1f} s"
    found: list[dict[str, str]] = json.loads(done.stdout)
    assert done.returncode == (1 if any(one["verdict"] == "fail" for one in found) else 0)
    return found


def says(found: list[dict[str, str]], verdict: str, what: str, words: str) -> bool:
    """Whether a finding is there."""
    return any(
        one["verdict"] == verdict and one["what"].startswith(what) and words in one["words"]
        for one in found
    )


Broken = Callable[[Path, ExitStack], Config]


def _silent_imap(folder: Path, stack: ExitStack) -> Config:
    return service(folder, installation.imap_box(stack.enter_context(listening(silent)), "pw"))


def _silent_smtp(folder: Path, stack: ExitStack) -> Config:
    return service(folder, way=f"smtp://127.0.0.1:{stack.enter_context(listening(silent))}")


def _silent_second_relay(folder: Path, stack: ExitStack) -> Config:
    port = stack.enter_context(listening(silent))
    more = f'\n[alerts]\naddress = "ops@x.example"\nurl = "smtp://127.0.0.1:{port}"\n'
    return service(folder, more=more)


def _no_imap(folder: Path, stack: ExitStack) -> Config:
    return service(folder, installation.imap_box(1, "pw"))


def _no_smtp(folder: Path, stack: ExitStack) -> Config:
    return service(folder, way="smtp://127.0.0.1:1")


def _wrong_port_for_tls(folder: Path, stack: ExitStack) -> Config:
    return service(folder, way="smtps://user%40x.example@127.0.0.1:587")


def _tls_on_a_plain_port(folder: Path, stack: ExitStack) -> Config:
    port = stack.enter_context(listening(FakeSmtp({}).serve))
    return service(folder, way=f"smtps://127.0.0.1:{port}")


def _no_starttls(folder: Path, stack: ExitStack) -> Config:
    port = stack.enter_context(listening(FakeSmtp({}).serve))
    return service(folder, way=f"smtp+starttls://127.0.0.1:{port}")


def _wrong_password(folder: Path, stack: ExitStack) -> Config:
    answers = {"LOGIN": "{tag} NO [AUTHENTICATIONFAILED] wrong\r\n"}
    port = stack.enter_context(listening(scripted_imap(answers)))
    return service(folder, installation.imap_box(port, "pw"))


def _no_password(folder: Path, stack: ExitStack) -> Config:
    text = installation.imap_box(1, "pw").replace('password = "pw"\n', "")
    port = stack.enter_context(listening(scripted_imap({})))
    return service(folder, text.replace("127.0.0.1:1/", f"127.0.0.1:{port}/"))


def _missing_folder(folder: Path, stack: ExitStack) -> Config:
    imap = stack.enter_context(dovecot(folder))
    with imap.client() as client:
        client.create_folder("Cases")
    text = installation.imap_box(imap.imap, imap.password).replace("/INBOX", "/Casse")
    return service(folder, text)


def _maildir_is_a_file(folder: Path, stack: ExitStack) -> Config:
    (folder / "file").write_text("")
    return service(folder, installation.maildir_box(folder / "file"))


def _collects_from_where_it_files(folder: Path, stack: ExitStack) -> Config:
    imap = stack.enter_context(dovecot(folder))
    more = 'processed_folder = "inbox"'
    return service(folder, installation.imap_box(imap.imap, imap.password, more=more))


def _same_folder_twice(folder: Path, stack: ExitStack) -> Config:
    box = installation.maildir_box(folder / "in") + 'held_folder = "Processed"\n'
    return service(folder, box)


def _damaged_database(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    (folder / "var/intake.db").write_bytes(b"this is no database" * 1000)
    for rest in ("-wal", "-shm"):
        (folder / f"var/intake.db{rest}").unlink(missing_ok=True)
    return made


def _newer_database(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    with sqlite3.connect(folder / "var/intake.db") as link:
        link.execute("UPDATE alembic_version SET version_num = '9999'")
    link.close()
    return made


def _no_database_server(folder: Path, stack: ExitStack) -> Config:
    port = stack.enter_context(listening(silent))
    more = f'\n[database]\nurl = "postgresql://x@127.0.0.1:{port}/x"\n'
    return service(folder, more=more)


def _blobs_are_a_file(folder: Path, stack: ExitStack) -> Config:
    (folder / "blobs").write_text("")
    return service(folder, more='\n[storage]\nurl = "blobs"\n')


def _full_disk(folder: Path, stack: ExitStack) -> Config:
    volume = stack.enter_context(tmpfs(folder / "blobs", 2**20))
    made = service(folder, more='\n[storage]\nurl = "blobs"\n')
    volume.leave(0)
    return made


def _no_secret(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    (folder / "var/secret").unlink()
    return made


def _short_secret(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    (folder / "var/secret").write_text("short\n")
    return made


def _open_secret(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    (folder / "var/secret").chmod(0o644)
    return made


def _no_catalogue(folder: Path, stack: ExitStack) -> Config:
    return service(folder, more='\n[catalogue]\npath = "none.toml"\n')


def _no_templates(folder: Path, stack: ExitStack) -> Config:
    return service(folder, more='\n[replies]\ntemplates = "none"\n')


def _unknown_names(folder: Path, stack: ExitStack) -> Config:
    more = '\n[departments]\nsuport = "Support"\n[replies]\nsilent_rules = ["R99"]\n'
    return service(folder, more=more)


def _alerts_to_ourselves(folder: Path, stack: ExitStack) -> Config:
    return service(folder, more='\n[alerts]\naddress = "Support@desk.example"\n')


def _page_in_a_file(folder: Path, stack: ExitStack) -> Config:
    (folder / "page").write_text("")
    return service(folder, more='\n[page]\nfolder = "page/here"\n')


def _state_in_a_file(folder: Path, stack: ExitStack) -> Config:
    made = service(folder)
    (folder / "file").write_text("")
    text = Path(made.file).read_text().replace("[service]", '[service]\nstate_folder = "file/x"')
    Path(made.file).write_text(text)
    return settings.load(made.file, {})


def _clock_behind(folder: Path, stack: ExitStack) -> Config:
    imap = stack.enter_context(dovecot(folder))
    imap.append([b"Subject: x\r\n\r\nx\r\n"])
    made = service(folder, installation.imap_box(imap.imap, imap.password))
    earlier = datetime.now(UTC) - timedelta(hours=3)
    stack.enter_context(time_machine.travel(earlier, tick=True))
    return made


def _metrics_for_all(folder: Path, stack: ExitStack) -> Config:
    return service(folder, more='\n[metrics]\nlisten = "0.0.0.0:9464"\n')


TABLE: list[tuple[Broken, str, str, str]] = [
    (_silent_imap, "fail", "mailbox support", "no answer within"),
    (_silent_smtp, "fail", "delivery", "no answer within"),
    (_silent_second_relay, "fail", "alerts", "no answer within"),
    (_no_imap, "fail", "mailbox support", "connection lost or refused"),
    (_no_smtp, "fail", "delivery", "Connection refused"),
    (_wrong_port_for_tls, "fail", "delivery", "port 587 usually speaks smtp+starttls://"),
    (_tls_on_a_plain_port, "fail", "delivery", "TLS"),
    (_no_starttls, "fail", "delivery", "does not offer STARTTLS"),
    (_wrong_password, "fail", "mailbox support", "login refused"),
    (_no_password, "fail", "mailbox support", "no secret"),
    (_missing_folder, "fail", "mailbox support", "the server has Cases, "),
    (_maildir_is_a_file, "fail", "mailbox support", "Not a directory"),
    (_collects_from_where_it_files, "fail", "mailbox support", "the folder that mail is"),
    (_same_folder_twice, "fail", "mailbox support", "are both Processed"),
    (_damaged_database, "fail", "database", "not a database"),
    (_newer_database, "fail", "database", "newer intake"),
    (_no_database_server, "fail", "database", "no answer within"),
    (_blobs_are_a_file, "fail", "storage", "blobs"),
    (_full_disk, "fail", "storage", "the disk is full"),
    (_no_secret, "fail", "secret", "there is no secret file"),
    (_short_secret, "fail", "secret", "shorter than 16"),
    (_open_secret, "warn", "secrets", "chmod 600"),
    (_no_catalogue, "fail", "catalogue", "No such file"),
    (_no_templates, "fail", "catalogue", "found no folder"),
    (_unknown_names, "warn", "departments", "found 'suport', wanted one of"),
    (_unknown_names, "warn", "replies.silent_rules", "found 'R99', wanted one of R0"),
    (_alerts_to_ourselves, "fail", "alerts.address", "our own address"),
    (_page_in_a_file, "fail", "page", "cannot be written to"),
    (_state_in_a_file, "fail", "state", "cannot be written to"),
    (_clock_behind, "warn", "mailbox support", "this machine's clock is behind"),
    (_metrics_for_all, "warn", "metrics.listen", "can be reached from other machines"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "verdict", "what", "words"), TABLE, ids=[one[0].__name__.strip("_") for one in TABLE]
)
def test_what_is_broken_is_found_in_time(
    tmp_path: Path, broken: Broken, verdict: str, what: str, words: str
) -> None:
    """The finding names the part and what to do, and every other part is still checked."""
    with ExitStack() as stack:
        found = findings(broken(tmp_path, stack))
    assert says(found, verdict, what, words), json.dumps(found, indent=1)
    assert len({one["what"] for one in found}) >= 7, "the other checks ran, too"
    assert not any("Traceback" in one["words"] for one in found)


def test_old_mails_are_counted_before_and_after_the_first_connection(tmp_path: Path) -> None:
    """They are left alone, and both commands say how many and why."""
    with ExitStack() as stack:
        imap = stack.enter_context(dovecot(tmp_path))
        port = stack.enter_context(listening(FakeSmtp({}).serve))
        imap.append([b"From: a@x.example\r\nSubject: old\r\n\r\nold\r\n"] * 3)
        box = installation.imap_box(imap.imap, imap.password, backfill="none")
        config = service(tmp_path, box, f"smtp://127.0.0.1:{port}")
        before = findings(config)
        assert says(before, "warn", "mailbox support", "3 mails lie there now and will be left")
        done = installation.command(config, "once").stdout.decode()
        assert "mailbox support: 3 mails lie there from before the first connection" in done
        after = findings(config)
        assert says(after, "ok", "mailbox support", "3 mails lie there from before the first")
        shown = json.loads(installation.command(config, "once", "--json").stdout)
        assert shown["mailboxes"][0]["left_alone"] == 3


def test_a_department_whose_staff_is_missing_is_told(tmp_path: Path) -> None:
    """Its answers would all be held, because nobody who writes them is known."""
    more = '[[department]]\nkey = "support"\naddress = "app@desk.example"\n'
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in") + more)
    found = json.loads(installation.command(config, "doctor", "--json").stdout)
    told = [one for one in found if one["what"] == "department support"]
    assert any("intake staff add" in one["words"] for one in told)

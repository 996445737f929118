"""The checker itself: silent about a sound service, and each planted fault is found and named."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from intake.worker import service
from tests.support import checker, installation, transitions
from tests.support.checker import Maildir, World, blob_path, digest_of
from tests.support.mailbag import bag

MAILS = bag(6)
pytestmark = pytest.mark.takes_blobs  # plants faults, lost blobs among them


@dataclass(frozen=True)
class Finished:
    """A service that has handled everything, and what is to see of it."""

    folder: Path
    world: World

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.folder / "var" / "intake.db"

    def now(self) -> World:
        """The same, looked at again."""
        letters = Maildir(self.folder / "out").read()
        return checker.look(replace(self.world, letters=letters), Maildir(self.folder / "in"))

    def sql(self, *statements: str) -> None:
        """Changes the database behind everybody's back."""
        with closing(sqlite3.connect(self.database)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def file(self, part: str) -> Path:
        """The first mail of a folder of the mailbox or of the letters."""
        return min((self.folder / part).iterdir())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six mails handled once, copied for each test."""
    folder = tmp_path_factory.mktemp("original")
    box = folder / "in"
    text = installation.maildir_box(box) + installation.delivery(f"maildir:{folder / 'out'}")
    config = installation.make(folder, text)
    transitions.unwatch(config)  # the faults are planted by hand
    for number, mail in enumerate(MAILS):
        (box / "new" / f"{number}.test").write_bytes(mail.raw)
    assert service.once(config).failures == []
    return folder


@pytest.fixture
def finished(original: Path, tmp_path: Path) -> Finished:
    """Six mails handled, one of which, the first, has a file."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    world = World(
        ever=[mail.raw for mail in MAILS],
        database=tmp_path / "var" / "intake.db",
        blobs=tmp_path / "var" / "blobs",
        files={digest_of(mail.raw): mail.files for mail in MAILS},
        in_doubt_at_most=0,
    )
    made = Finished(tmp_path, world)
    assert checker.violations(made.now()) == []
    assert checker.settled(made.now()) == []
    return made


def lose_a_mail(made: Finished) -> None:
    """Takes a mail out of its folder."""
    made.file("in/.Processed/cur").unlink()


def slip_one_in(made: Finished) -> None:
    """Puts a mail of nobody into a folder."""
    (made.folder / "in" / ".Held" / "cur").mkdir(parents=True, exist_ok=True)
    (made.folder / "in" / ".Held" / "cur" / "strange").write_bytes(b"Subject: strange\r\n\r\n")


def delete_a_row(made: Finished) -> None:
    """The ledger forgets a mail and its case."""
    made.sql("DELETE FROM cases WHERE message_id = 2", "DELETE FROM messages WHERE id = 2")


def put_one_off(made: Finished) -> None:
    """A mail that was moved is noted as put off."""
    made.sql("UPDATE messages SET status = 'deferred' WHERE id = 3")


def change_a_digest(made: Finished) -> None:
    """A row is about other bytes than those that were sent."""
    made.sql(f"UPDATE messages SET digest = '{'0' * 64}' WHERE id = 1")


def handle_twice(made: Finished) -> None:
    """A second row says that the same mail was handled."""
    made.sql(
        "UPDATE messages SET digest = (SELECT digest FROM messages WHERE id = 1) WHERE id = 2",
    )


def two_cases(made: Finished) -> None:
    """A second case comes from the same mail."""
    made.sql("UPDATE cases SET message_id = 1 WHERE message_id = 2")


def lose_a_case(made: Finished) -> None:
    """A case is gone, its mail is still noted as handled."""
    made.sql("DELETE FROM cases WHERE message_id = 4")


def lose_the_history(made: Finished) -> None:
    """A case without events."""
    made.sql("DELETE FROM events WHERE case_number = 'CASE-1003'")


def blob_of_a_mail(made: Finished) -> Path:
    """Where the bytes of the second mail lie."""
    return blob_path(made.world.blobs, digest_of(made.world.ever[1]))


def empty_a_blob(made: Finished) -> None:
    """The file is there and has no bytes, as after a power cut."""
    blob_of_a_mail(made).chmod(0o600)
    blob_of_a_mail(made).write_bytes(b"")


def lose_a_blob(made: Finished) -> None:
    """The bytes of a mail are gone."""
    blob_of_a_mail(made).unlink()


def damage_a_file(made: Finished) -> None:
    """One bit of an attachment turns over."""
    path = blob_path(made.world.blobs, made.world.files[digest_of(made.world.ever[0])][0])
    path.chmod(0o600)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def forget_a_file(made: Finished) -> None:
    """The row of an attachment is gone."""
    made.sql("DELETE FROM attachments WHERE id = 1")


def misplace_a_file(made: Finished) -> None:
    """An attachment belongs to another case than its mail."""
    made.sql("UPDATE attachments SET case_number = 'CASE-9999' WHERE id = 1")


def copy_a_letter(made: Finished) -> None:
    """The same letter arrives a second time."""
    letter = made.file("out/new")
    letter.with_name("again").write_bytes(letter.read_bytes())


def answer_again(made: Finished) -> None:
    """A mail gets a second letter of the same kind."""
    letter = made.file("out/new")
    again = letter.read_bytes().replace(b"Message-ID: <ack.", b"Message-ID: <ack.again.")
    letter.with_name("again").write_bytes(again)


def lose_a_letter(made: Finished) -> None:
    """A letter that is noted as sent never arrived."""
    made.file("out/new").unlink()


def tell_another_number(made: Finished) -> None:
    """A letter names the case of another mail."""
    made.sql(
        "UPDATE cases SET number = 'CASE-7' WHERE number = 'CASE-1001'",
        "UPDATE messages SET case_number = 'CASE-7' WHERE case_number = 'CASE-1001'",
    )


def tell_one_number_twice(made: Finished) -> None:
    """Two different mails are told the same number."""
    for path in (made.folder / "out" / "new").iterdir():
        path.write_bytes(path.read_bytes().replace(b"CASE-1002", b"CASE-1001"))


def tell_too_early(made: Finished) -> None:
    """A mail that is still in the mailbox has been answered."""
    made.sql("DELETE FROM cases WHERE message_id = 2", "DELETE FROM messages WHERE id = 2")
    for path in (made.folder / "in" / ".Processed" / "cur").iterdir():
        path.rename(made.folder / "in" / "new" / path.name)


def orphan_a_field(made: Finished) -> None:
    """A foreign key leads nowhere."""
    first = "(SELECT min(case_number) FROM case_fields)"  # not every type has fields
    made.sql(f"UPDATE case_fields SET case_number = 'CASE-9' WHERE case_number = {first}")


def damage_the_database(made: Finished) -> None:
    """A page in the middle of the file is overwritten."""
    with made.database.open("r+b") as file:
        file.seek(made.database.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 16384)


ALWAYS: list[tuple[Callable[[Finished], None], str]] = [
    (lose_a_mail, "is lost: 0 of 1 copies"),
    (slip_one_in, "lies in a folder and was never put into one"),
    (delete_a_row, "lies in Processed without a row"),
    (put_one_off, "lies in Processed without a row: ['deferred']"),
    (change_a_digest, "is about a mail that nobody sent"),
    (handle_twice, "was handled 2 times"),
    (two_cases, "became 2 cases"),
    (lose_a_case, "is handled and made no case"),
    (lose_a_case, "which there is not"),
    (lose_the_history, "Case CASE-1003 has no history"),
    (empty_a_blob, "is damaged: 0 of"),
    (lose_a_blob, "cannot be read: No such file"),
    (damage_a_file, "The blob of file file-"),
    (forget_a_file, "that are not the 1 it came with"),
    (misplace_a_file, "are not with its case"),
    (copy_a_letter, "arrived 2 times and is not in doubt"),
    (answer_again, "got 2 letters of kind ack"),
    (lose_a_letter, "is noted as sent and never arrived"),
    (tell_another_number, "says CASE-1001, the ledger"),
    (tell_one_number_twice, "Number CASE-1001 was told to 2 mails"),
    (tell_too_early, "answers a mail without a row"),
    (orphan_a_field, "of case_fields refers to a row of cases that is gone"),
    (damage_the_database, "The database "),
]


@pytest.mark.parametrize(("plant", "words"), ALWAYS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_planted_fault_is_found(
    finished: Finished, plant: Callable[[Finished], None], words: str
) -> None:
    """Whether things are over or not, the checker says what is wrong."""
    plant(finished)
    for found in (checker.violations(finished.now()), checker.settled(finished.now())):
        assert any(words in line for line in found), found


def back_into_the_mailbox(made: Finished) -> None:
    """A recorded mail lies in the mailbox still."""
    made.file("in/.Processed/cur").rename(made.folder / "in" / "new" / "back")


def copy_a_mail(made: Finished) -> None:
    """A moved mail was moved a second time."""
    mail = made.file("in/.Processed/cur")
    mail.with_name("again:2,S").write_bytes(mail.read_bytes())


def not_noted(made: Finished) -> None:
    """The ledger has not noted that a mail was moved."""
    made.sql("UPDATE messages SET settled = 0 WHERE id = 1")


def hold_one(made: Finished) -> None:
    """A good mail waits for a person."""
    made.sql("UPDATE messages SET status = 'held' WHERE id = 5")


def one_unsent(made: Finished) -> None:
    """A letter is due, and nobody has it."""
    made.sql("UPDATE outbox SET state = 'due' WHERE id = 1")


def one_never_written(made: Finished) -> None:
    """A handled mail has no letter at all."""
    made.sql("DELETE FROM outbox")
    for path in (made.folder / "out" / "new").iterdir():
        path.unlink()


def one_doubtful(made: Finished) -> None:
    """A letter is in doubt where none may be."""
    made.sql("UPDATE outbox SET state = 'in_doubt' WHERE id = 1")


AT_THE_END: list[tuple[Callable[[Finished], None], str]] = [
    (back_into_the_mailbox, "1 mails are still in the mailbox"),
    (copy_a_mail, "lies in the folders 2 times"),
    (not_noted, "is noted as not moved"),
    (hold_one, "was never handled: ['held']"),
    (one_unsent, "1 letters are still due"),
    (one_never_written, "was never answered"),
    (one_doubtful, "1 letters are in doubt, at most 0 may be"),
]


@pytest.mark.parametrize(
    ("plant", "words"), AT_THE_END, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_may_be_in_the_middle_may_not_be_at_the_end(
    finished: Finished, plant: Callable[[Finished], None], words: str
) -> None:
    """Only the stricter look objects."""
    plant(finished)
    assert checker.violations(finished.now()) == []
    assert any(words in line for line in checker.settled(finished.now()))


def test_what_is_allowed(finished: Finished) -> None:
    """A doubted letter may arrive twice, and bytes that need not be kept may be missing."""
    copy_a_letter(finished)
    lose_a_blob(finished)
    finished.sql("UPDATE outbox SET state = 'in_doubt'")
    world = replace(
        finished.now(), no_blob=frozenset([digest_of(finished.world.ever[1])]), in_doubt_at_most=6
    )
    assert checker.settled(world) == []


def test_a_mail_that_the_pipe_took_needs_a_row(finished: Finished) -> None:
    """Accepting a mail without recording it is a loss; it lies in no folder."""
    world = replace(finished.now(), taken=[b"Message-ID: <piped@d1.example>\r\n\r\n"])
    assert any("accepted from the pipe" in line for line in checker.violations(world))


def test_it_knows_nothing_of_the_program() -> None:
    """Its judgement is its own: neither module imports anything of the service."""
    for module in (checker, sys.modules["tests.support.checker_world"]):
        source = Path(str(module.__file__)).read_text()
        assert "from intake" not in source
        assert "import intake" not in source

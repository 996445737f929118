"""What must be true at every moment, checked from the outside: mailbox, database, blobs, letters.

Nothing of the program under test is imported here. The promises are those of docs/states.md; what
breaks one of them is said in a sentence, and an empty list means that all is well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.checker_world import (
    Letter,
    Maildir,
    Row,
    Server,
    World,
    blob_path,
    digest_of,
    head,
    look,
    refers,
    tables,
)

__all__ = ["Maildir", "Server", "World", "blob_path", "digest_of", "look", "settled", "violations"]

TERMINAL = {"handled", "ignored", "dropped", "held", "rejected", "shelved"}


def violations(world: World) -> list[str]:
    """What is wrong now, at a moment when mails may still wait in the mailbox."""
    read = _Reading.of(world)
    return [*read.trouble, *read.always()]


def settled(world: World) -> list[str]:
    """What is wrong when everything should be over: the mailbox is empty and all is handled."""
    read = _Reading.of(world)
    return [*read.trouble, *read.always(), *read.at_the_end()]


@dataclass(frozen=True)
class _Reading:
    """A world with the database and the letters read once."""

    world: World
    rows: dict[str, list[Row]]
    letters: list[Letter]
    trouble: list[str]
    names: dict[str, str]  # digest to Message-ID, for sentences that people can follow

    @staticmethod
    def of(world: World) -> _Reading:
        rows, trouble = tables(world.database)
        mails = [*world.ever, *world.taken]
        names = {digest_of(raw): head(raw, "Message-ID") for raw in mails}
        return _Reading(world, rows, [Letter.read(raw) for raw in world.letters], trouble, names)

    def always(self) -> list[str]:
        """Everything that holds at every moment."""
        return [
            *self._conservation(),
            *self._ledger(),
            *self._cases(),
            *self._blobs(),
            *self._files(),
            *self._letters_once(),
            *self._letters_true(),
        ]

    def at_the_end(self) -> list[str]:
        """What holds besides when nothing is left to do."""
        return [*self._mailbox_done(), *self._all_handled(), *self._all_answered()]

    def _say(self, digest: str) -> str:
        return f"{self.names.get(digest) or 'unknown'} ({digest[:12]})"

    def _by_digest(self) -> dict[str, list[Row]]:
        found = defaultdict(list)
        for row in self.rows["messages"]:
            found[row["digest"]].append(row)
        return found

    def _in_doubt(self) -> list[Row]:
        return [row for row in self.rows["outbox"] if row["state"] == "in_doubt"]

    def _conservation(self) -> Iterator[str]:
        """Every mail is in the mailbox, or moved and recorded."""
        world, rows = self.world, self._by_digest()
        place = {
            "INBOX": Counter(map(digest_of, world.inbox)),
            "Processed": Counter(map(digest_of, world.processed)),
            "Held": Counter(map(digest_of, world.held)),
        }
        there = sum(place.values(), Counter())
        had = Counter(map(digest_of, world.ever))
        for digest, times in had.items():
            if there[digest] < times:
                yield (
                    f"Mail {self._say(digest)} is lost: {there[digest]} of {times} copies"
                    f" lie in any folder, {len(rows[digest])} rows."
                )
        for digest in there.keys() - had.keys():
            yield f"Mail {self._say(digest)} lies in a folder and was never put into one."
        for name in ("Processed", "Held"):
            for digest in place[name]:
                if not any(row["status"] in TERMINAL for row in rows[digest]):
                    status = [row["status"] for row in rows[digest]]
                    yield f"Mail {self._say(digest)} lies in {name} without a row: {status}."
        for digest in map(digest_of, world.taken):
            if not any(row["status"] in TERMINAL for row in rows[digest]):
                yield f"Mail {self._say(digest)} was accepted from the pipe and has no row."

    def _ledger(self) -> Iterator[str]:
        """A row is about a mail that there was, and one mail is handled once."""
        for digest, rows in self._by_digest().items():
            if digest and digest not in self.names:
                yield f"Row {rows[0]['id']} is about a mail that nobody sent: {digest}."
            if sum(row["status"] == "handled" for row in rows) > 1:
                yield f"Mail {self._say(digest)} was handled {len(rows)} times."

    def _cases(self) -> Iterator[str]:
        """One case from one mail, with its history, and the row names a case that there is."""
        by_id = {row["id"]: row for row in self.rows["messages"]}
        made = defaultdict(list)
        for case in self.rows["cases"]:
            row = by_id.get(case["message_id"])
            if row is None:
                yield f"Case {case['number']} was made from a mail without a row."
            else:
                made[row["digest"]].append(case["number"])
        for digest, numbers in made.items():
            if len(numbers) > 1:
                yield f"Mail {self._say(digest)} became {len(numbers)} cases: {sorted(numbers)}."
        counted = {case["number"] for case in self.rows["cases"]}
        for row in self.rows["messages"]:
            if row["case_number"] and row["case_number"] not in counted:
                yield f"Row {row['id']} names case {row['case_number']}, which there is not."
            if (row["status"], row["action"]) == ("handled", "create") and not made[row["digest"]]:
                yield f"Mail {self._say(row['digest'])} is handled and made no case."
        known = {event["case_number"] for event in self.rows["events"]}
        yield from (f"Case {one} has no history." for one in counted if one not in known)

    def _blobs(self) -> Iterator[str]:
        """The bytes of every row and every file are there and are the right ones."""
        wanted = [
            (f"mail {self._say(row['digest'])}", row["digest"], row["size"])
            for row in self.rows["messages"]
            if row["digest"] and row["digest"] not in self.world.no_blob
        ]
        for row in self.rows["attachments"]:
            what = f"file {row['name']} of row {row['message_id']}"
            wanted.append((what, row["sha256"], row["size"]))
        for what, digest, size in wanted:
            path = blob_path(self.world.blobs, digest)
            try:
                content = path.read_bytes()
            except OSError as error:
                yield f"The blob of {what} cannot be read: {error.strerror}."
                continue
            if digest_of(content) != digest:
                yield f"The blob of {what} is damaged: {len(content)} of {size} bytes."
            elif len(content) != size:
                yield f"The row of {what} says {size} bytes, there are {len(content)}."

    def _files(self) -> Iterator[str]:
        """A handled mail has exactly the files that were in it, and they belong to its case."""
        files = defaultdict(list)
        for row in self.rows["attachments"]:
            files[row["message_id"]].append(row)
        for row in self.rows["messages"]:
            found = files[row["id"]]
            if any(one["case_number"] != row["case_number"] for one in found):
                yield f"Files of mail {self._say(row['digest'])} are not with its case."
            if row["status"] != "handled" or row["digest"] not in self.world.files:
                continue
            wanted = sorted(self.world.files[row["digest"]])
            if sorted(one["sha256"] for one in found) != wanted:
                yield (
                    f"Mail {self._say(row['digest'])} has {len(found)} files in the database"
                    f" that are not the {len(wanted)} it came with."
                )

    def _letters_once(self) -> Iterator[str]:
        """No letter twice, unless its row says that nobody knows."""
        doubted = {row["message_id_header"] for row in self._in_doubt()}
        notices = self.rows["notice_recipients"]
        doubted |= {row["message_id_header"] for row in notices if row["doubts"]}
        counted = Counter(letter.message_id for letter in self.letters)
        for message_id, times in counted.items():
            if times > 1 and message_id not in doubted:
                yield f"Letter {message_id} arrived {times} times and is not in doubt."
        answers = defaultdict(set)
        for letter in self.letters:
            if letter.parent:
                answers[letter.kind, letter.recipient, letter.parent].add(letter.message_id)
        for (kind, recipient, parent), ids in answers.items():
            if len(ids) > 1:
                yield f"Mail {parent} got {len(ids)} letters of kind {kind} to {recipient}."
        for row in self.rows["outbox"]:
            if row["state"] == "sent" and not counted[row["message_id_header"]]:
                yield f"Letter {row['message_id_header']} is noted as sent and never arrived."

    def _letters_true(self) -> Iterator[str]:
        """What a letter says of a case's number is so, and no number was told to two mails."""
        digests = {name: digest for digest, name in self.names.items() if name}
        mails = (*self.world.ever, *self.world.taken)
        first = {head(raw, "Message-ID") for raw in mails if not refers(raw)}
        rows = self._by_digest()
        told = defaultdict(set)
        for letter in self.letters:
            if letter.parent not in digests:
                continue
            if letter.number and letter.parent in first:
                told[letter.number].add(letter.parent)
            of_mail = rows[digests[letter.parent]]
            numbers = {row["case_number"] for row in of_mail} - {""}
            if not of_mail:
                yield f"Letter {letter.message_id} answers a mail without a row: {letter.parent}."
            elif letter.number and letter.number not in numbers:
                yield f"Letter {letter.message_id} says {letter.number}, the ledger {numbers}."
        for number, parents in told.items():
            if len(parents) > 1:
                yield f"Number {number} was told to {len(parents)} mails: {sorted(parents)}."

    def _mailbox_done(self) -> Iterator[str]:
        """The mailbox is empty, each mail lies in one folder once, and the ledger knows that."""
        world = self.world
        if world.inbox:
            yield f"{len(world.inbox)} mails are still in the mailbox."
        there = Counter(map(digest_of, (*world.inbox, *world.processed, *world.held)))
        had = Counter(map(digest_of, world.ever))
        for digest, times in there.items():
            if times > had[digest] > 0:
                yield f"Mail {self._say(digest)} lies in the folders {times} times."
        for row in self.rows["messages"]:
            if row["status"] == "deferred":
                yield f"Mail {self._say(row['digest'])} is still deferred."
            elif not row["settled"]:
                yield f"Mail {self._say(row['digest'])} is noted as not moved."

    def _expected(self) -> list[str]:
        world = self.world
        mails = [*world.ever, *world.taken] if world.handled is None else world.handled
        return list(dict.fromkeys(map(digest_of, mails)))

    def _all_handled(self) -> Iterator[str]:
        rows = self._by_digest()
        for digest in self._expected():
            found = [row["status"] for row in rows[digest]]
            if "handled" not in found:
                yield f"Mail {self._say(digest)} was never handled: {found or 'no row'}."

    def _all_answered(self) -> Iterator[str]:
        """Each handled mail got one letter, and nothing waits to be sent."""
        waiting = Counter(row["state"] for row in self.rows["outbox"])
        for state in ("due", "claimed"):
            if waiting[state]:
                yield f"{waiting[state]} letters are still {state}."
        most = self.world.in_doubt_at_most
        if most is not None and waiting["in_doubt"] > most:
            yield f"{waiting['in_doubt']} letters are in doubt, at most {most} may be."
        if not self.world.answered:
            return
        parents = {letter.parent for letter in self.letters}
        ids = {row["id"]: row["digest"] for row in self.rows["messages"]}
        doubted = {ids.get(row["message_id"]) for row in self._in_doubt()}
        for digest in self._expected():
            if self.names.get(digest) not in parents and digest not in doubted:
                yield f"Mail {self._say(digest)} was never answered."

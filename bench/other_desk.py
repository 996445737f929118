"""A real django-helpdesk as a department: a case goes to it by mail, and its answer comes back.

``python -m bench.other_desk`` installs it into an environment of its own below a temporary folder,
sends a case with a file, answers it there, and writes back as the contact. It needs a package
index, so it is no test of ``make test``; ``tests/letters/test_other_desk.py`` has the same
traits without it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.peer_desks import HELPDESK_PACKAGES, django_site, environment
from tests.support.letter_text import plain_text
from tests.support.service import AMY
from tests.support.staff_desk import StaffDesk

DESK = "helpdesk@other.example"
DEPARTMENT = f'\n[[department]]\nkey = "support"\ndesk = "{DESK}"\n'
STAFF = f'[[staff]]\nid = "desk"\nname = "Desk"\nemails = ["{DESK}"]\ndepartments = ["support"]\n'
MAIL = (
    "--b\nContent-Type: text/plain; charset=utf-8\n\nCase Type: Ask a Question\n"
    "Description: How is a snow day set up?\n"
    '--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename="days.txt"\n\n'
    "a,b\n--b--\n"
)
SITE = (
    "import json, pathlib, sys\n\nroom = pathlib.Path(sys.argv[1])\n"
    + django_site(
        'EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",'
        ' EMAIL_FILE_PATH=str(room / "sent"),'
    )
    + """
from django.contrib.auth.models import User
from django.core.management import call_command
from helpdesk.models import FollowUpAttachment, Queue, Ticket
from helpdesk.update_ticket import update_ticket

call_command("migrate", verbosity=0)
queue, _ = Queue.objects.get_or_create(slug="help", defaults={"title": "Help"})
queue.email_address, queue.email_box_type = "helpdesk@other.example", "local"
queue.email_box_local_dir, queue.allow_email_submission = f"{room}/new/", True
queue.email_box_interval, queue.email_box_last_check = 0, None
queue.save()
call_command("get_email", "--quiet")
if len(sys.argv) > 2:
    who, _ = User.objects.get_or_create(username="ann", defaults={"is_staff": True})
    update_ticket(who, Ticket.objects.get(), comment=sys.argv[2], public=True)
print(json.dumps([{
    "title": one.title, "description": one.description, "submitter": one.submitter_email,
    "texts": [each.comment for each in one.followup_set.order_by("id")],
    "files": [each.filename for each in FollowUpAttachment.objects.filter(followup__ticket=one)],
} for one in Ticket.objects.all()]))
"""
)


class Helpdesk:
    """The other system, in an environment and a folder of its own."""

    def __init__(self, room: Path) -> None:
        self.room = room
        (room / "new").mkdir()
        (room / "site.py").write_text(SITE)
        self.python = environment(room / "venv", HELPDESK_PACKAGES) / "python"

    def look(self, answer: str = "") -> list[dict[str, Any]]:
        """Collects its mail, answers the one ticket if wanted, and gives all tickets."""
        words = [answer] if answer else []
        done = subprocess.run(
            [self.python, self.room / "site.py", self.room, *words],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr)
        found: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def give(self, desk: StaffDesk) -> None:
        """The newest letter to it, as its mail server would deliver it."""
        letters = desk.posted(DESK)
        (self.room / "new" / f"{len(letters)}.eml").write_bytes(letters[-1].as_bytes())

    def sent(self) -> str:
        """The newest mail that it has sent."""
        files = sorted((self.room / "sent").iterdir(), key=lambda one: one.stat().st_mtime)
        lines = files[-1].read_text().splitlines()
        return "\n".join(line for line in lines if set(line) != {"-"})


def main() -> int:
    """The whole round; each line says what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        helpdesk = Helpdesk(Path(folder))
        room = Path(folder, "intake")
        room.mkdir()
        desk = StaffDesk(room, more=DEPARTMENT)
        (room / "staff.toml").write_text(STAFF)
        desk.cli("staff", "import", str(room / "staff.toml"))
        fields = ("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"')
        desk.case_of(text=MAIL, fields=fields)
        helpdesk.give(desk)
        (ticket,) = helpdesk.look()
        seen = {
            "text there": "How is a snow day set up?" in ticket["description"],
            "contact there": "Amy Alder <amy@alder.example>" in "\n".join(ticket["texts"]),
            "file there": any("days.txt" in one for one in ticket["files"]),
        }
        helpdesk.look("Use the calendar module.")
        proof = "Authentication-Results: mx.desk.example; dkim=pass header.d=other.example;"
        desk.put_raw(f"{proof} dmarc=pass header.from=other.example\n{helpdesk.sent()}")
        desk.work()
        answer = desk.answers()[-1]
        seen["answer at the contact"] = "Use the calendar module." in plain_text(answer)
        desk.say(AMY, "Save is grey.", to=str(answer["Message-ID"]), subject="Re: A question")
        helpdesk.give(desk)
        tickets = helpdesk.look()
        seen["still one ticket"] = len(tickets) == 1
        seen["reply there"] = any("Save is grey." in one for one in tickets[0]["texts"])
    for what, holds in seen.items():
        print(f"{what}: {'yes' if holds else 'NO'}")
    return 0 if all(seen.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

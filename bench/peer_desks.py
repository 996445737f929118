"""Two open-source ticket systems as contestants and as departments: django-helpdesk and roundup.

Each is installed from the Python index into an environment of its own, which the caller throws
away, and is set up as its own documentation says.
"""

from __future__ import annotations

import re
import subprocess
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.mailbag import PEOPLE, address
from tests.support.servers import Dovecot, Sink

HELPDESK_PACKAGES = ("django-helpdesk==2.6.1", "django-bootstrap4-form", "packaging")
ROUNDUP_PACKAGES = ("roundup==2.6.0",)
TRACKER = (
    "mail_domain=desk.example,mail_host=127.0.0.1,tracker_web=http://localhost:1/t/,"
    "admin_email=admin@desk.example,dispatcher_email=admin@desk.example"
)


@dataclass(frozen=True)
class Place:
    """The servers of a run, and a folder for the contestant."""

    imap: Dovecot
    sink: Sink
    room: Path


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """A new environment with the packages; returns its folder of programs."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *packages], check=True)
    return folder / "bin"


def django_site(more: str) -> str:
    """A Django site with django-helpdesk on SQLite in the folder ``room``; a Python text."""
    return f"""
from django.conf import settings

kinds = "auth contenttypes sessions sites messages staticfiles admin humanize".split()
loader = "django.template.backends.django.DjangoTemplates"
settings.configure(
    SECRET_KEY="x" * 50, ROOT_URLCONF="room_urls", SITE_ID=1, STATIC_URL="/s/", USE_TZ=True,
    INSTALLED_APPS=[*(f"django.contrib.{{one}}" for one in kinds), "bootstrap4form",
                    "rest_framework", "helpdesk"],
    TEMPLATES=[{{"BACKEND": loader, "APP_DIRS": True}}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": str(room) + "/db"}}}},
    MEDIA_ROOT=str(room) + "/media", DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    HELPDESK_TEAMS_MODE_ENABLED=False, {more}
)
import django

django.setup()
import types
from django.core.management import call_command
from django.urls import include, path

sys.modules["room_urls"] = types.ModuleType("room_urls")
sys.modules["room_urls"].urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]
"""


_COLLECTS = (
    "import pathlib, sys\n\nroom, imap, user, password, smtp, what = sys.argv[1:]\n"
    + django_site(
        'EMAIL_HOST="127.0.0.1", EMAIL_PORT=int(smtp), DEFAULT_FROM_EMAIL="support@desk.example",'
    )
    + """
if what == "collect":
    call_command("get_email", "--quiet")
else:
    pathlib.Path(room, "media").mkdir()
    call_command("migrate", verbosity=0)
    from helpdesk.models import Queue

    Queue.objects.create(
        slug="support", title="Support", email_address="support@desk.example",
        allow_email_submission=True, email_box_type="imap", email_box_host="127.0.0.1",
        email_box_port=int(imap), email_box_ssl=False, email_box_user=user,
        email_box_pass=password, email_box_imap_folder="INBOX", email_box_interval=0,
        email_box_last_check=None, logging_type="none",
    )
"""
)


def helpdesk(programs: Path) -> Callable[[Place], Sequence[str | Path]]:
    """django-helpdesk with one queue that collects the mailbox."""

    def made(at: Place) -> Sequence[str | Path]:
        words = [str(at.imap.imap), at.imap.user, at.imap.password, str(at.sink.port)]
        (at.room / "site.py").write_text(_COLLECTS)
        command = [programs / "python", at.room / "site.py", at.room, *words]
        subprocess.run([*command, "prepare"], check=True, capture_output=True)
        return [*command, "collect"]

    return made


# roundup's mail gateway, unchanged but for the port, for which it has no option.
_GATEWAY = """
import imaplib, sys

imaplib.IMAP4.__init__.__defaults__ = ("", int(sys.argv.pop()), None)
from roundup.scripts.roundup_mailgw import run

run()
"""


def roundup(programs: Path) -> Callable[[Place], Sequence[str | Path]]:
    """A classic roundup tracker; the senders are its users, and it answers each new issue."""

    def made(at: Place) -> Sequence[str | Path]:
        tracker = at.room / "tracker"
        tracker.mkdir()
        admin = [programs / "roundup-admin", "-i", tracker]
        _quietly([*admin, "install", "classic", "sqlite", TRACKER])
        settings = tracker / "config.ini"
        settings.write_text(_with_settings(settings.read_text(), at.sink.port))
        _quietly([*admin, "initialise", "admin"])
        people = (
            f"create user username=p{number} address={address(number)} roles=User"
            f" realname=p{number} password=x\n"
            for number in range(PEOPLE)
        )
        _quietly(admin, "".join(people) + "commit\nexit\n")
        (at.room / "gateway.py").write_text(_GATEWAY)
        box = f"{at.imap.user}:{at.imap.password}@127.0.0.1"
        words = [tracker, "imap", box, str(at.imap.imap)]
        return [programs / "python", at.room / "gateway.py", *words]

    return made


def _quietly(command: Sequence[str | Path], typed: str = "") -> None:
    subprocess.run(command, input=typed, text=True, check=True, capture_output=True)


def _with_settings(text: str, port: int) -> str:
    """roundup's settings with the port of the mail server, and letters to the authors."""
    head, mail, rest = text.partition("[mail]")
    told = re.sub(r"(?m)^#?\s*port = .*$", f"port = {port}", rest, count=1)
    author = r"(?m)^#?\s*messages_to_author = .*$"
    return re.sub(author, "messages_to_author = new", head + mail + told, count=1)

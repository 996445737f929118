"""What a wrong configuration says: where, what was found, what was wanted, in people's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.config import loader as settings
from intake.config.toml_files import ConfigError

BOX = '[[mailbox]]\nname = "a"\nurl = "imaps://x"\n'
HOOK = '[[webhook]]\nname = "a"\n'
TABLE = [
    (
        '[evidence]\ndkim = "never"',
        "evidence.dkim: found 'never', wanted 'off', 'upgrade' or 'always'",
    ),
    ('[limits]\nmax_mail_bytes = "x"', "limits.max_mail_bytes: found 'x', wanted a whole number"),
    ("[limits]\nmax_mail_bytes = -1", "limits.max_mail_bytes: found -1, wanted a number above 0"),
    ("[limits]\nmax_mail_bytes = 1.5", "limits.max_mail_bytes: found 1.5, wanted a whole number"),
    ('[[mailbox]]\nname = "a"\nurl = 3', "mailbox[0].url: found 3, wanted text in quotes"),
    (
        BOX + 'trusted_authserv_ids = "mx"',
        'mailbox[0].trusted_authserv_ids: found \'mx\', wanted a list, such as ["a", "b"]',
    ),
    ('[service]\ntimezone = "Mars"', "service.timezone: 'Mars' is no IANA time zone name"),
    ("[service]\ntimezone = 7", "service.timezone: found 7, wanted text in quotes"),
    ('service = "x"', "service: found 'x', wanted a table"),
    ('[mailbox]\nname = "a"', "mailbox: found a table, wanted a list"),
    ("[notices]\nrate_per_minute = 0", "notices.rate_per_minute: found 0, wanted a number above 0"),
    (
        '[notices]\nmandatory_classes = ["x"]',
        "notices.mandatory_classes[0]: found 'x', wanted 'outage'",
    ),
    ('[notices]\nreminders = ["soon"]', "wanted a number with d, h or m behind it"),
    ("[notices]\ndigest_hour = 24", "notices.digest_hour: found 24, wanted 23 or less"),
    (
        '[replies]\nacknowledge = "maybe"',
        "replies.acknowledge: found 'maybe', wanted true or false",
    ),
    ("[replies]\nmax_rounds = 0", "replies.max_rounds: found 0, wanted 1 or more"),
    ('[service]\naddress = "nope"', "service.address: 'nope' is no plain email address"),
    ('[service]\ncase_prefix = "case"', "wanted capital letters or digits and a dash"),
    (f'[service]\nname = "{"x" * 81}"', "wanted at most 80 characters"),
    ('[page]\nshow = "all"', "page.show: found 'all', wanted 'written' or 'approved'"),
    (BOX + 'idle = "perhaps"', "mailbox[0].idle: found 'perhaps', wanted true or false"),
    ('[[mailbox]]\nurl = "imaps://x"', "mailbox[0].name: found nothing, wanted a value"),
    (BOX + 'user_name = "x"', "mailbox[0].user_name: found an unknown key"),
    (
        BOX + "pol_seconds = 3",
        'mailbox[0].pol_seconds: found an unknown key; did you mean "poll_seconds"?',
    ),
    ("[sevice]", 'sevice: found an unknown key; did you mean "service"?'),
    ("nonsense = 1", "nonsense: found an unknown key; `intake config example` shows all"),
    (
        '[[webhook]]\nname = "a"\nurl = "secret-path"',
        "webhook[0].url: found (hidden), wanted a web address",
    ),
    (BOX + "password = 12", "mailbox[0].password: found (hidden), wanted"),
    (BOX + 'backfill = "yesterday"', 'wanted "none", "all" or a date like 2026-01-31'),
    (BOX + BOX, "mailbox: found the name 'a' twice, wanted each once"),
    (BOX + "poll_seconds = 0", "mailbox[0].poll_seconds: found 0, wanted a number above 0"),
    (BOX + "authserv_fields = 9", "mailbox[0].authserv_fields: found 9, wanted 5 or less"),
    (BOX + 'trusted_authserv_ids = ["*mx"]', "'*mx' is neither an id nor *.NAME such as"),
    (BOX + 'auth = "oauth"', "mailbox[0].auth: found 'oauth', wanted 'password' or 'xoauth2'"),
    ('[[mailbox]]\nname = "a b"\nurl = "imaps://x"', "wanted letters, digits, dots, dashes and"),
    ("mailbox = []", "mailbox: found none, wanted at least one [[mailbox]] table"),
    ("[delivery]\nconnections = 0", "delivery.connections: found 0, wanted 1 or more"),
    ("[delivery]\nconnections = 99", "delivery.connections: found 99, wanted 50 or less"),
    ('[delivery]\nlease_seconds = "90s"', "found '90s', wanted a whole number"),
    ('[alerts]\naddress = "ops"', "alerts.address: 'ops' is no plain email address"),
    ("[alerts]\nafter_minutes = 0", "alerts.after_minutes: found 0, wanted a number above 0"),
    ('[alerts]\ncommand = ["a"]', "alerts.command: found a list, wanted text in quotes"),
    ('[alert]\naddress = "a@b.example"', 'alert: found an unknown key; did you mean "alerts"?'),
    ('[metrics]\nlisten = "9464"', 'wanted HOST:PORT, such as "127.0.0.1:9464"'),
    ('[metrics]\nlisten = "http://x:1"', 'wanted HOST:PORT, such as "127.0.0.1:9464"'),
    ("[metrics]\nlisten = 9464", "metrics.listen: found 9464, wanted text in quotes"),
    ('[files]\nclamav = "localhost:3310"', 'wanted "tcp://host:port" or "unix:/path"'),
    ('[files]\nmax_bytes = "25 MB"', "files.max_bytes: found '25 MB', wanted a whole number"),
    ('[evidence]\ndns_server = "one.one"', 'wanted an address and a port, such as "192.0.2.53:53"'),
    ('[notices]\nlist_id = "Our Notices"', 'wanted a domain name, such as "status.desk.example"'),
    ('[notices]\nunsubscribe_url = "http://x"', "found 'http://x', wanted an https address"),
    ('[notices]\nfrom_address = "x"', "notices.from_address: 'x' is no plain email address"),
    ("[notices]\nmax_without_approval = -1", "found -1, wanted 0 or more"),
    ('[page]\nurl = "www.x.example"', "page.url: found 'www.x.example', wanted a web address"),
    ('[logging]\nlevel = "verbose"', "wanted 'debug', 'info', 'warning' or 'error'"),
    ("[retention]\ndropped_days = 0", "retention.dropped_days: found 0, wanted a number above 0"),
    ('[replies]\nrepeat = "some"', "found 'some', wanted 'all', 'fields' or 'none'"),
    ('[replies]\nunknown_sender = "bounce"', "found 'bounce', wanted 'hold' or 'drop'"),
    (HOOK + 'url = "https://x.example/"\nevents = ["incident"]', "'incident' is neither"),
    (HOOK + 'url = "http://x.example/"', "wanted https://…; http:// is for this machine only"),
    (
        HOOK + 'url = "https://x.example/"\n' + HOOK.replace('"a"', '"A"') + 'url = "https://y/"',
        "webhook: found two names for INTAKE_WEBHOOK_A_SECRET, wanted one",
    ),
    ('[service]\naliases = "x@y.example"', 'wanted a list, such as ["a", "b"]'),
    ('[service]\nstate_folder = ""', "state_folder: found '', wanted a text that is not empty"),
    ('[catalogue]\nrequired = "x"', "catalogue.required: found 'x', wanted a table"),
    ("[departments]\nsupport = 3", "departments.support: found 3, wanted text in quotes"),
    ("service]\nx = 1", "is not TOML: Expected '=' after a key"),
    ('[service]\nname = "a', "is not TOML: Unterminated string"),
    ('[service]\nname = "a"\nname = "b"', "is not TOML: Cannot overwrite a value"),
]


@pytest.mark.parametrize(("text", "words"), TABLE, ids=lambda one: one[:40])
def test_a_mistake_is_one_line_in_peoples_words(tmp_path: Path, text: str, words: str) -> None:
    """The file, the key, what was found, and what would be right."""
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        settings.load(str(file), {})
    lines = str(caught.value).splitlines()
    assert any(f"{file}: " in line and words in line for line in lines), lines
    assert not any("put should be" in line or "instance of" in line for line in lines)

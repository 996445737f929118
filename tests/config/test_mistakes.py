"""What a wrong configuration says: where, what was found, what was wanted, in people's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.config import loader as settings
from intake.config.loader import ConfigError

BOX = '[[mailbox]]\nname = "a"\nurl = "imaps://x"\n'
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

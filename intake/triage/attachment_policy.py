"""Which files of a mail are handed on with the case, and why others are kept back.

Every file is stored, and named in the letter and the case; one that is withheld is handed out by
an operator who asks for it by name, never with the case.
"""

from __future__ import annotations

from collections.abc import Mapping

from intake.mail.message import Message, Refusal
from intake.triage.policy import Policy


def withheld(mail: Message | Refusal, policy: Policy) -> Mapping[str, str]:
    """Place in the MIME tree -> why the file there is withheld."""
    if isinstance(mail, Refusal):
        return {}
    found: dict[str, str] = {}
    count = 0
    for file in mail.attachments:
        count += not file.inline
        if policy.withhold_risky and file.risk:
            found[file.part] = file.risk
        elif file.size > policy.max_file_bytes:
            found[file.part] = f"it is bigger than {policy.max_file_bytes // 1_000_000} MB"
        elif not file.inline and count > policy.max_files:
            found[file.part] = f"a mail may bring {policy.max_files} files"
    return found

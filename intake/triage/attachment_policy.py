"""Decide which files of a mail are handed on with the case, and why others are withheld.

Every file is stored, and named in the letter and the case. A withheld file is never handed out with
the case, only to an operator who asks for it by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from intake.mail.message import Message, Refusal
from intake.triage.policy import Policy


def withheld(mail: Message | Refusal, policy: Policy) -> Mapping[str, str]:
    """Return for each withheld file its place in the MIME tree and the reason."""
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

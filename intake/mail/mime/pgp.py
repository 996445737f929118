"""Text that PGP has signed or encrypted in the mail's own text (RFC 4880 §6.2 and §7)."""

from __future__ import annotations

import re

_ENCRYPTED = re.compile(
    r"^-----BEGIN PGP MESSAGE-----$.*?^-----END PGP MESSAGE-----$", re.MULTILINE | re.DOTALL
)
_SIGNED = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]{1,40}: [^\n]*\n)*\n"
    r"(.*?)^-----BEGIN PGP SIGNATURE-----\n.*?^-----END PGP SIGNATURE-----$\n?",
    re.MULTILINE | re.DOTALL,
)
_ESCAPED = re.compile(r"^- ", re.MULTILINE)
MAX_BLOCKS = 5  # more are no mail that a person signed or encrypted
MAX_OTHER_CHARS = 400  # of text beside an encrypted block: a greeting, a footer


def is_encrypted(text: str) -> bool:
    """Return whether the words of a text are in an encrypted block."""
    if not 1 <= text.count("-----BEGIN PGP MESSAGE-----") <= MAX_BLOCKS:
        return False
    rest = _ENCRYPTED.sub("", text)
    return rest != text and len(rest.strip()) <= MAX_OTHER_CHARS


def without_armour(text: str) -> str:
    """Return a text without the frame and the signature that PGP put around it."""
    if not 1 <= text.count("-----BEGIN PGP SIGNED MESSAGE-----") <= MAX_BLOCKS:
        return text
    return _SIGNED.sub(lambda found: _ESCAPED.sub("", found[1]), text)

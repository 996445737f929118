"""What the words and codes of a delivery report mean: is the address dead, or may it pass?

A failure is hard if the address itself has gone: no such mailbox, user or domain, moved, closed.
Everything else is soft: a full mailbox, a size, a time-out, and whatever is about the sender and
not about the address, such as a block list, a policy, a rate or missing authentication.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HARD_CODES = frozenset(("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
"""RFC 3463 §3.2 and §3.3, RFC 7505 §4.2 for 5.1.10."""
MAX_CHARS = 4000


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_BLOCKED = _any(  # the sending server or the mail itself is refused, whoever the recipient is
    r"spam(?!assassin)", r"\bblock(?:ed|ing)? (?:using|by|list|due|because|for|from|-)",
    r"blacklist", r"\bblack list", r"blocklist", r"\bblocked\b(?! account)", r"\brbl\b",
    r"dnsbl", r"spamhaus", r"\breputation\b", r"(?<!not )\blisted (?:in|on|at|by) ", r"\bspf\b",
    r"\bdkim\b", r"\bdmarc\b", r"unauthenticated",
    r"authentication (?:check|fail|required|info)", r"not authenticated", r"reverse dns",
    r"\brdns\b", r"\bptr\b", r"reverse (?:lookup|mapping)", r"unsolicited", r"gr[ae]y ?list",
    r"rate limit", r"ratelimit", r"throttl", r"too many (?:messages|connections|recip)",
    r"relay(?:ing)? (?:access )?(?:denied|not|disallowed|prohibited)", r"unable to relay",
    r"to relay", r"no relay", r"open relay", r"virus", r"malware", r"malicious", r"phish",
    r"\bbanned\b", r"prohibited", r"suspicious", r"complaint", r"recipient preferences",
    r"rejected by (?:the )?recipient(?! domain)", r"\bpolic(?:y|ies)\b",
    r"policy (?:reasons|violation|restrict)", r"not accepted from", r"refused your",
    r"sender (?:address |domain |email )?(?:is )?(?:rejected|denied|refused|invalid|not"
    r"|verif|unknown)",
    r"(?:your|sending) (?:ip|domain|host|server|mail server)", r"bad sender", r"invalid sender",
    r"client host .{0,60}(?:reject|blocked)", r"message content",
    r"content (?:rejected|filter|restrict|denied)", r"(?:as|by) (?:spam|junk|bulk)",
    r"\bhelo\b", r"\behlo\b", r"starttls", r"\btls\b",
    r"attachments? (?:type|is|are|not|with|reject)", r"permission to post", r"sender address",
    r"unroutable sender", r"at a rate", r"after mail from", r"not a?u?thori[sz]ed",
    r"not allowed to (?:send|post)",
)  # fmt: skip
_FULL = _any(
    r"quota", r"mailbox .{0,30}full", r"\bfull\b", r"overflow",
    r"(?:disk|storage|mailbox|insufficient) space", r"out of (?:storage|space)",
    r"enough (?:disk )?space", r"insufficient", r"exceed", r"too (?:large|big|long)",
    r"message size", r"size limit", r"larger than", r"storage (?:limit|capacity|allocat)",
)  # fmt: skip
_GONE = _any(
    r"(?:user|recipient|mailbox|account|address|alias|person|addressee|receiver|name|group"
    r"|mail ?drop)s?\b[^.\n]{0,60}?\b(?:unknown|not (?:be )?(?:found|known|listed|exist"
    r"|valid|local|available|recogni[sz]ed)|(?:does|do|did)(?:n't| ?not|n.t) exist|invalid"
    r"|no longer|disabled|deactivated|inactive|suspended|closed|terminated|deleted|frozen"
    r"|unrouteable|undeliverable|isn.t (?:a )?valid|is not (?:a )?(?:valid|active|known)"
    r"|has been (?:disabled|discontinued|removed|deactivated|closed|changed)"
    r"|not accepting (?:any )?m)",
    r"(?:unknown|invalid|illegal|no such|non-?exist[ea]nt|inactive|unrout(?:e)?able"
    r"|no valid|nonexisting|disabled|bad) (?:or \w+ )?(?:local |virtual |mail |e-?mail "
    r"|forward(?:ing)? |destination |final delivery |user |recipient "
    r"|to )?(?:users?(?:id)?\b|recipients?\b|mailbox|account|address|alias|mail ?drop"
    r"|domain|host\b|local.?part|destination|person|name\b(?! serv)|part(?:y|ies)\b|id\b)",
    r"no such (?:a )?(?:user|person|domain|host|address|mailbox|recipient|account|local)",
    r"no mailbox", r"not (?:our|a) customer", r"not listed in", r"user.{0,80}not listed",
    r"not in (?:the |our )?\w* ?directory", r"recipnotfound", r"resolver\.adr",
    r"do(?:es)?(?:n.t| not) have an? [\w.-]+(?: \w+)? account",
    r"no (?:account|user|recipient|mailbox|one) (?:by|with|of|here|matching)",
    r"there is no (?:user|account|such)",
    r"unknown (?:address|local|recipient|user|account|alias|to address)",
    r"(?:host|domain)[^\n]{0,80} not found(?!.{0,12} try)", r"host unknown", r"unknown host",
    r"(?:domain|host)[^.\n]{0,60}(?:not exist|n.t exist|nonexist|unknown|not valid)",
    r"null mx", r"no mx", r"mx record", r"nxdomain", r"unrouteable", r"unroutable",
    r"illegal host", r"(?:does|do|did)(?:n.t| not) (?:exist|accept (?:any )?(?:e-?)?mail)",
    r"not accepting (?:network|any)", r"find (?:a |any )?(?:host|mail exchanger)",
    r"indicated no smtp", r"(?:has|have) moved", r"moved to", r"address (?:has )?changed",
    r"account (?:is |has been )?(?:locked|disabled|inactive|suspended|closed|expired)",
    r"no longer (?:valid|available|exist|accept|in use|active|works|receiv|on |with"
    r"|monitored|employed)",
    r"address(?:es)? rejected ?: ?(?:access denied|user|unknown|undeliv|no such|unverified"
    r"|invalid|not )",
    r"mailbox (?:unavailable|disabled|is (?:disabled|inactive|frozen|locked))", r"badrcptto",
    r"addresses? could(?:n.t| not) be found", r"unbekannt", r"inconnu", r"n'existe",
    r"no existe", r"desconocid", r"inexistente", r"não existe", r"onbekend", r"bestaat niet",
    r"sconosciut", r"non esiste",
)  # fmt: skip
_SENDER_CODES = frozenset(("5.1.7", "5.1.8"))  # RFC 3463 §3.2: about the sender's address
_PASSES = _any(
    r"temporar", r"name server (?:reply|failure|timeout)",
    r"(?:system|mailer|server|local) error", r"try again",
)  # fmt: skip
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply of a mail server means for the address and for us."""

    hard: bool  # the address has gone
    about_us: bool  # the server refused us, not the address


def meaning(status: str, diagnosis: str, text: str) -> Meaning:
    """Judge a failure by its words and codes; the other server's own reply counts most.

    ``diagnosis`` is that reply, ``text`` the report as it was written for people.
    """
    codes = {status, *_STATUS.findall(diagnosis)} - {""}
    for words in (diagnosis[:MAX_CHARS], text[:MAX_CHARS]):
        if _BLOCKED.search(words) or codes & _SENDER_CODES:
            return Meaning(hard=False, about_us=True)
        full = bool(_FULL.search(words) or _PASSES.search(words))
        if _GONE.search(words) and not full:
            return Meaning(hard=True, about_us=False)
        if full:
            return Meaning(hard=False, about_us=False)
        if words is diagnosis and codes & HARD_CODES:
            return Meaning(hard=True, about_us=False)
    return Meaning(bool(codes & HARD_CODES), any(code[1:4] == ".7." for code in codes))

"""Recognise a notice of absence by its subject and text, where no field marks it.

Programs in companies and schools lose the fields of RFC 3834, so the words count: how a program
begins such a subject in seven languages, or a subject about an absence together with a text that
says who is away and until when. A question in the text makes it a person's mail, and so does a
subject that answers or forwards another one.
"""

from __future__ import annotations

import re

MAX_CHARS = 1500  # of the text
MAX_START = 400  # characters in which a text says that a program wrote it


def _any(*patterns: str) -> str:
    return "|".join(patterns)


_BOUND = r"(?=\s*(?:$|[:!(,-]|\b(?:re|aw|sv|antw|res|rv|r|fw|fwd|tr|wg|enc|i)\s?:))"
_PROGRAM = re.compile(
    r"(?:\[[^\]]{1,30}\]\s*)*(?:auto\s?:\s|(?:"
    + _any(
        r"(?:out of (?:the )?office )?auto(?:matic|matische|mated)?[- ]?(?:reply|response)",
        r"automatische antwort(?: auf)?", r"autorespuesta", r"respuesta autom[aá]tica",
        r"réponse automatique(?: d'absence)?", r"resposta autom[aá]tica",
        r"automatisch antwoord", r"risposta automatica", r"autorisposta", r"abwesenheitsnotiz",
        r"abwesenheitsassistent", r"ferienabwesenheit", r"mensaje (?:automático )?de ausencia",
        r"message (?:automatique )?d'absence", r"mensagem (?:automática )?de ausência",
        r"messaggio (?:automatico )?di assenza", r"afwezigheidsbericht",
        r"afwezigheidsassistent", r"autosvar", r"automatische afwezigheids\w*",
    )
    + rf"){_BOUND})",
    re.IGNORECASE,
)  # fmt: skip
_AWAY = re.compile(  # a subject about somebody's absence
    r"(?:\[[^\]]{1,30}\]\s*)*(?:"
    + _any(
        r"(?:i'?m |i am )?(?:currently )?out of (?:the )?office", r"ooo\b",
        r"on (?:annual |sick |maternity )?leave", r"(?:on )?vacation", r"away (?:from|until)",
        r"fuera de (?:la )?oficina", r"(?:estoy )?de vacaciones", r"vacaciones",
        r"(?:estoy )?de baja", r"ausente", r"permiso de", r"no estoy",
        r"absence (?:du bureau|temporaire)", r"absente?\b", r"(?:je suis )?en congés?",
        r"congé", r"vacances", r"je suis (?:absente?|en)", r"retraite progressive",
        r"(?:ich )?bin (?:im|in|bis)", r"abwesend", r"abwesenheit", r"elternzeit",
        r"mutterschutz", r"nicht im (?:büro|haus)", r"krank\b", r"(?:im )?urlaub\b",
        r"ausência", r"(?:estou )?(?:de|em) férias", r"férias", r"fora do escritório",
        r"licença", r"(?:estou )?de baixa", r"não estou", r"(?:ik ben )?afwezig(?:heid)?\b",
        r"(?:met|op) (?:vakantie|verlof)", r"\w*verlof\b", r"niet op kantoor",
        r"(?:sono )?fuori (?:sede|ufficio)", r"(?:sono )?in ferie", r"ferie\b", r"congedo",
        r"(?:sono )?assente", r"assenza",
    )
    + r")",
    re.IGNORECASE,
)  # fmt: skip
_SAYS_SO = re.compile(  # the writer is away, or comes back
    _any(
        r"\bout (?:of (?:the )?office|sick|today|until|on)",
        r"\bon (?:annual |sick |maternity )?leave", r"\bon vacation",
        r"\bi(?:'m| am| will be) (?:currently )?(?:out|away|on)\b",
        r"\bback (?:on|in|the|tomorrow|from)", r"\breturn(?:ing)? (?:on|in|to)",
        r"not be reading", r"limited access", r"work part[- ]time", r"next working day",
        r"\booo\b", r"\b(?:estoy|me encuentro|estaré) (?:fuera|de|en)\b", r"\bvuelvo\b",
        r"\bregreso\b", r"no estar[eé] disponible", r"(?:permanecerá|estará) cerrad",
        r"\bausente por", r"contestaré", r"je (?:suis|serai) (?:absent|en|à l'ext)",
        r"de retour", r"\bfermé", r"absent aujourd", r"ne travaille pas", r"à temps partiel",
        r"nicht im (?:büro|haus)", r"\bim urlaub\b", r"in den ferien",
        r"wieder (?:da|erreichbar|im|zurück|für)", r"bin (?:derzeit|zurzeit|bis|in|im|ab|vom)",
        r"befinde mich", r"auf klassenfahrt", r"\bbis (?:freitag|montag|zum)",
        r"\b(?:estou|encontro-me|estarei) (?:de|em|ausente|fora|viajando)", r"\bvolto\b",
        r"\bretorno\b", r"\bausente até", r"de férias até", r"\bfora hoje\b", r"trabalho às",
        r"só leio", r"\bben (?:ik )?(?:er|afwezig|met|niet|op)\b",
        r"ik ben .{0,30}(?:afwezig|verlof|vakantie|niet op kantoor|studiereis|terug)",
        r"weer (?:aanwezig|bereikbaar|er)", r"ben ik er weer", r"werk ik niet", r"ik werk op",
        r"\bvervanger\b", r"\bterug\b",
        r"\bsono (?:assente|fuori|in (?:ferie|malattia|congedo|trasferta))",
        r"\bsarò (?:assente|fuori|in)", r"\brientro\b", r"ferie fino", r"assente per",
        r"part-time \(", r"risponderò",
    ),
    re.IGNORECASE,
)  # fmt: skip
_WROTE = re.compile(  # a program says that it wrote the text
    _any(
        r"this is an automat(?:ed|ic) (?:message|reply|response)",
        r"automatisch (?:erzeugte|generierte|erstellte) (?:nachricht|antwort|e-?mail)",
        r"(?:este )?es un mensaje automático", r"ceci est un message automatique",
        r"esta é uma mensagem automática", r"automatisch (?:gegenereerd|verzonden) bericht",
        r"messaggio (?:generato )?automatic(?:o|amente)",
    ),
    re.IGNORECASE,
)  # fmt: skip
_HELD = re.compile(r"\s*(?:re|aw|sv|antw|res|rv|r|fw|fwd|tr|wg|enc|i)\s?:", re.IGNORECASE)


def is_absence(subject: str, text: str) -> bool:
    """Return whether a program wrote the mail to say that its reader is away. Never raises."""
    flat = " ".join(subject.split())
    said = text[:MAX_CHARS]
    if _WROTE.search(said[:MAX_START]) and "?" not in said:
        return True
    if _HELD.match(flat) or len(text) > MAX_CHARS:
        return False
    if _PROGRAM.match(flat):
        return True
    return bool(_AWAY.match(flat) and _SAYS_SO.search(said)) and "?" not in said

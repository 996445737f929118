"""The words for days and dates in the languages that are read: data for ``days``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DayWords:
    """The words of one language. Every text is in lower case; a ``|`` separates alternatives."""

    months: tuple[str, ...]  # twelve patterns, January first
    weekdays: tuple[str, ...]  # seven patterns, Monday first
    days: Mapping[str, int]  # pattern -> days from today
    ago: tuple[str, ...]  # patterns with {n} and {days}
    day_units: str  # pattern for "days"
    numbers: tuple[str, ...]  # one to ten
    month_first: bool  # "March 2" besides "2 March"
    of: str  # pattern between a day and its month
    day_alone: str  # pattern before a day without a month; the day follows
    ordinal: str  # pattern behind the number of a day
    last: str  # pattern before or behind a weekday that leaves open which week is meant
    coming: str  # pattern for the next week
    between: str  # pattern that begins a range
    to: str  # pattern inside a range
    vague: str  # pattern of words for a time that is no single day
    doubt: str  # pattern of words that make a date uncertain
    period: str  # pattern of a week or a time of the year, with {month} and {weekday}


SPELLED = (  # the days of a month in English words, as a telephone writes what it hears
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth", "twenty-first", "twenty-second", "twenty-third",
    "twenty-fourth", "twenty-fifth", "twenty-sixth", "twenty-seventh", "twenty-eighth",
    "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
_EN = DayWords(
    months=(
        "january|jan",
        "february|feb",
        "march|mar",
        "april|apr",
        "may",
        "june|jun",
        "july|jul",
        "august|aug",
        "september|sept|sep",
        "october|oct",
        "november|nov",
        "december|dec",
    ),
    weekdays=(
        "monday|mon",
        "tuesday|tues|tue",
        "wednesday|weds",
        "thursday|thurs|thur|thu",
        "friday|fri",
        "saturday",
        "sunday",
    ),
    days={
        r"(?:the )?day before yesterday": -2,
        r"yesterday|yesteday|yesterdy|last night": -1,
        r"today|this (?:very )?(?:morning|mornign|mornng|moring|morining|afternoon|evening)|tonight"
        r"|earlier today"
        r"|just now|right now|(?:an|one|two|three|a few|a couple of) (?:hours?|minutes?) ago"
        r"|(?:half )?an hour ago": 0,
        r"(?:the )?day after tomorrow": 2,
        r"tomorrow|tomorow|tommorow|tommorrow": 1,
    },
    ago=(
        r"{n} {days} ago",
        r"(?:for )?(?:the )?(?:last|past) {n} {days}",
        r"for {n} {days}(?: now)?",
    ),
    day_units="days?",
    numbers=("one|a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    month_first=True,
    of=r"(?: of)?",
    day_alone=r"the (?=\d{1,2}(?:st|nd|rd|th)\b)",
    ordinal=r"(?:st|nd|rd|th)?",
    last=r"last|past|of last week",
    coming=r"next",
    between=r"between|from",
    to=r"and|to|through|until|till|thru",
    vague=(
        r"(?:last|this|earlier this|some(?:time|where) last) (?:week|month|year|semester|t"
        r"erm)|over the (?:long )?(?:weekend|summer|winter|holidays|break)|(?:a|two|three|"
        r"a few|several|about two|about three|around two|a couple of) weeks? ago|a month ago"
        r"|mid-? ?(?:january|february|mar"
        r"ch|april|may|june|july|august|september|october|november|december)|(?:early|late"
        r") (?:january|february|march|april|may|june|july|august|september|october|novembe"
        r"r|december)"
    ),
    doubt=r"maybe|perhaps|possibly|or so|not sure|i think|i believe|sometime|or later|or earlier",
    period=(
        r"(?:the )?week (?:of|starting|beginning) (?:the )?(?:(?:{month}) \d{{1,2}}(?:st|nd"
        r"|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?(?: of)?(?: (?:{month}))?)|(?:the )?(?:first"
        r"|second|third|fourth|last) (?:full )?week (?:of|in) (?:{month})|(?:a|any|some"
        r"|one) (?:{weekday}) in (?:{month})|(?:any ?time|sometime|some time|any day|some day)"
        r" (?:in|during) (?:{month})|(?:around|after|before) (?:easter"
        r"|(?:the )?(?:spring|easter|winter|fall) (?:break|holidays))"
    ),
)
_ES = DayWords(
    months=(
        "enero|ene",
        "febrero|feb",
        "marzo|mar",
        "abril|abr",
        "mayo|may",
        "junio|jun",
        "julio|jul",
        "agosto|ago",
        "septiembre|setiembre|sept|sep|set",
        "octubre|oct",
        "noviembre|nov",
        "diciembre|dic",
    ),
    weekdays=(
        "lunes",
        "martes",
        "mi[ée]rcoles",
        "jueves",
        "viernes",
        "s[áa]bado",
        "domingo",
    ),
    days={
        r"anteayer|antier|antes de ayer": -2,
        r"ayer|anoche": -1,
        r"hoy|esta (?:misma )?(?:mañana|tarde|noche|madrugada)|hace (?:una|dos|tres|unas|un par de)"
        r" (?:horas?)|hace (?:un rato|unos minutos|media hora)": 0,
        r"pasado mañana": 2,
        r"(?<!la )(?<!esta )(?<!de la )(?<!por la )mañana(?! (?:del?|por))": 1,
    },
    ago=(r"hace {n} {days}", r"(?:desde|en) (?:los )?últimos {n} {days}"),
    day_units="d[íi]as?",
    numbers=(
        "uno|un|una",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
    ),
    month_first=False,
    of=r"(?: del?)?(?: mes del?)?",
    day_alone=r"(?:el|del|al|los|d[íi]as?) (?:d[íi]as? )?(?=\d{1,2}\b)",
    ordinal=r"[º°]?",
    last=r"pasad[oa]|últim[oa]|de la semana pasada",
    coming=r"próxim[oa]|que viene|siguiente",
    between=r"entre|del|desde",
    to=r"al?|y|hasta",
    vague=(
        r"(?:la |esta )?semana pasada|esta semana|el mes pasado|(?:este|el|durante el) fin"
        r" de semana|hace (?:como |unas |casi |más o menos )?(?:una|dos|tres|unas) semanas?"
        r"|hace un mes|a (?:mediados|princip"
        r"ios|finales) de \w+"
    ),
    doubt=r"quizás?|tal vez|a lo mejor|creo|no estoy segur[oa]|más o menos",
    period=(
        r"(?:la )?semana del? \d{{1,2}}(?: de (?:{month}))?|(?:la )?(?:primera|segunda"
        r"|tercera|cuarta|[úu]ltima) (?:semana|quincena) de (?:{month})|(?:un|alg[úu]n"
        r"|cualquier) (?:{weekday}) (?:de|en) (?:{month})|(?:cualquier d[íi]a|puede ser"
        r"|podr[íi]a ser"
        r"|en cualquier momento) (?:de|en) (?:{month})|(?:después|despues"
        r"|antes) de (?:semana santa|pascua|las vacaciones(?: de \w+)?)"
    ),
)
_FR = DayWords(
    months=(
        r"janvier|janv",
        "février|fevrier|févr|fév",
        "mars",
        "avril|avr",
        "mai",
        "juin",
        "juillet|juil",
        "août|aout",
        "septembre|sept",
        "octobre|oct",
        "novembre|nov",
        "décembre|decembre|déc|dec",
    ),
    weekdays=(
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
    ),
    days={
        r"avant-hier": -2,
        r"hier": -1,
        r"aujourd['’]hui|ce (?:matin|midi|soir)|cet après-midi|cette (?:nuit|après-midi)|tout à"
        r" l['’]heure|il y a (?:une|deux|trois|quelques) (?:heures?|minutes)": 0,
        r"après-demain": 2,
        r"demain": 1,
    },
    ago=(r"il y a {n} {days}", r"depuis {n} {days}", r"ça fait {n} {days}"),
    day_units="jours?",
    numbers=(
        "une?",
        "deux",
        "trois",
        "quatre",
        "cinq",
        "six",
        "sept",
        "huit",
        "neuf",
        "dix",
    ),
    month_first=False,
    of="",
    day_alone=r"(?:le|du|au|les) (?=\d{1,2}(?:er)?\b)",
    ordinal=r"(?:er)?",
    last=r"derni[eè]re?|pass[ée]e?|de la semaine (?:dernière|passée)",
    coming=r"prochaine?|suivant",
    between=r"entre(?: le)?|du",
    to=r"et(?: le)?|au|à",
    vague=(
        r"la semaine (?:dernière|passée)|cette semaine|le mois dernier|(?:ce|le|pendant le"
        r") week-end|il y a (?:environ |à peu près |peut-être )?(?:une|deux|trois"
        r"|quelques) semaines?|il y a un mois|(?:mi|déb"
        r"ut|fin)[ -](?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre"
        r"|novembre|décembre)"
    ),
    doubt=r"peut-être|je crois|je pense|pas sûre?|environ|plus ou moins",
    period=(
        r"(?:la )?semaine du \d{{1,2}}(?: (?:{month}))?|(?:la )?(?:première|premiere|deuxième"
        r"|deuxieme|seconde|troisième|troisieme|quatrième|dernière) semaine (?:de |d'"
        r"|du mois de )(?:{month})|un (?:{weekday}) (?:de |d'|en )(?:{month})|(?:dans le )?"
        r"courant (?:de |d')?(?:{month})|(?:après|apres"
        r"|avant|vers) (?:pâques|paques|les vacances(?: (?:de |d')\w+)?)"
    ),
)
_DE = DayWords(
    months=(
        "januar|jänner|jan",
        "februar|feber|feb",
        "märz|maerz|mrz|mär",
        "april|apr",
        "mai",
        "juni|jun",
        "juli|jul",
        "august|aug",
        "september|sept|sep",
        "oktober|okt",
        "november|nov",
        "dezember|dez",
    ),
    weekdays=(
        "montag(?:s|abend|morgen|früh|mittag|nachmittag)?",
        "dienstag(?:s|abend|morgen|früh|mittag|nachmittag)?",
        "mittwoch(?:s|abend|morgen|früh|mittag|nachmittag)?",
        "donnerstag(?:s|abend|morgen|früh|mittag|nachmittag)?",
        "freitag(?:s|abend|morgen|früh|mittag|nachmittag)?",
        "samstag(?:s|abend|morgen|früh|mittag|nachmittag)?|sonnabend",
        "sonntag(?:s|abend|morgen|früh|mittag|nachmittag)?",
    ),
    days={
        r"vorgestern": -2,
        r"gestern": -1,
        r"heute|seit (?:einer|zwei|drei|ein paar|einigen) stunden|vor (?:einer|zwei|drei|ein paar)"
        r" (?:stunden?|minuten)": 0,
        r"übermorgen": 2,
        r"(?<!heute )(?<!gestern )(?<!guten )morgen(?! früh um)": 1,
    },
    ago=(r"vor {n} {days}", r"seit {n} {days}"),
    day_units="tag(?:en|e)?",
    numbers=(
        "ein(?:em|er|e)?",
        "zwei",
        "drei",
        "vier",
        "fünf",
        "sechs",
        "sieben",
        "acht",
        "neun",
        "zehn",
    ),
    month_first=False,
    of="",
    day_alone=r"(?:am|dem|den|der|zum|vom) (?=\d{1,2}\.)",
    ordinal=r"\.?",
    last=r"letzte[nmrs]?(?: woche)?|vergangene[nmrs]?|vorige[nmrs]?(?: woche)?",
    coming=r"nächste[nmrs]?|kommende[nmrs]?",
    between=r"zwischen(?: dem)?|vom",
    to=r"und(?: dem)?|bis(?: zum)?",
    vague=(
        r"(?:letzte|vorige|vergangene|diese)r? woche|(?:letzten|vorigen|diesen) monat|am ("
        r"?:letzten )?wochenende|vor (?:etwa |ungefähr |rund |ca\.? |gut |circa )?(?:einer"
        r"|zwei|drei|einigen|ein paar) wochen?|vor einem monat|("
        r"?:mitte|anfang|ende) (?:januar|februar|märz|april|mai|juni|juli|august|september"
        r"|oktober|november|dezember)"
    ),
    doubt=r"vielleicht|glaube ich|ich glaube|nicht sicher|ungefähr|irgendwann",
    period=(
        r"(?:der |die )?woche (?:vom|ab dem|ab) \d{{1,2}}\.(?: (?:{month}))?|(?:der "
        r"|die )?(?:ersten?|zweiten?|dritten?|vierten?|letzten?) (?:(?:{month})woche"
        r"|woche (?:im|in) (?:{month}))|(?:an )?(?:ein|einem"
        r"|irgendeinem) (?:{weekday}) im (?:{month})|(?:irgendwann|am liebsten|gerne?"
        r"|jederzeit)"
        r" im (?:{month})|(?:nach|vor|um) (?:ostern(?: herum)?"
        r"|den (?:oster|pfingst|sommer|herbst)?ferien)"
    ),
)
_PT = DayWords(
    months=(
        "janeiro|jan",
        "fevereiro|fev",
        "março|marco|mar",
        "abril|abr",
        "maio|mai",
        "junho|jun",
        "julho|jul",
        "agosto|ago",
        "setembro|set",
        "outubro|out",
        "novembro|nov",
        "dezembro|dez",
    ),
    weekdays=(
        r"segunda-feira|(?<=\bna )segunda\b(?! (?:quinzena|semana|metade|parte|etapa|vez))",
        r"terça-feira|(?<=\b[nd]a )terça\b",
        r"quarta-feira|(?<=\bna )quarta\b(?! (?:semana|parte|série|vez))",
        r"quinta-feira|(?<=\bna )quinta\b",
        r"sexta-feira|(?<=\bna )sexta\b",
        "sábado|sabado",
        "domingo",
    ),
    days={
        r"anteontem": -2,
        r"ontem": -1,
        r"hoje|hj|esta (?:manhã|tarde|noite|madrugada)|há (?:uma|duas|três|algumas) horas?|há pouco"
        r"|agora (?:há pouco|mesmo)": 0,
        r"depois de amanhã": 2,
        r"amanhã": 1,
    },
    ago=(r"h[áa] {n} {days}", r"faz {n} {days}", r"{n} {days} atrás"),
    day_units="dias?",
    numbers=(
        "uma?",
        "dois|duas",
        "três",
        "quatro",
        "cinco",
        "seis",
        "sete",
        "oito",
        "nove",
        "dez",
    ),
    month_first=False,
    of=r"(?: de)?",
    day_alone=r"(?:o|no|do|ao|até|em|nos)? ?dias? (?=\d{1,2}\b)",
    ordinal=r"[.º°]{0,2}",
    last=r"passad[oa]|últim[oa]|da semana passada",
    coming=r"próxim[oa]|que vem|seguinte",
    between=r"entre(?: os? dias?| o)?|de|do dia",
    to=r"a|e|até|ao(?: dia)?",
    vague=(
        r"(?:na |a )?semana passada|esta semana|no mês passado|mês passado|no fim de seman"
        r"a|há (?:cerca de |umas |mais ou menos )?(?:uma|duas|três|algumas) semanas?|há um mês"
        r"|(?:em )?(?:meados|início|iníci"
        r"os|fins|final) de \w+"
    ),
    doubt=r"talvez|acho que|creio|não tenho certeza|mais ou menos",
    period=(
        r"(?:n?a )?semana d[eo](?: dia)? \d{{1,2}}(?: de (?:{month}))?|(?:n?a )?(?:primeira"
        r"|segunda|terceira|quarta|[úu]ltima) (?:semana|quinzena) de (?:{month})|(?:uma|alguma"
        r"|qualquer) (?:{weekday}) de (?:{month})|(?:pode ser|poderia ser|qualquer dia) (?:em|de)"
        r" (?:{month})|(?:n?o )?fim de (?:{month})|(?:depois"
        r"|antes) d(?:a (?:páscoa|pascoa)|o (?:recesso|carnaval)|as férias)"
    ),
)
WORDS: Mapping[str, DayWords] = {"en": _EN, "es": _ES, "fr": _FR, "de": _DE, "pt": _PT}

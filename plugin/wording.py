"""How values, dates and languages are written for people, on pages and on cards. The filters of the templates."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from babel import Locale
from babel.dates import get_month_names

from rules.facts import Value
from rules.findings import number

NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"

_UNITS: Final = {"mm[Hg]": "mmHg", "[lb_av]": "lb", "[in_i]": "in", "umol/L": "µmol/L"}
_ANNOTATION: Final = re.compile(r"\{([^{}]*)\}")

LANGUAGES: Final = {
    "am": "Amharic",
    "ar": "Arabic",
    "bn": "Bengali",
    "bs": "Bosnian",
    "cy": "Welsh",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "gu": "Gujarati",
    "hi": "Hindi",
    "hmn": "Hmong",
    "ht": "Haitian Creole",
    "hy": "Armenian",
    "it": "Italian",
    "ja": "Japanese",
    "km": "Khmer",
    "ko": "Korean",
    "ku": "Kurdish",
    "lo": "Lao",
    "my": "Burmese",
    "ne": "Nepali",
    "nl": "Dutch",
    "pa": "Punjabi",
    "pl": "Polish",
    "ps": "Pashto",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sgn": "sign language",
    "ase": "American Sign Language",
    "bfi": "British Sign Language",
    "so": "Somali",
    "sq": "Albanian",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "ti": "Tigrinya",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "yue": "Cantonese",
    "zh": "Chinese",
}
"""ISO 639 codes of languages that are often met; others are shown by their code."""
_SIGNED: Final = {"es": {"sgn": "lengua de signos", "ase": "lengua de signos estadounidense", "bfi": "lengua de signos británica"}}
"""Of languages that Unicode's names leave out."""
_YES_NO: Final = {"en": ("yes", "no"), "es": ("sí", "no")}
_TIMES: Final = {
    "es": {
        "day": "día",
        "days": "días",
        "week": "semana",
        "weeks": "semanas",
        "month": "mes",
        "months": "meses",
        "year": "año",
        "years": "años",
    }
}
"""Units of time as `amount` spells them."""


def language(code: str | None, spoken: str = "en") -> str:
    """A BCP-47 code as a name in the language ``spoken``: ``es-MX`` → Spanish (MX). Empty if the language is not known."""
    if not code:
        return ""
    first, _, rest = code.partition("-")
    name = language_names(spoken).get(first.lower())
    return code if name is None else f"{name} ({rest})" if rest else name


def language_names(spoken: str) -> Mapping[str, str]:
    """The names of `LANGUAGES` in one of them."""
    names = Locale(spoken).languages if spoken != "en" else {}
    return {code: _SIGNED.get(spoken, {}).get(code) or names.get(code, name) for code, name in LANGUAGES.items()}


def amount(value: Value, unit: str | None = None, language: str = "en") -> str:
    """A value with its unit: ``9.6 %``, ``16``, ``103 days``, ``at risk``. Empty if it is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _YES_NO[language][0 if value else 1]
    if isinstance(value, str):
        return value
    shown = number(value)
    text = str(shown) if isinstance(shown, int) else f"{shown:.4g}" if abs(shown) < 1000 else f"{shown:.0f}"
    spelt = shown_unit(unit)
    if shown == 1 and unit in ("days", "weeks", "months", "years"):
        spelt = spelt.removesuffix("s")
    spelt = _TIMES.get(language, {}).get(spelt, spelt)
    return f"{text}{NARROW_SPACE}{spelt}" if spelt else text


def shown_unit(unit: str | None) -> str:
    """A UCUM unit as people write it. An annotation alone is no unit; inside one it loses its braces."""
    if not unit or unit == "1" or _ANNOTATION.fullmatch(unit):
        return ""
    return _UNITS.get(unit, _ANNOTATION.sub(lambda found: found[1].replace("_", " "), unit))


_PARTIAL: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-(\d\d))?")


def day(written: str | date | None, language: str = "en") -> str:
    """A day as precisely as it is known: 14 Mar 2026, Mar 2026, 2026, ``by 14 Mar 2026``; empty if not known."""
    text = written.isoformat() if isinstance(written, date) else written or ""
    months = get_month_names("abbreviated", locale=language)

    def spelt(found: re.Match[str]) -> str:
        year, month, day_of_month = found.groups()
        return " ".join([*([str(int(day_of_month))] if day_of_month else []), months[int(month)], year])

    return _PARTIAL.sub(spelt, text)


def moment(written: str, language: str = "en") -> str:
    """When a sweep was published, to the minute."""
    return f"{day(written[:10], language)}, {written[11:16]}{' UTC' if written.endswith('+00:00') else written[19:]}"


def asked(condition: str) -> str:
    """A condition in words, without an annotation that stands for a unit: ``phq9 >= 10``."""
    start, _, unit = condition.rpartition(" ")
    return start if _ANNOTATION.fullmatch(unit) else condition


def initial(text: str) -> str:
    """The text with a capital at its beginning; the rest stays as its author wrote it."""
    return text[:1].upper() + text[1:]


def counted(count: int, one: str, many: str = "") -> str:
    """``1 person``, ``2,000 people``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "amount": amount,
    "asked": asked,
    "counted": counted,
    "day": day,
    "initial": initial,
    "language": language,
    "moment": moment,
}

"""The messages of one language."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from plugin.wording import LANGUAGES, NARROW_SPACE, amount
from rules.facts import Value

_FOLDER: Final = files("plugin.cds.texts")
_ENDING: Final = ".yaml"
_Words = Mapping[str, Annotated[str, Field(min_length=1)]]


class Texts(BaseModel):
    """The messages of one language. A key that another language has and this one has not is a defect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: _Words
    units: _Words
    """Units of time as numbers have them, by the English plural; ``1 days`` is the singular."""
    tables: _Words
    """The kinds of event, and the household."""
    contacts: _Words
    """FHIR's kinds of contact point."""
    reasons: _Words
    """Override reasons by their code."""
    languages: _Words = {}
    """ISO 639 codes; empty: as the pages of the application call them."""

    def say(self, message: str, **values: str) -> str:
        """The message with the values in it. Not escaped."""
        return self.messages[message].format(**values)

    def shown(self, value: Value, unit: str | None = None) -> str:
        """A value for people: ``9.6 %``, ``yes``, ``not known``."""
        if value is None:
            return self.messages["not known"]
        if isinstance(value, bool):
            return self.messages["yes" if value else "no"]
        number, _, written = (
            amount(value, unit).replace(NARROW_SPACE, " ").partition(" ") if not isinstance(value, str) else (value, "", "")
        )
        return f"{number} {self.units.get(written, written)}" if written else number

    def day(self, written: str) -> str:
        """A day as `rules.days.shown` writes it, in this language."""
        if written.startswith("by "):
            return self.say("until day", last=written.removeprefix("by "))
        first, between, last = written.partition(" to ")
        return self.say("days", first=first, last=last) if between else written

    def language(self, code: str) -> str:
        """A BCP-47 code as a name, the region in brackets; the code itself if it has none here."""
        first, _, rest = code.partition("-")
        name = (self.languages or LANGUAGES).get(first.lower())
        return code if name is None else f"{name} ({rest})" if rest else name


def known_languages() -> list[str]:
    """Their ISO 639 codes, sorted."""
    return sorted(entry.name.removesuffix(_ENDING) for entry in _FOLDER.iterdir() if entry.name.endswith(_ENDING))


@cache
def texts(language: str) -> Texts:
    """The messages of a language (BCP 47; the region does not matter). Raises ``KeyError`` if it is not spoken here."""
    name = language.partition("-")[0].lower()
    if name not in known_languages():
        raise KeyError(language)
    data: Any = yaml.safe_load((_FOLDER / f"{name}{_ENDING}").read_text(encoding="utf-8"))
    return Texts.model_validate(data)

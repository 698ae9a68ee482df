"""What an agency can say about one of its services, and what that makes of the listing. Pure: no store, no clock."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from fhir_adapters.directory.hours import Day, Hours
from fhir_adapters.directory.model import Capacity, Contact, Language, Service
from plugin.wording import LANGUAGES
from rules.told import Told, joined

STATES: Final = {
    "open": ("capacity", None),
    "limited": ("capacity", Told("few places")),
    "waitlist": ("waitlist", None),
    "assessment": ("additional-assessment-required", None),
    "full": ("no-capacity", None),
}
"""What the switch says → Gravity's capacity status, and words for what it has no code for."""
LONGEST_UNTIL: Final = timedelta(days=366)
MOST_LINES: Final = 20
_MOST_TEXT: Final = 300
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_PHONE: Final = re.compile(r"[0-9+()./ \-]{3,32}(?: ?(?:x|ext\.?) ?\d{1,6})?", re.ASCII)
_CODES: Final = {name.casefold(): code for code, name in LANGUAGES.items()}
_BY_THE_AGENCY: Final = Told("by the agency itself")


class NotSaid(ValueError):
    """What was typed cannot be kept. ``what`` is the key of the text that says why."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Room:
    """Whether somebody new can be taken."""

    state: str
    """A key of `STATES`."""
    until: date | None = None
    """The last day on which that holds; ``None``: for as long as such a word is believed."""

    def check(self, today: date) -> None:
        """Raises `NotSaid`."""
        if self.state not in STATES:
            raise NotSaid("choose room")
        if self.until is not None and not today <= self.until <= today + LONGEST_UNTIL:
            raise NotSaid("until wrong")

    def over(self, service: Service, said: date) -> Service:
        """The listing with it; other words about capacity are older, or somebody else's."""
        status, words = STATES[self.state]
        text = joined(", ", filter(None, (words, _BY_THE_AGENCY)))
        return replace(service, capacity=(Capacity(status, text, said, until=self.until),))

    def to_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"state": self.state, "until": self.until.isoformat() if self.until else None}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Room":
        """The same again."""
        return cls(kept["state"], date.fromisoformat(kept["until"]) if kept["until"] else None)


class Opening(NamedTuple):
    """When it is open on a day of the week (Monday is 0), by the clock of the place. Who closes before they open closes the next day."""

    weekday: int
    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Details:
    """What an agency keeps right about a listing. What is empty it does not say."""

    opening: tuple[Opening, ...] = ()
    """At most one for each weekday, in their order."""
    hours: tuple[str, ...] = ()
    """What a week of opening hours does not say, in words."""
    languages: tuple[str, ...] = ()
    """By the names of `plugin.wording.LANGUAGES`, or as they were written."""
    eligibility: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    phone: str = ""

    def check(self, service: Service) -> None:
        """Raises `NotSaid`. What a listing says already may stay as it is."""
        was = Details.of(service)
        for each in set(self.opening) - set(was.opening):
            if not (_TIME.fullmatch(each.opens) and _TIME.fullmatch(each.closes)) or each.opens == each.closes:
                raise NotSaid("hours wrong")
        if self.phone and self.phone != was.phone and not _PHONE.fullmatch(self.phone):
            raise NotSaid("phone wrong")
        for name in ("hours", "languages", "eligibility", "documents"):
            lines, before = getattr(self, name), getattr(was, name)
            if len(lines) > max(MOST_LINES, len(before)) or any(len(line) > _MOST_TEXT for line in set(lines) - set(before)):
                raise NotSaid("too much")

    @classmethod
    def of(cls, service: Service) -> "Details":
        """What a listing says already."""
        weekly, others = _parted(service)
        phones = (contact.value for contact in service.contacts if contact.system == "phone")
        return cls(
            tuple(sorted(opening for each in weekly for opening in _weekly(each))),
            tuple(map(_line, others)),
            words_of("\n".join(map(_name, service.languages))),
            lines_of("\n".join(service.eligibility)),
            lines_of("\n".join(service.documents)),
            " ".join(next(phones, "").split()),
        )

    def changes(self, service: Service) -> list[str]:
        """The names of the fields in which it differs from a listing."""
        was = Details.of(service)
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(was, field.name)]

    def words(self, name: str) -> str:
        """One of its fields in words."""
        value = getattr(self, name)
        if name == "opening":
            return "; ".join(str(_hours(each)) for each in self.opening)
        return value if isinstance(value, str) else "; ".join(value)

    def over(self, service: Service, said: date) -> Service:
        """The listing with it, confirmed on the day on which it was said. What is the same stays as its source has it."""
        different = self.changes(service)
        new: dict[str, Any] = {"assured": max(filter(None, (service.assured, said)))}
        if {"opening", "hours"} & set(different):
            new["hours"] = tuple(self._hours(service))
        if "languages" in different:
            new["languages"] = tuple(_language(each) for each in self.languages)
        if "phone" in different:
            others = tuple(contact for contact in service.contacts if contact.system != "phone")
            new["contacts"] = (*([Contact("phone", self.phone)] if self.phone else ()), *others)
        return replace(service, **new, **{name: getattr(self, name) for name in ("eligibility", "documents") if name in different})

    def _hours(self, service: Service) -> Iterator[Hours]:
        """What the listing says already stays as it has it, with all that neither a form of the week nor a line of text can show."""
        weekly, others = _parted(service)
        kept = [each for each in weekly if set(_weekly(each)) <= set(self.opening)]
        yield from kept
        yield from (_hours(each) for each in self.opening if not any(each in _weekly(group) for group in kept))
        for line in self.hours:
            found = next((each for each in others if _line(each) == line), None)
            if found is not None:
                others.remove(found)
            yield found or Hours(text=line)

    def to_json(self) -> dict[str, Any]:
        """To be kept."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Details":
        """The same again."""
        lines = {name: tuple(kept[name]) for name in ("hours", "languages", "eligibility", "documents")}
        return cls(opening=tuple(Opening(*each) for each in kept["opening"]), phone=kept["phone"], **lines)


def lines_of(text: str) -> tuple[str, ...]:
    """What was typed into a field for several lines."""
    return tuple(line for each in text.splitlines() if (line := " ".join(each.split())))


def words_of(text: str) -> tuple[str, ...]:
    """What was typed into a field for several words, on lines or between commas."""
    return tuple(word for line in text.splitlines() for each in line.split(",") if (word := " ".join(each.split())))


def _parted(service: Service) -> tuple[list[Hours], list[Hours]]:
    """The opening hours that a form of the week can show, each whole and no day twice; and the others."""
    all_ = service.opening_hours()
    times = Counter(opening.weekday for each in all_ for opening in _weekly(each))
    weekly = [each for each in all_ if _weekly(each) and all(times[opening.weekday] == 1 for opening in _weekly(each))]
    return weekly, [each for each in all_ if each not in weekly]


def _hours(opening: Opening) -> Hours:
    return Hours(opens=opening.opens, closes=opening.closes, frequency="WEEKLY", days=(Day(opening.weekday),))


def _line(hours: Hours) -> str:
    return " ".join(str(hours).split())


def _weekly(hours: Hours) -> Sequence[Opening]:
    """The weekdays of plain opening hours; nothing if they need more words than that."""
    times = [(text or "")[:5] for text in (hours.opens, hours.closes)]
    unlike = (
        hours.month_days,
        hours.weeks,
        hours.count,
        hours.until,
        hours.valid_from,
        hours.valid_to,
        hours.unclear,
        hours.all_day,
        hours.text,
    )
    plain = hours.frequency == "WEEKLY" and hours.interval == 1 and not any(unlike) and all(map(_TIME.fullmatch, times))
    return [Opening(day.weekday, *times) for day in hours.days] if plain else []


def _name(language: Language) -> str:
    return LANGUAGES.get((language.code or "").casefold()) or language.name or language.code or ""


def _language(written: str) -> Language:
    code = _CODES.get(written.casefold()) or (written.casefold() if written.casefold() in LANGUAGES else None)
    return Language(code, LANGUAGES[code] if code else written)

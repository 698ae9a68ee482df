"""Which services may help a person, and why each is kept or left out.

Each criterion answers yes, no or unknown. One *no* leaves a service out; *unknown* never does: it becomes something to ask.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from fhir_adapters.directory.areas import NOWHERE, Residence, belongs
from fhir_adapters.directory.crosswalk import UNSPECIFIED
from fhir_adapters.directory.entries import Directory, Entry
from fhir_adapters.directory.model import Capacity, Language, Service
from rules.told import Told, joined

STALE_AFTER: Final = 365
"""Days after which a listing that nobody confirmed or changed is stale."""
CAPACITY_LASTS: Final = 30
"""Days for which a statement about capacity is believed."""
FITS, ASK, LEFT_OUT = "fits", "ask", "left out"
_RANK: Final = {FITS: 0, ASK: 1, LEFT_OUT: 2}
_CAN: Final = {
    "capacity": Told("it has places"),
    "no-capacity": Told("it has no place"),
    "waitlist": Told("it keeps a waiting list"),
    "additional-assessment-required": Told("it has to assess first"),
}
"""What a service says of its capacity, in words."""
_STATUS: Final = {
    "active": Told("active"),
    "inactive": Told("inactive"),
    "defunct": Told("defunct"),
    "temporarily closed": Told("temporarily closed"),
}
"""The words of HSDS for the state of a service."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is looked for, for whom, on which day. What is ``None`` or empty is not known, or does not matter. Nobody is named."""

    as_of: date
    domain: str | None = None
    partner: str | None = None
    home: Residence = NOWHERE
    age: float | None = None
    """In years."""
    language: str | None = None
    """A code (BCP 47) or a name."""
    stale_after: int = STALE_AFTER
    capacity_lasts: int = CAPACITY_LASTS


class Ground(NamedTuple):
    """The answer of one criterion (``None``: unknown) and the reason for it, in words without anything about the person."""

    criterion: str
    answer: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Match:
    """A service held against an inquiry."""

    entry: Entry
    service: Service
    grounds: tuple[Ground, ...]

    @property
    def verdict(self) -> str:
        """``left out`` if any criterion says no, ``fits`` if all say yes, else ``ask``."""
        answers = {ground.answer for ground in self.grounds}
        return LEFT_OUT if False in answers else ASK if None in answers else FITS


def find(directory: Directory, inquiry: Inquiry) -> list[Match]:
    """Every service of the directory: those that fit first, then those to ask, the fewest open questions first, then those left out."""
    found = [_match(entry, directory, inquiry) for entry in directory.entries]
    return sorted(found, key=lambda match: _order(match, inquiry))


def _order(match: Match, inquiry: Inquiry) -> tuple[int, int, int, str, str]:
    unknown = sum(ground.answer is None for ground in match.grounds)
    age = match.service.age(inquiry.as_of)
    return _RANK[match.verdict], unknown, 1 << 30 if age is None else age, match.service.name.casefold(), match.service.key


def _match(entry: Entry, directory: Directory, inquiry: Inquiry) -> Match:
    grounds = [tuple(_grounds(listing, directory, inquiry)) for listing in entry.listings]
    names = dict.fromkeys(ground.criterion for each in grounds for ground in each)
    together = (_together([g for each in grounds for g in each if g.criterion == name]) for name in names)
    return Match(entry, entry.service, tuple(together))


def _together(grounds: list[Ground]) -> Ground:
    """What several listings say about one criterion: those that know decide; if they contradict each other, it is unknown."""
    known = [ground for ground in grounds if ground.answer is not None]
    if len({ground.answer for ground in known}) > 1:
        said = joined("; ", dict.fromkeys(ground.reason for ground in known))
        return Ground(grounds[0].criterion, None, Told("the sources disagree: %(what)s", what=said))
    return (known or grounds)[0]


def _grounds(service: Service, directory: Directory, inquiry: Inquiry) -> Iterator[Ground]:
    asked: tuple[tuple[str, bool, Callable[[], tuple[bool | None, str]]], ...] = (
        ("domain", inquiry.domain is not None, lambda: _domain(service, directory, inquiry.domain or "")),
        ("partner", inquiry.partner is not None, lambda: _partner(service, directory, inquiry.partner or "")),
        ("status", True, lambda: _status(service)),
        ("availability", bool(service.closures), lambda: _availability(service, inquiry.as_of)),
        ("area", inquiry.home != NOWHERE, lambda: _area(service, inquiry.home)),
        ("age", inquiry.age is not None, lambda: _age(service, inquiry.age or 0.0)),
        ("eligibility", bool(service.eligibility), lambda: (None, Told("the listing says: %(text)s", text="; ".join(service.eligibility)))),
        ("language", inquiry.language is not None, lambda: _language(service, inquiry.language or "")),
        ("capacity", True, lambda: _capacity(service, inquiry)),
        ("freshness", True, lambda: _freshness(service, inquiry)),
    )
    return (Ground(name, *judge()) for name, wanted, judge in asked if wanted)


def _domain(service: Service, directory: Directory, domain: str) -> tuple[bool | None, str]:
    meaning = directory.meaning(service)
    if domain in meaning.domains:
        return True, Told("is for %(needs)s", needs=domain)
    known = sorted(meaning.domains - {UNSPECIFIED})
    if meaning.unknown:
        names = ", ".join(term.text or term.code for term in meaning.unknown)
        return None, Told("its terms are not in the crosswalk: %(names)s", names=names)
    if not known or meaning.open:
        return None, Told("its terms do not say what it is for") if service.terms else Told("has no term that says what it is for")
    return False, Told("is for %(needs)s", needs=", ".join(known))


def _partner(service: Service, directory: Directory, partner: str) -> tuple[bool | None, str]:
    partners = directory.partners(service)
    if not partners:
        return None, Told("does not say what kind of agency it is")
    return partner in partners, Told("is given by: %(partners)s", partners=joined(", ", map(Told, sorted(partners))))


def _status(service: Service) -> tuple[bool | None, str]:
    if service.organization is not None and service.organization.active is False:
        return False, Told("the agency is not active")
    if service.status is None:
        return None, Told("does not say whether it is active")
    return service.status == "active", Told("is %(status)s", status=_STATUS.get(service.status, service.status))


def _availability(service: Service, as_of: date) -> tuple[bool | None, str]:
    for closure in service.closures:
        if closure.first is not None and closure.first <= as_of <= (closure.last or date.max):
            until = Told("is not available until %(day)s", day=closure.last) if closure.last else Told("is not available")
            return False, joined(": ", filter(None, (until, closure.text)))
    undated = next((closure for closure in service.closures if closure.first is None), None)
    if undated is not None:
        return None, joined(": ", filter(None, (Told("is not available at times that are not stated"), undated.text)))
    return True, Told("is available that day")


def _area(service: Service, home: Residence) -> tuple[bool | None, str]:
    if not service.areas:
        return None, Told("does not say which area it serves")
    named = _few(str(area) for area in service.areas)
    answers = [belongs(area, home) for area in service.areas]
    if True in answers:
        return True, Told("serves %(areas)s", areas=named)
    if None in answers:
        return None, Told("serves %(areas)s: whether that is where they live cannot be told", areas=named)
    return False, Told("serves only %(areas)s", areas=named)


def _age(service: Service, age: float) -> tuple[bool | None, str]:
    """One stated limit is a complete statement: the other end is open."""
    low, high = service.minimum_age, service.maximum_age
    if low is None and high is None:
        return None, Told("does not say for which ages it is")
    # A person is 65 until the day before they turn 66.
    return (low is None or age >= low) and (high is None or int(age) <= high), _ages(low, high)


def _ages(low: float | None, high: float | None) -> Told:
    if high is None:
        return Told("is for ages from %(low)s", low=f"{low:g}")
    if low is None:
        return Told("is for ages up to %(high)s", high=f"{high:g}")
    return Told("is for ages from %(low)s to %(high)s", low=f"{low:g}", high=f"{high:g}")


def _language(service: Service, language: str) -> tuple[bool | None, str]:
    """A list of languages is seldom complete: one that is not in it is to be asked for."""
    listed = _few(each.name or each.code or "" for each in service.languages)
    if any(_speaks(each, language) for each in service.languages):
        return True, Told("is given in %(languages)s", languages=listed)
    only = Told("names only %(languages)s: ask for others", languages=listed) if service.languages else Told("names no languages: ask")
    further = Told("interpretation: %(text)s", text=service.interpretation) if service.interpretation else ""
    return None, joined("; ", filter(None, (only, further)))


def _speaks(listed: Language, wanted: str) -> bool:
    asked = wanted.casefold()
    return asked in ((listed.name or "").casefold(), (listed.code or "").casefold()) or (
        listed.code is not None and listed.code.casefold().split("-")[0] == asked.split("-")[0]
    )


def _capacity(service: Service, inquiry: Inquiry) -> tuple[bool | None, str]:
    stated = [each for each in service.capacity if each.status is not None]
    waiting = Told("waiting: %(text)s", text=service.waiting) if service.waiting else ""
    if not stated:
        return None, joined("; ", filter(None, (Told("does not say whether it can take somebody"), waiting)))
    answers = [_place(each, inquiry) for each in stated]
    best = max(answers, key=lambda answer: {True: 2, None: 1, False: 0}[answer[0]])
    return best[0], joined("; ", filter(None, (best[1], waiting)))


def _place(capacity: Capacity, inquiry: Inquiry) -> tuple[bool | None, str]:
    status = capacity.status or ""
    can: str = _CAN.get(status, status)
    words = Told("%(what)s (%(more)s)", what=can, more=capacity.text) if capacity.text else can
    if capacity.updated is None or capacity.updated > inquiry.as_of:
        return None, Told("said that %(what)s on a day that is not known", what=words)
    when = {"what": words, "day": capacity.updated, "until": capacity.until}
    if capacity.until is not None and capacity.until < inquiry.as_of:
        return None, Told("said that %(what)s on %(day)s, until %(until)s, which is over", **when)
    if capacity.until is None and (inquiry.as_of - capacity.updated).days > inquiry.capacity_lasts:
        return None, Told("said that %(what)s on %(day)s, too long ago to rely on", **when)
    answer = {"capacity": True, "no-capacity": False}.get(capacity.status or "")
    if capacity.until is not None:
        return answer, Told("said that %(what)s on %(day)s, until %(until)s", **when)
    return answer, Told("said that %(what)s on %(day)s", **when)


def _freshness(service: Service, inquiry: Inquiry) -> tuple[bool | None, str]:
    age = service.age(inquiry.as_of)
    if age is None:
        return None, Told("does not say when it was last confirmed or changed")
    if age > inquiry.stale_after:
        return None, Told("last confirmed or changed %(days)s days ago: stale", days=age)
    return True, Told("last confirmed or changed 1 day ago") if age == 1 else Told("last confirmed or changed %(days)s days ago", days=age)


def _few(words: Iterable[str], most: int = 8) -> str:
    listed = list(dict.fromkeys(words))
    first = ", ".join(listed[:most])
    return Told("%(words)s and %(count)s more", words=first, count=len(listed) - most) if len(listed) > most else first

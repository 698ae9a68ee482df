"""What began so long ago that it can change nothing: recognised by its date alone, at a fraction of what it costs to map it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

from fhir_adapters.codes import read_codes
from fhir_adapters.dates import Span, parse, read_period
from fhir_adapters.mapping.choices import forms, read_time
from fhir_adapters.quarantine import Json, Quarantine, Reading, Reason
from rules.facts import Coding


@dataclass(frozen=True, slots=True)
class Past:
    """From which day on resources count. One that does not say, so that it can be read, when it began may always count."""

    before: Mapping[str, date] = field(default_factory=dict)
    """Resource type → the first day that counts: one of `DATED`. Of other types everything does."""
    lasting: frozenset[Coding] = frozenset()
    """Codes of Observations that count however old they are."""
    _texts: frozenset[str] = field(init=False, repr=False, compare=False)
    """The codes of ``lasting`` without their systems."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_texts", frozenset(coding.code for coding in self.lasting))

    def holds(self, resource: Json, resource_type: str) -> bool:
        """Whether a resource of this type surely began before its first day, and has none of the lasting codes."""
        first = self.before.get(resource_type)
        if first is None:
            return False
        latest = _latest_start(resource, resource_type)
        return latest is not None and latest < first and not (self.lasting and self._lasts(resource))

    def _lasts(self, resource: Json) -> bool:
        components = resource.get("component")
        if not isinstance(components, list):
            return self._is_lasting(resource.get("code"))
        return any(isinstance(part, dict) and self._is_lasting(part.get("code")) for part in (resource, *components))

    def _is_lasting(self, code: object) -> bool:
        """Whether a concept has one of the lasting codes. Of a plain one that has none of their texts no more is looked at."""
        try:
            if code is None or self._texts.isdisjoint([coding["code"].strip() for coding in code["coding"]]):  # type: ignore[index]
                return False
        except (AttributeError, KeyError, TypeError):
            pass  # not plain
        return not self.lasting.isdisjoint(read_codes(Reading(_UNREPORTED, "", ""), code, "code").found)


class _Unreported(Quarantine):
    """What is wrong with a resource is reported when it is mapped, and once is enough."""

    def add(self, resource_type: str, id: str, path: str, reason: Reason) -> None:
        pass


_UNREPORTED: Final = _Unreported()
NO_PAST: Final = Past()


def _period(reading: Reading, resource: Json) -> Span:
    return read_period(reading, resource.get("period"), "period")


def _choice(element: str, reading: Reading, resource: Json) -> Span:
    return read_time(reading, resource, element)


_CHOICES: Final = {"DiagnosticReport": "effective", "Immunization": "occurrence", "Observation": "effective", "Procedure": "performed"}
DATED: Final[Mapping[str, Callable[[Reading, Json], Span]]] = {
    "Encounter": _period,
    **{name: partial(_choice, element) for name, element in _CHOICES.items()},
}
"""The types whose events begin when one element says, with what reads it."""
_USUAL: Final = {name: (f"{element}DateTime", forms(element) - {f"{element}DateTime"}) for name, element in _CHOICES.items()}
"""Of each choice the form that nearly all have, and those that must not stand beside it."""


def _latest_start(resource: Json, resource_type: str) -> date | None:
    """The last day on which it may have begun; ``None``: it does not say. The form in which nearly all say it is tried first."""
    text = _usual_start(resource, resource_type)
    moment = parse(text.strip()) if isinstance(text, str) else None
    if moment is not None:
        return moment.days.high
    start = DATED[resource_type](Reading(_UNREPORTED, resource_type, ""), resource).start
    return None if start is None else start.high


def _usual_start(resource: Json, resource_type: str) -> object:
    if resource_type == "Encounter":
        period = resource.get("period")
        return period.get("start") if isinstance(period, dict) else None
    usual, others = _USUAL[resource_type]
    return resource.get(usual) if others.isdisjoint(resource) else None

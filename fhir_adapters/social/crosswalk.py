"""From codes to Gravity domains: what `domains.yaml`, or a site's own file of the same form, says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from fhir_adapters.gravity import DOMAINS
from fhir_adapters.yaml_reading import YamlReading
from rules.facts import Coding
from rules.source import MapNode, Node, TextNode, read_file
from rules.units import LOINC

BUILT_IN: Final = Path(__file__).with_name("domains.yaml")


class Aspect(StrEnum):
    """The four separate facts about a domain."""

    RISK = "risk"
    NEED = "need"
    DESIRE = "desire"
    CONSENT = "consent"


class State(StrEnum):
    """What one of them is. Only the first three are answers."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    NOT_ASKED = "not asked"
    STALE = "stale"


class Meaning(NamedTuple):
    """What the answers to a question, or a finding, say about a domain."""

    group: str
    domain: str
    aspect: Aspect
    positive: frozenset[str]
    negative: frozenset[str]
    at_least: float | None
    """A number from here on is positive, below it negative."""
    summary: bool


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Codes by what they say."""

    questions: Mapping[Coding, tuple[Meaning, ...]]
    findings: Mapping[Coding, tuple[tuple[str, State], ...]]
    """Code → the domains that it speaks of, and whether it says that there is a need or that there is none."""
    declined: frozenset[str]
    consent_about: frozenset[str]
    consent_positive: frozenset[str]


@lru_cache(maxsize=8)
def crosswalk(path: Path = BUILT_IN) -> Crosswalk:
    """What the file says. Raises `RuleError` with every place in it that cannot be understood."""
    return _Reader().crosswalk(read_file(path))


class _Reader(YamlReading):
    def crosswalk(self, file: MapNode) -> Crosswalk:
        top = self.mapping(file, file.span, ("questions", "findings", "declined", "consent"))
        consent = self.mapping(top.get("consent"), top.span, ("about", "positive"))
        questions = dict(self._questions(self.mapping(top.get("questions"), top.span)))
        findings: dict[Coding, tuple[tuple[str, State], ...]] = {}
        for coding, domain, state in self._findings(self.mapping(top.get("findings"), top.span)):
            findings[coding] = (*findings.get(coding, ()), (domain, state))
        declined, about, positive = map(self.words, (top.get("declined"), consent.get("about"), consent.get("positive")))
        self.settle()
        return Crosswalk(questions, findings, declined, about, positive)

    def _questions(self, groups: MapNode) -> Iterator[tuple[Coding, tuple[Meaning, ...]]]:
        for group, items in groups.entries:
            for code, domains in self.mapping(items, group.span).entries:
                parts = self.mapping(domains, code.span).entries
                yield Coding(LOINC, code.text), tuple(self._meaning(group.text, domain, said) for domain, said in parts)

    def _meaning(self, group: str, domain: TextNode, node: Node) -> Meaning:
        said = self.mapping(node, domain.span, ("aspect", "summary", "positive", "negative", "at-least"))
        return Meaning(
            group,
            self._domain(domain),
            Aspect(self.one_of(said.get("aspect"), (Aspect.RISK, Aspect.DESIRE), Aspect.RISK)),
            self.words(said.get("positive")),
            self.words(said.get("negative")),
            self.number(said.get("at-least")),
            self.one_of(said.get("summary"), ("yes", "no"), "no") == "yes",
        )

    def _findings(self, systems: MapNode) -> Iterator[tuple[Coding, str, State]]:
        for system, domains in systems.entries:
            for domain, node in self.mapping(domains, system.span).entries:
                said = self.mapping(node, domain.span, ("positive", "negative"))
                for state in (State.POSITIVE, State.NEGATIVE):
                    for code in sorted(self.words(said.get(state))):
                        yield Coding(system.text, code), self._domain(domain), state

    def _domain(self, name: TextNode) -> str:
        return self.one_of(name, DOMAINS, name.text)

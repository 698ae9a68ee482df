"""What a sweep found, as FHIR resources. They are proposals: nobody has looked at them, and nothing here sends them anywhere.

==================  ====================================================================================
Flag                a *yes*, for whoever opens the chart; its details are the evidence
DetectedIssue       the same *yes* for who works on it, preliminary, with the evidence fact by fact
Task                what to do about it: a draft, a proposal
GuidanceResponse    an *unknown*: more data are required, and which facts they would decide
Group               everybody of whom a rule says yes
Measure             what is counted of a rule
MeasureReport       how many it says yes, no and unknown of; small numbers are masked
==================  ====================================================================================

All name the rule, as the action of the pack's PlanDefinition that `almoner export fhir` writes, and its version. Ids follow from what a
resource is about, so that tomorrow's Flag of the same person and rule is the same Flag.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]

PERSONAL: Final = ("Flag", "DetectedIssue", "Task", "GuidanceResponse")
OF_RULES: Final = ("Group", "Measure", "MeasureReport")

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:almoner:sweep")
_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_DETAIL: Final = "http://hl7.org/fhir/StructureDefinition/flag-detail"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{0,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_REASONS: Final = ("Condition/", "Observation/", "DiagnosticReport/", "DocumentReference/")
"""What may be the reason of a GuidanceResponse."""
_SEVERITY: Final = {"routine": "low", "urgent": "moderate", "stat": "high"}
_POPULATIONS: Final = {"people": "initial-population", "yes": "numerator"}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule, as resources name it."""

    id: str
    title: str
    why: str
    priority: str
    """FHIR RequestPriority."""
    restricted: bool
    pack: str
    version: str


@dataclass(frozen=True, slots=True)
class Stratum:
    """One row of the counts of a rule."""

    words: Mapping[str, str]
    """What people are divided by → the group; empty: everybody."""
    shown: Mapping[str, str]
    """``people``, ``yes``, ``no`` and ``unknown`` → a number, or what stands for one that is withheld."""


@dataclass(frozen=True, slots=True)
class FindingResources:
    """Makes the resources of a sweep as of a day."""

    base: str
    """Start of every canonical URL."""
    source: str
    """Where the people come from: the same id elsewhere is somebody else."""
    as_of: str

    # ------------------------------------------------------------ one person, one rule

    def of_finding(self, rule: Ruling, finding: Mapping[str, Any]) -> Iterator[Json]:
        """The resources of a line of the findings (`rules.findings.to_json`)."""
        if finding["status"] == "unknown":
            yield self._unknown(rule, finding)
            return
        yield self._flag(rule, finding)
        yield self._issue(rule, finding)
        yield self._task(rule, finding)

    def _flag(self, rule: Ruling, finding: Mapping[str, Any]) -> Json:
        details = [{"url": _DETAIL, "valueReference": {"reference": each}} for each in _references(finding)]
        return self._about("Flag", rule, finding["patient"]) | {
            **({"extension": details} if details else {}),
            "status": "active",
            "code": self._code(rule),
            "subject": _patient(finding),
            "period": {"start": self.as_of},
        }

    def _issue(self, rule: Ruling, finding: Mapping[str, Any]) -> Json:
        evidence = [
            {"code": [{"text": fact}], "detail": [{"reference": each} for each in references]}
            for fact, references in _by_fact(finding).items()
        ]
        return self._about("DetectedIssue", rule, finding["patient"]) | {
            "status": "preliminary",
            "code": self._code(rule),
            "severity": _SEVERITY[rule.priority],
            "patient": _patient(finding),
            "identifiedDateTime": self.as_of,
            **({"evidence": evidence} if evidence else {}),
            "detail": rule.why,
            "reference": self.canonical(rule),
        }

    def _task(self, rule: Ruling, finding: Mapping[str, Any]) -> Json:
        issue = {"reference": f"DetectedIssue/{self._id('DetectedIssue', rule, finding['patient'])}"}
        inputs = [{"type": {"text": fact}, "valueReference": {"reference": r}} for fact, found in _by_fact(finding).items() for r in found]
        return self._about("Task", rule, finding["patient"]) | {
            "instantiatesUri": self.canonical(rule),
            "status": "draft",
            "intent": "proposal",
            "priority": rule.priority,
            "code": self._code(rule),
            "description": rule.title,
            "focus": issue,
            "for": _patient(finding),
            "authoredOn": self.as_of,
            "reasonReference": issue,
            **({"input": inputs} if inputs else {}),
        }

    def _unknown(self, rule: Ruling, finding: Mapping[str, Any]) -> Json:
        missing = [name for name, value in finding["facts"].items() if value is None]
        reasons = [{"reference": each} for each in _references(finding) if each.startswith(_REASONS)]
        return self._about("GuidanceResponse", rule, finding["patient"]) | {
            "moduleCanonical": self.canonical(rule),
            "status": "data-required",
            "subject": _patient(finding),
            "occurrenceDateTime": self.as_of,
            "reasonCode": [self._code(rule)],
            **({"reasonReference": reasons} if reasons else {}),
            "note": [{"text": f"cannot be told: {', '.join(missing)}" if missing else "cannot be told"}],
        }

    # ------------------------------------------------------------ one rule

    def group_head(self, rule: Ruling, people: int) -> Json:
        """A Group but for its members, of which there are so many; see `member`."""
        return self._about("Group", rule) | {
            "active": True,
            "type": "person",
            "actual": True,
            "code": self._code(rule),
            "name": rule.title,
            "quantity": people,
        }

    def measure(self, rule: Ruling) -> Json:
        """What the reports are reports of."""
        return self._about("Measure", rule) | {
            "url": self._measure(rule).partition("|")[0],
            "version": rule.version,
            "title": rule.title,
            "status": "active",
            "relatedArtifact": [{"type": "derived-from", "resource": self.canonical(rule)}],
        }

    def report(self, rule: Ruling, strata: Sequence[Stratum]) -> Json:
        """The last stratum is that of everybody; if there is but one, nobody is divided."""
        *parts, whole = strata
        stratifier = {"code": [{"text": ", ".join(parts[0].words)}], "stratum": [self._stratum(part) for part in parts]} if parts else None
        return self._about("MeasureReport", rule) | {
            "status": "complete",
            "type": "summary",
            "measure": self._measure(rule),
            "date": self.as_of,
            "period": {"start": self.as_of, "end": self.as_of},
            "group": [
                {"code": self._code(rule), "population": _populations(whole), **({"stratifier": [stratifier]} if stratifier else {})}
            ],
        }

    def _stratum(self, part: Stratum) -> Json:
        components = [{"code": {"text": name}, "value": {"text": word}} for name, word in part.words.items()]
        return {"component": components, "population": _populations(part)}

    # ------------------------------------------------------------ names

    def canonical(self, rule: Ruling) -> str:
        """The rule in its version."""
        return f"{self.base}/PlanDefinition/{rule.pack}|{rule.version}#{rule.id}"

    def _measure(self, rule: Ruling) -> str:
        return f"{self.base}/Measure/{self._id('Measure', rule)}|{rule.version}"

    def _code(self, rule: Ruling) -> Json:
        system = f"{self.base}/CodeSystem/{rule.pack}-rules"
        return {"coding": [{"system": system, "version": rule.version, "code": rule.id, "display": rule.title}], "text": rule.title}

    def _about(self, type: str, rule: Ruling, patient: str = "") -> Json:
        found: Json = {"resourceType": type, "id": self._id(type, rule, patient)}
        if rule.restricted:
            found["meta"] = {"security": [{"system": f"{_TERMINOLOGY}/v3-Confidentiality", "code": "R", "display": "restricted"}]}
        return found | {"identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{found['id']}"}]}

    def _id(self, type: str, rule: Ruling, patient: str = "") -> str:
        """A rule that means something else, whose major number changed, says something else. A report is of its day."""
        day = self.as_of if type == "MeasureReport" else ""
        about = [self.base, self.source, type, rule.pack, rule.id, rule.version.partition(".")[0], patient, day]
        return str(uuid5(_NAMESPACE, json.dumps(about)))


def member(patient: str) -> Json:
    """Of a Group."""
    return {"entity": {"reference": f"Patient/{patient}"}}


def _patient(finding: Mapping[str, Any]) -> Json:
    return {"reference": f"Patient/{finding['patient']}"}


def _by_fact(finding: Mapping[str, Any]) -> dict[str, list[str]]:
    """Fact → the resources that decided it. What cannot be referred to is left to the findings."""
    found: dict[str, list[str]] = {}
    for each in finding["evidence"]:
        if _REFERENCE.fullmatch(each["resource"]) and each["resource"] not in found.setdefault(each["fact"], []):
            found[each["fact"]].append(each["resource"])
    return {fact: references for fact, references in found.items() if references}


def _references(finding: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys(reference for references in _by_fact(finding).values() for reference in references)


def _populations(stratum: Stratum) -> list[Json]:
    return [_population(name, stratum.shown[name]) for name in ("people", "yes", "no", "unknown")]


def _population(name: str, shown: str) -> Json:
    code: Json = {"text": name}
    if name in _POPULATIONS:
        code = {"coding": [{"system": f"{_TERMINOLOGY}/measure-population", "code": _POPULATIONS[name]}], "text": name}
    number = shown.replace(",", "")
    count: Json = {"count": int(number)} if number.isdecimal() else {"_count": {"extension": [{"url": _ABSENT, "valueCode": "masked"}]}}
    return {"code": code, **count}

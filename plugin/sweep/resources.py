"""What a sweep found as FHIR resources, a file of lines for each type: one pass over people and findings, both sorted by person."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

import orjson

from fhir_adapters.export.findings import OF_RULES, PERSONAL, FindingResources, Ruling, Stratum, member
from plugin.knowledge import PRIORITIES
from plugin.sweep.differences import findings_in
from rules.facts import Person
from rules.impact import EVERYBODY, PEOPLE, group, in_order
from rules.pack import Pack
from rules.suppression import Cell, counts_of, suppressed

__all__ = ["TYPES", "FindingResources", "write_resources"]

TYPES: Final = (*PERSONAL, *OF_RULES)
_BY: Final = ("sex", "age band")
_ANSWERS: Final = ("yes", "no", "unknown")
_MEMBERS: Final = b',"member":['


def write_resources(out: Path, findings: Path, packs: Sequence[Pack], people: Iterable[Person], words: FindingResources) -> dict[str, int]:
    """Write ``Flag.ndjson`` and so on into ``out``; of each type how many. Only of rules whose findings people see on that day.

    ``findings``: the file of them, sorted by person; ``people``: everybody, sorted by id.
    """
    rulings = {ruling.id: ruling for ruling in _rulings(packs, date.fromisoformat(words.as_of))}
    counts = _Counts(date.fromisoformat(words.as_of))
    with ExitStack() as opened:
        files = {type: opened.enter_context((out / f"{type}.ndjson").open("wb")) for type in TYPES}
        members = {rule: opened.enter_context((out / f".members-{number}").open("w+b")) for number, rule in enumerate(rulings)}
        written = Counter(dict.fromkeys(TYPES, 0))
        for person, told in _together(people, findings_in(findings)):
            counts.add(person, told)
            for finding in told:
                if finding["rule"] not in rulings:
                    continue
                for resource in words.of_finding(rulings[finding["rule"]], finding):
                    written[resource["resourceType"]] += _line(files[resource["resourceType"]], resource)
                if finding["status"] == "yes":
                    members[finding["rule"]].write(orjson.dumps(member(finding["patient"])) + b",")
        for rule, ruling in rulings.items():
            _write_group(files["Group"], words.group_head(ruling, counts.flagged(rule)), members[rule])
            _line(files["Measure"], words.measure(ruling))
            _line(files["MeasureReport"], words.report(ruling, counts.strata(rule)))
    for number in range(len(rulings)):
        (out / f".members-{number}").unlink()
    return dict(written) | dict.fromkeys(OF_RULES, len(rulings))


def _rulings(packs: Iterable[Pack], as_of: date) -> Iterator[Ruling]:
    found = {rule.id.text: (rule, pack.document) for pack in packs for rule in pack.document.rules if rule.is_shown(as_of)}
    for name, (rule, pack) in sorted(found.items()):
        yield Ruling(name, rule.title, rule.why, PRIORITIES[rule.card.indicator], rule.restricted, pack.id, pack.version)


def _line(file: IO[bytes], resource: Mapping[str, Any]) -> int:
    file.write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
    return 1


def _write_group(file: IO[bytes], head: Mapping[str, Any], members: IO[bytes]) -> None:
    """A Group may have a million members: they never are in memory together."""
    length = members.tell()
    file.write(orjson.dumps(head)[:-1])
    if length:
        members.truncate(length - 1)
        members.seek(0)
        file.write(_MEMBERS)
        shutil.copyfileobj(members, file)
        file.write(b"]")
    file.write(b"}\n")


def _together(people: Iterable[Person], findings: Iterator[dict[str, Any]]) -> Iterator[tuple[Person, list[dict[str, Any]]]]:
    """Everybody with what was found about them."""
    told = groupby(findings, key=lambda finding: finding["patient"])
    next_one = next(told, None)
    for person in people:
        mine: list[dict[str, Any]] = []
        if next_one is not None and next_one[0] == person.id:
            mine = list(next_one[1])
            next_one = next(told, None)
        yield person, mine
    assert next_one is None, "a finding is about nobody"  # noqa: S101 both come from one snapshot


class _Counts:
    """Of each rule how many people of each stratum it says what about."""

    def __init__(self, as_of: date) -> None:
        self._as_of = as_of
        self._people: Counter[str] = Counter()
        self._told: Counter[tuple[str, str, str]] = Counter()

    def add(self, person: Person, told: Iterable[Mapping[str, Any]]) -> None:
        stratum = group(person, self._as_of, _BY)
        self._people[stratum] += 1
        self._told.update((finding["rule"], stratum, finding["status"]) for finding in told)

    def flagged(self, rule: str) -> int:
        return sum(self._told[rule, stratum, "yes"] for stratum in self._people)

    def strata(self, rule: str) -> list[Stratum]:
        """As they may be shown, everybody last."""
        names = sorted(self._people, key=in_order) or [EVERYBODY]
        cells = {Cell(name, status): self._told[rule, name, status] for name in names for status in ("yes", "unknown")}
        cells |= {Cell(name, "no"): self._people[name] - cells[Cell(name, "yes")] - cells[Cell(name, "unknown")] for name in names}
        counts = counts_of(names, _ANSWERS, cells, total=EVERYBODY, together=PEOPLE)
        shown = suppressed(counts)
        return [
            Stratum(
                {} if row == counts.rows[-1] else dict(zip(_BY, row.split(", "), strict=True)),
                {column: shown[Cell(row, column)] for column in counts.columns},
            )
            for row in counts.rows
        ]

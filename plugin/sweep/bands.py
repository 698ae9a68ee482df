"""Does a rule say yes, or unknown, of as many people as it did? A gate, before anybody sees the list.

How many it says yes of is judged as `plugin.cds.policy.monitor` judges cards: people are the exposure, days of sweeps the baseline. Of how
many it cannot tell is compared with the last sweep: a rule that suddenly knows nothing lost what it reads. Only sweeps of the same source
and of the same meaning of the rule are compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from plugin.cds.policy.monitor import BASELINE, GUARD, Count, judged
from plugin.sweep.errors import SweepRefused
from plugin.sweep.runs import Run
from rules.told import Told

Action = Literal["ignore", "warn", "stop"]
_FEWEST: Final = 20
"""So few people more are no sign of anything."""
_UNUSUAL: Final = {
    "more": Told("%(rule)s: yes of %(found)s people in %(days)s day(s), more than usual (%(usual)s in %(days)s day(s))"),
    "less": Told("%(rule)s: yes of %(found)s people in %(days)s day(s), less than usual (%(usual)s in %(days)s day(s))"),
}


@dataclass(frozen=True, slots=True)
class Bands:
    """What is still usual, and what happens beyond it."""

    firing: Action = "warn"
    probability: float = 1e-5
    """Numbers of people that are less likely are outside the band."""
    unknown: Action = "stop"
    rise: float = 0.2
    """So much may the share of people of whom a rule cannot tell rise from one sweep to the next."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A sweep, as it is compared."""

    as_of: date
    people: int
    rules: Mapping[str, Mapping[str, int]]
    """Rule → yes and unknown → people."""
    meanings: Mapping[str, str]
    """Rule → its fingerprint."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A rule that is outside its band."""

    rule: str
    kind: Literal["yes", "unknown"]
    text: Told

    def to_json(self) -> dict[str, Any]:
        """For the manifest: in English, and how that was made, so that pages can say it in other languages."""
        made = {"template": self.text.template, "values": self.text.values}
        return {"rule": self.rule, "kind": self.kind, "text": str(self.text), "made": made}


def told(outside: Mapping[str, Any]) -> str:
    """The text of what a manifest keeps; of one from before it kept how it was made, the text alone."""
    if "made" not in outside:
        return str(outside["text"])
    template, values = outside["made"]["template"], outside["made"]["values"]
    return Told(template, **values)


def history(runs: Iterable[Run], source: str) -> list[Counted]:
    """The published sweeps of a source, the latest first."""
    told = (run.result for run in runs if run.status == "published")
    return [
        Counted(date.fromisoformat(said["as_of"]), said["people"], said["rules"], said["meanings"])
        for said in told
        if said.get("source") == source
    ]


def told_for_history(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the record of a run must say for `history`."""
    return {
        "as_of": manifest["as_of"],
        "source": manifest["source"],
        "rules": manifest["findings_by_rule"],
        "meanings": manifest["fingerprints"],
    }


def check_rules(now: Counted, before: Iterable[Counted], bands: Bands) -> list[Outside]:
    """What is outside the bands and does not stop the sweep. ``before``: the latest first.

    Raises:
        SweepRefused: with everything that does.
    """
    earlier = list(before)
    found = [*_firing(now, earlier, bands), *_unknown(now, earlier, bands)]
    grave = [each.text for each in found if (bands.firing if each.kind == "yes" else bands.unknown) == "stop"]
    if grave:
        advice = "if that is right, say --other-counts"
        raise SweepRefused("\n".join(["the sweep was not published, the previous one stands:", *grave, advice]))
    return found


def _firing(now: Counted, earlier: Iterable[Counted], bands: Bands) -> Iterator[Outside]:
    if bands.firing == "ignore":
        return
    first = now.as_of.toordinal() - BASELINE - GUARD
    for rule in sorted(now.rules):
        days: dict[date, Count] = {}
        for each in _alike(now, earlier, rule):
            if first <= each.as_of.toordinal() < now.as_of.toordinal():
                days.setdefault(each.as_of, Count(each.people, each.rules[rule]["yes"]))
        days[now.as_of] = Count(now.people, now.rules[rule]["yes"])
        for signal in judged(days, now.as_of, bands.probability)[:1]:
            counted = {"rule": rule, "found": int(signal.found), "days": signal.days, "usual": round(signal.expected)}
            yield Outside(rule, "yes", Told(_UNUSUAL[signal.kind], **counted))


def _unknown(now: Counted, earlier: Iterable[Counted], bands: Bands) -> Iterator[Outside]:
    if bands.unknown == "ignore" or not now.people:
        return
    for rule, counts in sorted(now.rules.items()):
        last = next(_alike(now, earlier, rule), None)
        if last is None or not last.people:
            continue
        share, before = counts["unknown"] / now.people, last.rules[rule]["unknown"] / last.people
        if share - before > bands.rise and counts["unknown"] - before * now.people > _FEWEST:
            shares = {"rule": rule, "share": f"{100 * share:.0f}", "before": f"{100 * before:.0f}"}
            text = Told("%(rule)s: unknown of %(share)s %% of the people, after %(before)s %% in the last sweep", **shares)
            yield Outside(rule, "unknown", text)


def _alike(now: Counted, earlier: Iterable[Counted], rule: str) -> Iterator[Counted]:
    return (each for each in earlier if rule in each.rules and each.meanings.get(rule) == now.meanings[rule])

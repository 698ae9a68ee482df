"""The account of what came in: kept beside the rows, so that the sums of a warehouse can be checked like those of a single read."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fhir_adapters.mapping import Outcome
from fhir_adapters.report import Part, Report

Account = Mapping[str, Any]
"""``lines``, ``entries``, and ``tally``: type → outcome → how many. Plain, for the manifest is JSON."""


def account_of(report: Report) -> Account:
    """Of one load."""
    tally: dict[str, dict[str, int]] = {}
    for part in report.parts:
        for (name, outcome), count in part.tally.items():
            counts = tally.setdefault(name, {})
            counts[outcome.value] = counts.get(outcome.value, 0) + count
    return {"lines": sum(p.lines for p in report.parts), "entries": sum(p.entries for p in report.parts), "tally": tally}


def added(old: Account, new: Account) -> Account:
    """Of all loads up to this one."""
    if not old:
        return new
    names = sorted({*old["tally"], *new["tally"]})
    counters = {name: Counter(old["tally"].get(name, {})) + Counter(new["tally"].get(name, {})) for name in names}
    return {key: old[key] + new[key] for key in ("lines", "entries")} | {"tally": {name: dict(c) for name, c in counters.items()}}


def part_of(account: Account) -> Part:
    """The account as a part of a report."""
    tally = Counter({(name, Outcome(outcome)): n for name, counts in account.get("tally", {}).items() for outcome, n in counts.items()})
    return Part("warehouse", account.get("lines", 0), account.get("entries", 0), tally)

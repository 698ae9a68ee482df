"""Published sweeps of our own making, for tests of what comes after them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.worklist import publish_sweep

from plugin.sweep.published import WorklistPerson

REFERS = "diabetes-food-insecurity"
"""A rule that comes with Almoner, and says what may help."""
RULES = {"phq9-no-follow-up": "act", "damp-home": "watch", "screening-overdue": "prevent", "unsafe-home": "act", REFERS: "act"}
PRIORITIES = {"phq9-no-follow-up": 90, "damp-home": 60, "screening-overdue": 30, "unsafe-home": 95, REFERS: 80}
RESTRICTED = frozenset({"unsafe-home"})


def person(id: str, findings: Mapping[str, str], **fields: Any) -> WorklistPerson:
    """Somebody with ``findings``: rule → yes or unknown."""
    usual: dict[str, Any] = {"name": f"Person {id}", "age": 40, "sex": "female", "language": "en", "interpreter": None, "phone": "555 0100"}
    return WorklistPerson(id=id, **(usual | fields), findings=tuple(finding(rule, status) for rule, status in findings.items()))


def finding(rule: str, status: str) -> dict[str, Any]:
    """A finding as a sweep publishes it."""
    return {
        "rule": rule,
        "title": rule.replace("-", " "),
        "level": RULES[rule],
        "priority": PRIORITIES[rule],
        "status": status,
        "restricted": rule in RESTRICTED,
        "next_flip": None,
        "reasons": [{"fact": "age", "asks": "age >= 12", "value": 40.0, "unit": None, "evidence": []}],
    }


def published(state: Path, sweep: str, people: Iterable[WorklistPerson], others: Iterable[str] = (), rules: Iterable[str] = RULES) -> Path:
    """The folder of a sweep of ``people`` and of ``others``, about whom nothing is to be said."""
    listed = list(people)
    publish_sweep(state, sweep, listed, {"findings_by_rule": {rule: {} for rule in rules}})
    folder = state / "sweeps" / sweep
    everybody = sorted({each.id for each in listed} | set(others))
    (folder / "people.ndjson").write_text("".join(json.dumps(id) + "\n" for id in everybody), encoding="utf-8")
    return folder

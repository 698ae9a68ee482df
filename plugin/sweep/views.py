"""The pages about sweeps: how each run went, what it changed, what it could not use. They read records and change nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request

from plugin.runtime import runtime
from plugin.sweep.bands import told
from plugin.sweep.published import MANIFEST, QUARANTINE
from plugin.sweep.runs import Run, Runs
from plugin.sweep.words import kinds, outcomes, statuses
from plugin.translations import gettext

Json = Mapping[str, Any]
blueprint: Final = Blueprint("sweeps", __name__, url_prefix="/sweeps")

_SWEEP: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_LISTED: Final = 60
_PAGE: Final = 100
_MAX_PAGE: Final = 10_000
_EARLIER: Final[Json] = {"flagged": 0, "unknown": 0, "compared_with": None, "source": "", "warehouse": None, "steps": []}
"""What manifests of earlier versions do not say."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list of runs."""

    run: Run
    kept: bool
    """Whether what it published is still there."""

    @property
    def seconds(self) -> float | None:
        """From its first start to its end; ``None`` while it has none."""
        if self.run.ended is None:
            return None
        return (datetime.fromisoformat(self.run.ended) - datetime.fromisoformat(self.run.started)).total_seconds()


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed about one rule."""

    rule: str
    title: str
    restricted: bool
    yes: int
    unknown: int
    kinds: Mapping[str, int]
    forecast: int


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:
    return make_response(render_template(template, **values), status)


@blueprint.get("")
def runs() -> Response:
    """Every run that is kept, the latest first."""
    state = runtime().settings.state
    current = runtime().published.current
    listed = [Listed(run, (state / "sweeps" / run.sweep / MANIFEST).is_file()) for run in Runs(state).latest(_LISTED)]
    return _page("sweeps.html", listed=listed, kinds=kinds(), statuses=statuses(), current=current.name if current else None)


@blueprint.get("/<sweep>")
def sweep(sweep: str) -> Response:
    """One published sweep."""
    found = _manifest(sweep)
    if found is None:
        return _unknown()
    hidden = set(found.get("restricted", ()))
    outside = [told(each) for each in found.get("outside", ()) if each["rule"] not in hidden]
    values = {"manifest": found, "changed": list(_changed(found)), "data": found.get("data", {}), "outside": outside}
    return _page("sweep.html", sweep=sweep, kinds=kinds(), outcomes=outcomes(), **values)


@blueprint.get("/<sweep>/quarantine")
def quarantine(sweep: str) -> Response:
    """What a sweep could not use, and why."""
    found = _manifest(sweep)
    if found is None:
        return _unknown()
    type, reason = request.args.get("type", ""), request.args.get("reason", "")
    number = min(max(request.args.get("page", 1, type=int), 1), _MAX_PAGE)
    wanted = (e for e in _entries(sweep) if type in ("", e["resource_type"]) and reason in ("", e["reason"]))
    entries = list(islice(wanted, (number - 1) * _PAGE, number * _PAGE + 1))
    counts = found.get("data", {}).get("quarantine", [])
    fitting = sum(row["count"] for row in counts if type in ("", row["type"]) and reason in ("", row["reason"]))
    return _page(
        "quarantine.html",
        **{"sweep": sweep, "manifest": found, "type": type, "reason": reason, "fitting": fitting, "number": number},
        types=sorted({row["type"] for row in counts}),
        reasons=sorted({row["reason"] for row in counts}),
        entries=entries[:_PAGE],
        more=len(entries) > _PAGE,
    )


def _unknown() -> Response:
    return _page(
        "problem.html", HTTPStatus.NOT_FOUND, title=gettext("No such sweep"), text=gettext("It was never published, or is no longer kept.")
    )


def _folder(sweep: str) -> Path:
    return runtime().settings.state / "sweeps" / sweep


def _manifest(sweep: str) -> Json | None:
    if not _SWEEP.fullmatch(sweep):
        return None
    try:
        found: Json = json.loads((_folder(sweep) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {**_EARLIER, **found}


def _entries(sweep: str) -> Iterator[Json]:
    try:
        with (_folder(sweep) / QUARANTINE).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except FileNotFoundError:
        return


def _changed(manifest: Json) -> Iterator[Changed]:
    """By rule, the most urgent first. What is restricted is named, but not counted on a page for all."""
    rules = {rule.id.text: rule for pack in runtime().packs for rule in pack.document.rules}
    names = sorted(manifest["findings_by_rule"], key=lambda name: (-rules[name].priority if name in rules else 0, name))
    for name in names:
        rule, counts = rules.get(name), manifest["findings_by_rule"][name]
        yield Changed(
            rule=name,
            title=rule.title if rule else name,
            restricted=rule is None or rule.restricted,
            yes=counts["yes"],
            unknown=counts["unknown"],
            kinds=manifest.get("differences", {}).get(name, {}),
            forecast=manifest.get("forecast", {}).get(name, 0),
        )

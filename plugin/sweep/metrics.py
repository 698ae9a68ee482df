"""What a sweep did, for Prometheus: as text for a textfile collector (``state/sweep.prom``), and as a part of ``/metrics``.

A batch job is gone when it could be asked. Labels are names of steps, rules, types and answers, and numbers are sums: nothing of anybody.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from plugin.sweep.durable import write_durably
from plugin.sweep.published import Published
from plugin.sweep.runs import Run, Runs

FILE: Final = "sweep.prom"


def sweep_text(state: Path) -> bytes:
    """The metrics of the published sweep, and how the last run ended; nothing before the first run."""
    registry = CollectorRegistry()
    registry.register(_Sweeps(Published(state).manifest(), next(Runs(state).latest(1), None)))
    return generate_latest(registry)


def write_metrics(state: Path) -> None:
    """Write them where a textfile collector finds them."""
    write_durably(state / FILE, sweep_text(state).decode())


class _Sweeps(Collector):
    def __init__(self, manifest: Mapping[str, Any] | None, last: Run | None) -> None:
        self._manifest, self._last = manifest, last

    def collect(self) -> Iterable[Metric]:
        if self._last:
            yield from _of_run(self._last)
        if self._manifest:
            yield from _of_sweep(self._manifest)


def _of_run(run: Run) -> Iterator[Metric]:
    yield _gauge("last_run_timestamp_seconds", "When the last run began.", _seconds(run.started))
    yield _gauge("last_run_failed", "1 if the last run ended without publishing.", run.status in ("refused", "failed", "stopped"))


def _of_sweep(manifest: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge("last_success_timestamp_seconds", "When the published sweep was published.", _seconds(manifest["published"]))
    yield _gauge("people", "People in the published sweep.", manifest["people"])
    yield _gauge("people_flagged", "People with something to act on.", manifest.get("flagged", 0))
    yield _gauge("people_unknown", "People of whom it cannot be told, and with nothing to act on.", manifest.get("unknown", 0))
    steps = {step["name"]: step["seconds"] for step in manifest.get("steps", ())}
    yield _by("step_seconds", "Seconds of each step.", ("step",), {(name,): seconds for name, seconds in steps.items()})
    hidden = set(manifest.get("restricted", ()))
    told = {rule: counts for rule, counts in manifest["findings_by_rule"].items() if rule not in hidden}
    findings = {(rule, status): count for rule, counts in told.items() for status, count in counts.items()}
    yield _by("findings", "Findings by rule and answer; not of restricted rules.", ("rule", "status"), findings)
    changes = {(rule, kind): n for rule, kinds in manifest.get("differences", {}).items() if rule in told for kind, n in kinds.items()}
    yield _by("changes", "Findings by rule that are new, still there, or gone since the sweep before.", ("rule", "change"), changes)
    types = manifest.get("data", {}).get("by_type", {})
    yield _by("quarantined", "Resources that could not be used.", ("type",), {(name,): row["quarantined"] for name, row in types.items()})
    outside = {(each["rule"], each["kind"]): 1 for each in manifest.get("outside", ()) if each["rule"] not in hidden}
    yield _by(
        "outside_band",
        "1: yes or unknown of more, or fewer, people than is usual; not of restricted rules.",
        ("rule", "status"),
        outside,
    )


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"almoner_sweep_{name}", help, value=float(value))


def _by(name: str, help: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    """``values``: a value of each label → the number."""
    found = GaugeMetricFamily(f"almoner_sweep_{name}", help, labels=labels)
    for key, value in values.items():
        found.add_metric(key, float(value))
    return found


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

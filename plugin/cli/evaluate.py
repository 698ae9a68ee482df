"""``almoner evaluate``: rules over a source, into a file of findings."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from fhir_adapters import Dataset
from fhir_adapters.report import render
from plugin.cli import options
from plugin.cli.output import write_lines
from rules.engines import engine
from rules.evaluation import EVERY_STATUS, YES, evaluate
from rules.facts import HOUSEHOLD
from rules.findings import to_json
from rules.pack import load_packs


@click.command(name="evaluate")
@options.packs
@options.source
@options.as_of
@options.engine("reference")
@click.option("--facts", "with_facts", is_flag=True, help="Write every fact that the rule reads, not only those that decided.")
@click.option("--all", "everything", is_flag=True, help="Write every answer, not only yes.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File to write, one JSON object a line; - for standard output.",
)
@click.option("--quarantine", type=click.Path(dir_okay=False, path_type=Path), help="File to write what could not be used, and why.")
def command(
    packs: Path,
    source: str,
    loaded: str,
    as_of: date,
    engine_name: str,
    with_facts: bool,
    everything: bool,
    out: str,
    quarantine: Path | None,
) -> None:
    """Evaluate rules over everybody in a folder or on a FHIR server.

    Writes one line for each person and rule: patient, rule, status (yes, no, unknown), facts, evidence and next_flip, sorted by
    patient and rule, so that two engines' files can be compared byte for byte.
    """
    chosen = engine(engine_name)
    loaded_packs = load_packs(packs)
    data = options.read_source(source, loaded, loaded_packs)
    found = evaluate(loaded_packs, data.records, as_of, chosen, statuses=EVERY_STATUS if everything else YES)
    chosen.close()
    lines = (to_json(e.finding if with_facts else e.deciding) for e in found)
    _write(out, lines)
    if quarantine:
        _write(str(quarantine), (json.dumps(asdict(entry)) for entry in data.report.quarantine.entries))
    wanted = {table for pack in loaded_packs for series in pack.program.series() for table in series.tables}
    _account(data, wanted, len(found), out)


def _write(out: str, lines: Iterable[str]) -> None:
    if out == "-":
        sys.stdout.writelines(line + "\n" for line in lines)
    else:
        write_lines(Path(out), lines)


def _account(data: Dataset, wanted: set[str], findings: int, out: str) -> None:
    """What was read and what became of it, on standard error. ``wanted`` are the tables that the rules read."""
    report = data.report
    lines = [*render(report), f"{report.people:,} people, {report.events:,} events"]
    missing = {table: reason for table, reason in report.not_loaded.items() if table in (*wanted, HOUSEHOLD)}
    lines += [f"not loaded: {table} ({reason}); what rules ask of it is unknown" for table, reason in missing.items()]
    lines += [f"quarantined: {count:,} x {kind or '(unreadable)'}: {reason}" for (kind, reason), count in report.quarantine.counts.items()]
    lines += [*report.notes, f"{findings:,} finding{'' if findings == 1 else 's'} -> {out}"]
    click.echo("\n".join(lines), err=True)

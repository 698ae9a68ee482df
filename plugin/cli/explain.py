"""``almoner explain``: why a rule answers as it does for one person."""

from datetime import date
from pathlib import Path

import click

from fhir_adapters.errors import SourceUnreadable
from plugin.cli import options
from rules.engines import engine
from rules.evaluation import EVERY_STATUS, Explained, evaluate
from rules.example_runs import shown
from rules.pack import load_packs

_VERBS = {"yes": "because", "no": "because of", "unknown": "because it is not known whether"}


@click.command(name="explain")
@click.argument("rule")
@click.option("--patient", required=True, help="The id of the Patient resource.")
@options.packs
@options.source
@options.as_of
def command(rule: str, patient: str, packs: Path, source: str, loaded: str, as_of: date) -> None:
    """Say why RULE answers as it does for one patient: what decided, what the record says, and where."""
    loaded_packs = load_packs(packs)
    if not any(rule in pack.program.rules for pack in loaded_packs):
        known = ", ".join(r for pack in loaded_packs for r in pack.program.rules)
        raise click.UsageError(f"there is no rule called '{rule}'; there are: {known}")
    records = options.read_source(source, loaded).records
    if not any(r.person.id == patient for r in records):
        raise SourceUnreadable(f"the source has no Patient with the id that was asked for, among {len(records):,}")
    found = evaluate(loaded_packs, [r for r in records if r.person.id == patient], as_of, engine("reference"), statuses=EVERY_STATUS)
    (explained,) = [e for e in found if e.finding.rule == rule]
    _tell(explained, as_of)


def _tell(explained: Explained, as_of: date) -> None:
    finding = explained.finding
    click.echo(f"{finding.rule}: {finding.status} as of {as_of}, {_VERBS[finding.status]}")
    for reason in explained.reasons:
        click.echo(f"  {reason.asks}   [{shown(reason.value)}]")
        for item in reason.evidence:
            said = " ".join(str(part) for part in (item.value, item.unit) if part is not None)
            click.echo(f"      {item.date or 'undated':<12} {said:<16} {item.resource}")
        if not reason.evidence:
            click.echo("      nothing on record")
    flip = finding.next_flip
    click.echo(f"If nothing new is recorded, the answer changes on {flip}." if flip else "If nothing new is recorded, the answer stays.")

"""``almoner explain``: why a rule answers as it does for one person."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from fhir_adapters.errors import SourceUnreadable
from plugin.cli import options
from rules import days
from rules.engines import engine
from rules.episodes import memberships
from rules.evaluation import EVERY_STATUS, Explained, evaluate
from rules.example_runs import shown
from rules.explain import Reason
from rules.facts import PersonRecord
from rules.measure_reasons import reasons
from rules.measures import Measure
from rules.pack import load_packs

_VERBS = {"yes": "because", "no": "because of", "unknown": "because it is not known whether"}


@click.command(name="explain")
@click.argument("rule")
@click.option("--patient", required=True, help="The id of the Patient resource.")
@options.packs
@options.source
@options.as_of
def command(rule: str, patient: str, packs: Path, source: str, loaded: str, as_of: date) -> None:
    """Say why RULE (a rule or a measure) answers as it does for one patient: what decided, what the record says, and where."""
    loaded_packs = load_packs(packs)
    measures = {measure.id: measure for pack in loaded_packs for measure in pack.measures}
    rules = [r for pack in loaded_packs for r in pack.program.rules]
    if rule not in measures and rule not in rules:
        raise click.UsageError(f"there is no rule or measure called '{rule}'; there are: {', '.join([*rules, *measures])}")
    everybody = options.read_source(source, loaded, loaded_packs).records
    records = [r for r in everybody if r.person.id == patient]
    if not records:
        raise SourceUnreadable(f"the source has no Patient with the id that was asked for, among {len(everybody):,}")
    if rule in measures:
        _tell_measure(measures[rule], records, as_of)
        return
    found = evaluate(loaded_packs, records, as_of, engine("reference"), statuses=EVERY_STATUS)
    (explained,) = [e for e in found if e.finding.rule == rule]
    _tell(explained, as_of)


def _tell_measure(measure: Measure, records: Sequence[PersonRecord], as_of: date) -> None:
    found = list(memberships(measure, records, as_of, engine("reference")))
    if not found:
        click.echo(f"{measure.id}: no episodes as of {as_of}")
    for member in found:
        event = member.counted.episode
        which = f" {event.source} of {days.shown(event.start) or 'an unknown day'}" if event else " an episode that could not be read"
        for group in measure.groups:
            outcome = member.outcomes[group.name]
            click.echo(f"{measure.id}, {group.name}: {outcome}{which if measure.each else ''} as of {as_of}, because of")
            _tell_reasons(reasons(measure, group, member, as_of))


def _tell_reasons(told: Sequence[Reason]) -> None:
    for reason in told:
        click.echo(f"  {reason.asks}   [{shown(reason.value)}]")
        for item in reason.evidence:
            said = " ".join(str(part) for part in (item.value, item.unit) if part is not None)
            click.echo(f"      {item.date or 'undated':<12} {said:<16} {item.resource}")
        if not reason.evidence:
            click.echo("      nothing on record")


def _tell(explained: Explained, as_of: date) -> None:
    finding = explained.finding
    click.echo(f"{finding.rule}: {finding.status} as of {as_of}, {_VERBS[finding.status]}")
    _tell_reasons(explained.reasons)
    flip = finding.next_flip
    click.echo(f"If nothing new is recorded, the answer changes on {flip}." if flip else "If nothing new is recorded, the answer stays.")

"""``almoner cds replay``: the question behind a card of the ledger, asked again."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from fhir_adapters.errors import SourceUnreadable
from plugin.cds.ledger import RecordedCard
from plugin.cli import options
from rules.engines import engine
from rules.errors import ExitCode
from rules.evaluation import EVERY_STATUS, Explained, evaluate
from rules.facts import PersonRecord
from rules.fingerprint import fingerprint
from rules.pack import Pack, load_packs


@click.command(name="replay")
@click.argument("card")
@options.source
@click.option("--packs", type=click.Path(path_type=Path), help="The packs, if not those of the settings.")
@options.config
@click.pass_context
def command(context: click.Context, card: str, source: str, loaded: str, packs: Path | None, config: Path | None) -> None:
    """Ask the rule of CARD again as of its day, with what SOURCE says now. Is the answer the same, and if not, what differs?

    CARD is the uuid of a card in the ledger. Exits with 1 if the answer is not yes any more, or the rule is gone.
    """
    from plugin.cds.ledger.opening import open_ledger

    chosen = options.settings(config)
    ledger = open_ledger(chosen)
    with closing(ledger.store):
        found = ledger.card(card)
    if found is None:
        raise click.UsageError("the ledger has no card of that id, or has forgotten it")
    click.echo(f"{found.rule}: {found.state} on {found.at:%Y-%m-%d %H:%M} UTC to {found.client} ({found.hook}), as of {found.as_of}")
    pack = next((each for each in load_packs(packs or chosen.packs) if found.rule in each.program.rules), None)
    if pack is None:
        click.echo("the packs have no such rule any more: nothing can be asked")
        context.exit(ExitCode.ANSWER_IS_NO)
    click.echo(_rule_line(found, pack))
    again, record = _asked_again(found, pack, source, loaded)
    same = again.finding.status == "yes"
    click.echo(f"the answer {'is the same' if same else 'differs'}: yes then, {again.finding.status} now")
    for line in _data_lines(found, again, record):
        click.echo(f"  {line}")
    if not same:
        context.exit(ExitCode.ANSWER_IS_NO)


def _rule_line(card: RecordedCard, pack: Pack) -> str:
    versions = f"{card.pack} {card.version} then, {pack.document.id} {pack.document.version} now"
    if fingerprint(pack.program, card.rule) == card.fingerprint:
        return f"the rule means the same ({versions})"
    return f"the rule means something else now ({versions})"


def _asked_again(card: RecordedCard, pack: Pack, source: str, loaded: str) -> tuple[Explained, PersonRecord]:
    records = [record for record in _records(card, pack, source, loaded) if record.person.id == card.patient]
    if not records:
        raise SourceUnreadable("the source has no Patient with the id that the card was about")
    found = evaluate([pack], records, card.as_of, engine("reference"), statuses=EVERY_STATUS)
    return next(each for each in found if each.finding.rule == card.rule), records[0]


def _records(card: RecordedCard, pack: Pack, source: str, loaded: str) -> Sequence[PersonRecord]:
    """Of an open server only the one patient is read."""
    if source.startswith(("http://", "https://")):
        from fhir_adapters import read_patients

        return read_patients(source, patient_ids=[card.patient]).records
    return options.read_source(source, loaded, [pack]).records


def _data_lines(card: RecordedCard, again: Explained, record: PersonRecord) -> Iterator[str]:
    """What decided then and now. The order of lines is that of the ledger."""
    now = dict.fromkeys((each.resource, each.date) for each in again.finding.evidence)
    resources = {resource: day for resource, day in now}
    for resource, day in card.evidence:
        if (resource, day) in now:
            yield f"as then     {resource} of {day or 'an unknown day'}"
        elif resource in resources:
            yield f"other day   {resource} of {resources[resource] or 'an unknown day'}, {day or 'an unknown day'} then"
        else:
            yield f"only then   {resource} of {day or 'an unknown day'}"
    known = {resource for resource, _ in card.evidence}
    yield from (f"only now    {resource} of {day or 'an unknown day'}" for resource, day in now if resource not in known)
    then, missing = set(card.not_loaded), set(record.not_loaded)
    yield from (f"not loaded then, loaded now: {table}" for table in sorted(then - missing))
    yield from (f"loaded then, not loaded now: {table}" for table in sorted(missing - then))

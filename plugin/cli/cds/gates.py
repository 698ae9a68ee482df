"""``almoner cds gates``, ``review`` and ``reviews``: where each rule stands on its way to clinicians, and what its cards are worth."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli import options
from rules.errors import ExitCode

if TYPE_CHECKING:
    from plugin.cds.policy.gates import Need, Standing
    from plugin.cds.policy.reviews import Verdict


@click.command(name="gates")
@click.argument("rule", required=False)
@options.config
@click.pass_context
def gates(context: click.Context, rule: str | None, config: Path | None) -> None:
    """Say where RULE (or every rule in use or silent) stands, since when, and what it needs to go on.

    Exits with 1 if a rule stands where it should not be: a gate behind it was never met for what the rule means now, and the settings do
    not say why that is right (cds.rollouts.RULE.waived).
    """
    from plugin.cds.ledger.opening import open_ledger
    from plugin.cds.policy.gates import standings
    from rules.pack import load_packs

    chosen, now = options.settings(config), datetime.now(UTC)
    packs = load_packs(chosen.packs)
    ledger = open_ledger(chosen)
    with closing(ledger.store) as store:
        found = standings(store, packs, chosen.cds, now, rule)
    if not found:
        raise click.UsageError(f"no rule called '{rule}' is in use or silent" if rule else "no rule is in use or silent")
    for standing in found:
        for line in _lines(standing):
            click.echo(line)
    wrong = [standing.rule for standing in found if standing.unmet]
    click.echo(f"{len(found)} rules, {len(wrong)} where a gate was never met")
    if wrong:
        context.exit(ExitCode.ANSWER_IS_NO)


def _lines(standing: "Standing") -> Iterator[str]:
    since = f"since {standing.since:%Y-%m-%d}" if standing.since else "which no service has run with"
    yield f"{standing.rule}: {standing.status} {since}"
    for left, needs in standing.behind:
        met = all(need.met for need in needs)
        yield f"  came out of {left}: {'its gate was met' if met else 'its gate was NEVER MET'}"
        yield from () if met else _told(needs)
    if standing.behind and standing.waived:
        yield f"  waived: {standing.waived}"
    if standing.next:
        yield f"  to become {standing.next}: {'every need is met' if all(need.met for need in standing.needs) else 'not yet'}"
        yield from _told(standing.needs)
    if standing.doubts:
        yield f"  to look into: users say of {standing.doubts} cards that they do not apply; see almoner cds reviews {standing.rule}"


def _told(needs: Iterable["Need"]) -> Iterator[str]:
    yield from (f"    {'met    ' if need.met else 'not met'} {need.text}" for need in needs)


@click.command(name="review")
@click.argument("card")
@click.argument("verdict", type=click.Choice(["correct", "wrong"]))
@options.config
def review(card: str, verdict: "Verdict", config: Path | None) -> None:
    """Note what the chart says of CARD, the uuid of a card in the ledger: was it right about that person on that day?

    The last word counts.
    """
    from plugin.cds.ledger.opening import open_ledger
    from plugin.cds.policy.reviews import record

    ledger = open_ledger(options.settings(config))
    with closing(ledger.store) as store:
        rule = record(store, card, verdict, datetime.now(UTC))
    if rule is None:
        raise click.UsageError("the ledger has no card of that id that was sent or silent, or has forgotten it")
    click.echo(f"{rule}: noted as {verdict}")


@click.command(name="reviews")
@click.argument("rule", required=False)
@click.option("--count", default=30, show_default=True, type=click.IntRange(0, 1000), help="Draw so many cards of each rule.")
@options.config
def reviews(rule: str | None, count: int, config: Path | None) -> None:
    """List cards of RULE (or of every rule in use or silent) to judge from the chart.

    First those of which a user said that they do not apply, then some that are drawn. It names patients by their ids: it is for staff.
    """
    from plugin.cds.ledger import CardEntries
    from plugin.cds.ledger.opening import open_ledger
    from plugin.cds.policy.reviews import to_review
    from rules.pack import load_packs

    chosen = options.settings(config)
    packs = load_packs(chosen.packs)
    entries = CardEntries(packs)
    names = [each.id.text for pack in packs for each in pack.document.rules if each.is_watched and rule in (None, each.id.text)]
    if not names:
        raise click.UsageError(f"no rule called '{rule}' is in use or silent" if rule else "no rule is in use or silent")
    ledger = open_ledger(chosen)
    with closing(ledger.store) as store:
        found = [each for name in names for each in to_review(store, name, entries.fingerprint(name), count)]
    for each in found:
        click.echo(f"{each.card}  {each.rule}  {each.client}  Patient/{each.patient}  as of {each.as_of}  {each.doubt or 'drawn'}")
    click.echo(f"{len(found)} cards to judge: almoner cds review CARD correct|wrong", err=True)

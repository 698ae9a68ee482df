"""``almoner forecast``: what the coming weeks will ask for."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from plugin.cli import options
from rules.demand import RuleDemand, demand
from rules.engines import engine
from rules.pack import load_packs


@click.command(name="forecast")
@options.packs
@options.source
@options.as_of
@options.engine("columnar")
@click.option("--weeks", type=click.IntRange(1, 104), default=8, show_default=True, help="How many weeks ahead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(packs: Path, source: str, loaded: str, as_of: date, engine_name: str, weeks: int, as_json: bool) -> None:
    """Say how many people each rule will newly flag, and stop flagging, in each ISO week if nothing new is recorded.

    Windows pass, people have birthdays, appointments on record come to pass. Answers are compared at the end of each week; nothing is
    estimated.
    """
    loaded_packs = load_packs(packs)
    chosen = engine(engine_name)
    found = demand(loaded_packs, options.read_source(source, loaded, loaded_packs).records, as_of, weeks, chosen)
    chosen.close()
    if as_json:
        click.echo(json.dumps({"as_of": as_of, "rules": [asdict(each) for each in found]}, default=str))
        return
    for each in found:
        _tell(each)


def _tell(each: RuleDemand) -> None:
    click.echo(f"{each.rule}: {each.flagged:,} flagged now")
    click.echo(f"  {'week':<10}{'ends':<12}{'newly flagged':>14}{'no longer':>11}{'flagged':>10}")
    for week in each.weeks:
        click.echo(f"  {week.week.name:<10}{week.week.ends!s:<12}{week.newly:>14,}{week.stopping:>11,}{week.flagged:>10,}")

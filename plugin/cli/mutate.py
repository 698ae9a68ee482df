"""``almoner mutate``: do the examples hold the rules in place?"""

from pathlib import Path

import click

from rules.engines import engine
from rules.errors import ExitCode
from rules.example_runs import run_case
from rules.mutate import Score, mutate
from rules.pack import Pack, load_packs


@click.command(name="mutate")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, help="Only this rule. Repeatable.")
@click.option("--allow", type=click.IntRange(min=0), default=0, show_default=True, help="So many changes may pass unnoticed.")
@click.pass_context
def command(context: click.Context, path: Path, rules: tuple[str, ...], allow: int) -> None:
    """Change each rule in PATH one thing at a time and run its examples: do they notice?

    Limits move by the smallest step, windows by a day, conditions, words and conversions are dropped. A change that passes unnoticed
    is printed with the example that would notice it. Where no such person was found the change may mean nothing: 'maybe equivalent'.
    Exits with 1 if more changes pass unnoticed than --allow.
    """
    packs = load_packs(path)
    known = [rule for pack in packs for rule in pack.program.rules]
    for rule in rules:
        if rule not in known:
            raise click.UsageError(f"there is no rule called '{rule}'; there are: {', '.join(known)}")
    if failures := [f for pack in packs for f in _failing(pack, rules)]:
        click.echo("\n".join([*failures, "the examples must hold before the rule is changed"]))
        context.exit(ExitCode.ANSWER_IS_NO)
    scores = [score for pack in packs for score in mutate(pack, rules)]
    for score in scores:
        _tell(score)
    if sum(len(score.missed) for score in scores) > allow:
        context.exit(ExitCode.ANSWER_IS_NO)


def _failing(pack: Pack, rules: tuple[str, ...]) -> list[str]:
    chosen = [case for case in pack.cases if not rules or case.rule in rules]
    return [failure for case in chosen for failure in run_case(pack, case, [engine("reference")])]


def _tell(score: Score) -> None:
    for survivor in score.survivors:
        verdict = "unnoticed; this example would notice" if survivor.example else "unnoticed; maybe equivalent"
        click.echo(f"{survivor.place}: {score.rule}: {survivor.mutant.change}: {verdict}")
        if survivor.example:
            click.echo(survivor.example)
    noticed = score.mutants - len(score.survivors)
    equivalent = f", {len(score.maybe_equivalent)} maybe equivalent" if score.maybe_equivalent else ""
    click.echo(f"{score.rule}: {noticed} of {score.mutants} changes noticed, {len(score.missed)} unnoticed{equivalent}")

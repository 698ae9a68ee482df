"""``almoner test``: the examples of rules on every engine."""

from pathlib import Path

import click

from rules.engines import ENGINES, Engine, engine
from rules.errors import EngineUnavailable, ExitCode
from rules.measure_runs import run_examples
from rules.pack import load_packs


@click.command(name="test")
@click.argument("path", type=click.Path(path_type=Path))
@click.pass_context
def command(context: click.Context, path: Path) -> None:
    """Run the examples in a file of a rule or measure, a pack, or a folder of packs.

    Each example runs on every engine that works here; an engine that answers otherwise is a failure too. Every message starts with
    path:line:column. Exits with 1 if an example fails.
    """
    packs = load_packs(path)
    engines = _engines()
    failures = [failure for pack in packs for failure in run_examples(pack, engines)]
    for each in engines:
        each.close()
    for failure in failures:
        click.echo(failure)
    examples = sum(len(pack.cases) + len(pack.measure_cases) for pack in packs)
    names = ", ".join(each.name for each in engines)
    click.echo(f"{examples} examples on {names}: {'all as expected' if not failures else f'{len(failures)} not as expected'}", err=True)
    if failures:
        context.exit(ExitCode.ANSWER_IS_NO)


def _engines() -> list[Engine]:
    found = []
    for name in ENGINES:
        if name in ("verify", "spark"):
            continue  # the one is reference and durable together, the other columnar in another dialect
        try:
            found.append(engine(name))
        except EngineUnavailable as reason:
            click.echo(f"without {name}: {reason}", err=True)
    return found

"""``almoner check``: every mistake with its place."""

from pathlib import Path

import click

from rules.errors import ExitCode, RuleError
from rules.pack import load_packs


@click.command(name="check")
@click.argument("path", type=click.Path(path_type=Path))
@click.pass_context
def command(context: click.Context, path: Path) -> None:
    """Check a rule file, a pack, or a folder of packs.

    Every message starts with path:line:column. Exits with 1 if there are mistakes.
    """
    try:
        packs = load_packs(path)
    except RuleError as error:
        for diagnostic in error.diagnostics:
            click.echo(str(diagnostic))
        count = len(error.diagnostics)
        click.echo(f"{count} mistake{'' if count == 1 else 's'}", err=True)
        context.exit(ExitCode.ANSWER_IS_NO)
    rules = sum(len(pack.document.rules) for pack in packs)
    examples = sum(len(pack.cases) for pack in packs)
    click.echo(f"{rules} rule{'' if rules == 1 else 's'} with {examples} examples: no mistakes found", err=True)

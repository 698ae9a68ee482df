"""``almoner check``: every mistake with its place, then the lints."""

from collections.abc import Sequence
from pathlib import Path

import click

from rules.checks import LINTS, lint
from rules.checks.pages import explanation, page
from rules.checks.rendering import FORMATS
from rules.errors import Diagnostic, ExitCode, RuleError
from rules.pack import PACK_FILE, Pack, load_packs


def _explain(context: click.Context, option: click.Parameter, code: str | None) -> None:
    """Explain one lint, or all, and stop."""
    if code is None:
        return
    found = [each for each in LINTS if each.code == code.upper()]
    if code != "all" and not found:
        raise click.BadParameter(f"there is no lint {code}; the lints are {', '.join(each.code for each in LINTS)}")
    click.echo(page(LINTS) if code == "all" else explanation(found[0]), nl=False)
    context.exit()


@click.command(name="check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="How to print the messages.")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@click.option(
    "--explain", metavar="CODE", callback=_explain, is_eager=True, expose_value=False, help="Explain one lint, or all of them, and stop."
)
@click.pass_context
def command(context: click.Context, path: Path, form: str, strict: bool) -> None:
    """Check a rule file, a pack, or a folder of packs.

    Every message starts with path:line:column. The lints run once everything loads. Exits with 1 if there are mistakes.
    """
    packs: tuple[Pack, ...] = ()
    try:
        packs = load_packs(path)
        found: Sequence[Diagnostic] = lint(packs, whole=path.is_dir() or path.name == PACK_FILE)
    except RuleError as error:
        found = error.diagnostics
    if found or form in ("json", "sarif"):
        click.echo(FORMATS[form](found, LINTS))
    warnings = sum(each.severity == "warning" for each in found)
    mistakes = len(found) - warnings
    click.echo(_summary(packs, mistakes, warnings), err=True)
    if mistakes or (strict and warnings):
        context.exit(ExitCode.ANSWER_IS_NO)


def _summary(packs: Sequence[Pack], mistakes: int, warnings: int) -> str:
    counts = ", ".join(_several(n, what) for n, what in ((mistakes, "mistake"), (warnings, "warning")) if n)
    if not packs:
        return counts
    rules = sum(len(pack.document.rules) for pack in packs)
    measures = sum(len(pack.measures) for pack in packs)
    examples = sum(len(pack.cases) + len(pack.measure_cases) for pack in packs)
    what = " and ".join(_several(n, kind) for n, kind in ((rules, "rule"), (measures, "measure")) if n or kind == "rule")
    return f"{what} with {examples} examples: {counts or 'no mistakes found'}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"

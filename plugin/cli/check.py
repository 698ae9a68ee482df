"""``almoner check``: every mistake with its place, then the lints."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click

from plugin.cli import options
from rules.checks import LINTS, lint
from rules.checks.fixes import FIXABLE, fixed
from rules.checks.pages import explanation, page
from rules.checks.rendering import FORMATS
from rules.errors import Diagnostic, ExitCode, RuleError
from rules.fingerprint import fingerprint
from rules.pack import Pack, collector_at_rest, load_packs
from rules.source import PACK_FILE


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
@click.option("--fix", is_flag=True, help="Mend what is safe to mend: misspelt words of the language, unused names, repeated codes.")
@options.as_of
@click.pass_context
def command(context: click.Context, path: Path, form: str, strict: bool, fix: bool, as_of: date) -> None:
    """Check a rule file, a pack, or a folder of packs.

    Every message starts with path:line:column. The lints run once everything loads. Exits with 1 if there are mistakes.
    """
    packs, found = _found(path, as_of)
    if fix:
        packs, found = _mend(path, as_of, packs, found)
    if found or form in ("json", "sarif"):
        click.echo(FORMATS[form](found, LINTS))
    warnings = sum(each.severity == "warning" for each in found)
    mistakes = len(found) - warnings
    click.echo(_summary(packs, mistakes, warnings), err=True)
    if mistakes or (strict and warnings):
        context.exit(ExitCode.ANSWER_IS_NO)


def _found(path: Path, as_of: date) -> tuple[tuple[Pack, ...], Sequence[Diagnostic]]:
    """The packs, if they load, and everything that is wrong with them."""
    packs: tuple[Pack, ...] = ()
    try:
        with collector_at_rest():
            packs = load_packs(path)
            return packs, lint(packs, whole=path.is_dir() or path.name == PACK_FILE, today=as_of)
    except RuleError as error:
        return packs, error.diagnostics


def _mend(path: Path, as_of: date, packs: tuple[Pack, ...], found: Sequence[Diagnostic]) -> tuple[tuple[Pack, ...], Sequence[Diagnostic]]:
    """Apply fixes, file by file, until there is nothing left to fix. A fix after which a rule would mean something else is taken back."""
    while fixes := [f for file in sorted({each.span.path for each in found}) if (f := _fix(Path(file), found))]:
        for file, before, after, _ in fixes:
            _write(file, before, after)
        mended_packs, left = _found(path, as_of)
        if packs and _meanings(mended_packs) != _meanings(packs):
            for file, before, after, _ in fixes:
                _write(file, after, before)
            click.echo("not mended: a rule would have meant something else", err=True)
            break
        for each in (each for *_, answered in fixes for each in answered):
            click.echo(f"mended: {each}", err=True)
        packs, found = mended_packs, left
    return packs, found


def _fix(file: Path, found: Sequence[Diagnostic]) -> tuple[Path, str, str, list[Diagnostic]] | None:
    own = [each for each in found if each.span.path == str(file) and each.code in FIXABLE]
    if not own:
        return None
    before = _read(file)
    after, answered = fixed(before, own)
    return (file, before, after, answered) if answered else None


def _read(file: Path) -> str:
    """The text with its own line ends."""
    return file.read_bytes().decode("utf-8")


def _write(file: Path, expected: str, text: str) -> None:
    """Replace the file in one step, unless somebody else has changed it meanwhile."""
    if _read(file) != expected:
        raise click.ClickException(f"{file} was changed by somebody else; nothing more is mended")
    spare = file.with_name(f".{file.name}.mended")
    spare.write_text(text, encoding="utf-8", newline="")
    spare.replace(file)


def _meanings(packs: Sequence[Pack]) -> dict[str, str]:
    return {rule: fingerprint(pack.program, rule) for pack in packs for rule in pack.program.rules}


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

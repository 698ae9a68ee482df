"""``almoner plan``: who would be newly flagged if the rules were changed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from plugin.cli import options
from plugin.cli.output import write_lines
from rules.engines import engine
from rules.errors import ExitCode
from rules.impact import BY, CHANGES, EVERYBODY, PEOPLE, Impact, RuleImpact, answers_of, counted, group, impact
from rules.pack import load_packs
from rules.suppression import Cell, suppressed


@click.command(name="plan")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@options.source
@options.as_of
@options.engine("columnar")
@click.option(
    "--by", multiple=True, type=click.Choice(BY), help="Count by this; several together make groups such as 'female, 18-39'. Repeatable."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File for the people whose answer changes, one JSON a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--fail-on-change", is_flag=True, help="Exit with 1 if anybody's answer changes.")
@click.pass_context
def command(
    context: click.Context,
    old: Path,
    new: Path,
    source: str,
    loaded: str,
    as_of: date,
    engine_name: str,
    by: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    fail_on_change: bool,
) -> None:
    """Compare the answers of the rules in OLD and in NEW about everybody in a source.

    Everybody is counted once per rule: newly flagged (now yes), cleared (yes to no), became unknown, became known (unknown to no),
    or unchanged. Counts of 1 to 10 are shown as <11; * stands for a number withheld so that none of them can be worked out.
    """
    before, after = load_packs(old), load_packs(new)
    records = options.read_source(source, loaded, (*before, *after)).records
    chosen = engine(engine_name)
    found = impact(answers_of(before, records, as_of, chosen), answers_of(after, records, as_of, chosen), (r.person.id for r in records))
    chosen.close()
    groups = {record.person.id: group(record.person, as_of, by) for record in records}
    if out:
        write_lines(out, _lines(found))
    click.echo(json.dumps(_object(found, groups, as_of, by), ensure_ascii=False) if as_json else "\n".join(_text(found, groups, by)))
    if fail_on_change and any(each.moves for each in found.rules):
        context.exit(ExitCode.ANSWER_IS_NO)


def _lines(found: Impact) -> Iterator[str]:
    """Who changes, sorted by rule, then patient."""
    for each in found.rules:
        for move in each.moves:
            yield json.dumps({"rule": each.rule, "patient": move.patient, "change": move.change, "old": move.old, "new": move.new})


def _table(each: RuleImpact, groups: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group → change → the number as it may be shown."""
    counts = counted(each, groups)
    shown = suppressed(counts)
    return {row: {column: shown[Cell(row, column)] for column in counts.columns} for row in counts.rows}


def _object(found: Impact, groups: Mapping[str, str], as_of: date, by: Sequence[str]) -> dict[str, Any]:
    return {
        "as_of": as_of.isoformat(),
        "by": list(by),
        "only_old": list(found.only_old),
        "only_new": list(found.only_new),
        "rules": [{"rule": each.rule, "changed": bool(each.moves), "counts": _table(each, groups)} for each in found.rules],
    }


def _text(found: Impact, groups: Mapping[str, str], by: Sequence[str]) -> Iterator[str]:
    heads = [", ".join(by) or EVERYBODY, *CHANGES, PEOPLE]
    for each in found.rules:
        where = " (only in OLD)" if each.rule in found.only_old else " (only in NEW)" if each.rule in found.only_new else ""
        yield f"{each.rule}{where}"
        if not each.moves:
            yield "  nobody's answer changes"
            continue
        rows = [heads, *([name, *cells.values()] for name, cells in _table(each, groups).items())]
        widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
        for row in rows:
            first, *others = (text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True)))
            yield "  " + "  ".join([first, *others])

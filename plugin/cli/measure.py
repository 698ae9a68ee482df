"""``almoner measure``: the rates of quality measures over everybody in a source."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from plugin.cli import options
from plugin.cli.output import write_lines
from rules import document as doc
from rules.engines import engine
from rules.episodes import Membership, memberships
from rules.grammar import OUTCOMES
from rules.measure_counts import Row, divisions, rows, stratum_of
from rules.measures import Measure, Rate
from rules.pack import load_packs
from rules.parse.facts import period
from rules.parse.fields import Problems
from rules.source import TextNode


class _Period(click.ParamType[doc.Period]):
    """A calendar year, or two days."""

    name = "period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> doc.Period:
        """``2025`` → its first and last day."""
        if isinstance(value, doc.Period):
            return value
        problems = Problems()
        written = f"{value}-01-01 to {value}-12-31" if re.fullmatch("[0-9]{4}", value) else value
        found = period(TextNode(written, "--period"), problems)
        if problems.found or found is None:
            self.fail(f"'{value}' is not a period such as 2025, 'last year' or '2025-01-01 to 2025-06-30'", param, ctx)
        return found


@click.command(name="measure")
@click.argument("path", metavar="PACK", type=click.Path(path_type=Path))
@options.source
@options.as_of
@options.engine("columnar")
@click.option("--period", "chosen", type=_Period(), help="Another measurement period: 2025, 'last year', or two days.")
@click.option("--by", metavar="NAMES", default="", help="Divide by these, such as 'sex,age band', or by a stratifier of the measure.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File for what is said of each person or episode, as JSON lines."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def command(
    path: Path,
    source: str,
    loaded: str,
    as_of: date,
    engine_name: str,
    chosen: doc.Period | None,
    by: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compute the measures in PACK (a pack, a folder of packs, or one measure file) over everybody in a source.

    Everybody is counted once per rate: not eligible, excluded, met, excepted, not met, or unknown. The rate is met of met and not met;
    'from' and 'to' say what it would be if every unknown had turned out not met, or met. Counts of 1 to 10 are shown as <11; * stands
    for a number withheld so that none of them can be worked out.
    """
    packs = load_packs(path)
    found = [each for pack in packs for each in _measures(pack.document, pack.measures_in(chosen) if chosen else pack.measures)]
    if not found:
        raise click.BadParameter(f"there is no measure in {path}", param_hint="PACK")
    names = _names(by, [measure for measure, _, _ in found])
    records = options.read_source(source, loaded, packs).records
    runner = engine(engine_name)
    results = [(each, list(memberships(each[0], records, as_of, runner))) for each in found]
    runner.close()
    if out:
        write_lines(out, (line for (measure, _, _), members in results for line in _lines(measure, members)))
    reports = [_report(each, chosen, members, as_of, names) for each, members in results]
    told = {"as_of": as_of.isoformat(), "by": list(names), "measures": reports}
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(line for each in reports for line in _text(each, as_of)))


_Found = tuple[Measure, doc.Measure, str]
"""A measure, what its author wrote, and its period."""


def _measures(pack: doc.Pack, measures: Sequence[Measure]) -> Iterator[_Found]:
    for measure, written in zip(measures, pack.measures, strict=True):
        own = written.period or pack.period
        yield measure, written, own.written if own else ""


def _names(by: str, measures: Sequence[Measure]) -> tuple[str, ...]:
    names = tuple(filter(None, (name.strip() for name in by.split(","))))
    known = divisions(measures)
    for name in names:
        if name not in known:
            raise click.BadParameter(f"nothing is known by '{name}'; there are: {', '.join(known)}", param_hint="--by")
    return names


def _lines(measure: Measure, members: Sequence[Membership]) -> Iterator[str]:
    for member in members:
        episode = member.counted.episode
        where = {"episode": episode.source if episode else None} if measure.each else {}
        for name, outcome in member.outcomes.items():
            yield json.dumps({"measure": measure.id, "group": name, "patient": member.counted.patient, **where, "outcome": outcome})


# ---------------------------------------------------------------- the report


def _report(found: _Found, chosen: doc.Period | None, members: Sequence[Membership], as_of: date, by: Sequence[str]) -> dict[str, Any]:
    measure, written, own = found
    placed = [(stratum_of(member, as_of, by), member) for member in members]
    return {
        "measure": measure.id,
        "title": written.title,
        "improvement": written.improvement,
        "period": chosen.written if chosen else own,
        "counts": measure.counts,
        "groups": [{"group": group.name, "rows": [_row(row) for row in rows(measure, group.name, placed)]} for group in measure.groups],
    }


def _row(row: Row) -> dict[str, Any]:
    rate = row.rate or Rate(None, None, None)
    return {
        "stratum": row.stratum,
        "counts": dict(row.cells),
        "rate": rate.rate,
        "low": rate.low,
        "high": rate.high,
        "withheld": row.rate is None,
    }


def _text(report: dict[str, Any], as_of: date) -> Iterator[str]:
    when = f"{report['period']}, as of {as_of}" if report["period"] else f"as of {as_of}"
    yield f"{report['measure']}: {report['title']} ({when}; {report['improvement']})"
    for group in report["groups"]:
        heads = [group["group"], *OUTCOMES, report["counts"], "rate", "from", "to"]
        lines = [heads, *([row["stratum"], *row["counts"].values(), *_shares(row)] for row in group["rows"])]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        for line in lines:
            first, *others = (text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True)))
            yield "  " + "  ".join([first, *others])


def _shares(row: dict[str, Any]) -> Iterator[str]:
    for key in ("rate", "low", "high"):
        yield "*" if row["withheld"] else "-" if row[key] is None else f"{row[key]:.1%}"

"""``almoner demo``: everything at once, on people who do not exist."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from fhir_adapters import read_directory
from fhir_adapters.synthetic import write_agencies, write_ndjson
from plugin.cli import options
from plugin.cli.progress import steps
from rules.engines import engine
from rules.errors import EngineUnavailable, ExitCode
from rules.facts import PersonRecord
from rules.pack import BUILT_IN, Pack, load_packs

DURABLE_SAMPLE: Final = 5_000
"""durable_rules takes about a millisecond for each person: beyond this many it checks the first ones only."""


@click.command(name="demo")
@click.option("--people", type=click.IntRange(min=1), default=1_000, show_default=True, help="How many people to make up.")
@click.option("--seed", type=int, default=58, show_default=True, help="The same seed makes the same people.")
@options.as_of
@click.option("--no-serve", is_flag=True, help="Print the summary and stop.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object holding every number.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the FHIR files, the directory of partners and the published sweep in this folder.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port to serve on; a free one is found if it is taken."
)
@click.pass_context
def command(
    context: click.Context, people: int, seed: int, as_of: date, no_serve: bool, as_json: bool, keep: Path | None, port: int
) -> None:
    """Make up people, sweep them with every engine, and show what comes of it.

    Nothing is kept unless --keep says where.
    """
    with _folder(keep) as folder:
        started = time.monotonic()
        packs = load_packs(BUILT_IN)
        with steps(quiet=as_json) as step:
            records = _people(folder / "fhir", people, seed, as_of, step)
            compared = _compare(packs, records, as_of, step)
            result = _sweep(packs, folder, as_of, step)
        seconds = time.monotonic() - started
        if as_json:
            click.echo(json.dumps(_numbers(result, compared, seconds)))
        else:
            _summary(packs, result, compared, seconds)
        if not all(compared.values()):
            context.exit(ExitCode.ANSWER_IS_NO)
        if not no_serve:
            _serve(folder / "state", as_of, port, quiet=as_json)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="almoner-demo-") as name:
        yield Path(name)


Step = Callable[[str, int], Callable[[int], None]]


def _people(folder: Path, people: int, seed: int, as_of: date, step: Step) -> list[PersonRecord]:
    folder.mkdir(parents=True, exist_ok=True)
    write_ndjson(folder, people, seed, as_of, on_progress=step("making up people", people))
    write_agencies(folder.parent / "directory", seed, as_of)
    done = step("reading FHIR", people)
    records = read_directory(folder).records
    done(people)
    return records


def _compare(packs: tuple[Pack, ...], records: list[PersonRecord], as_of: date, step: Step) -> dict[str, bool]:
    """Whether each engine gives the reference engine's answers."""
    expected = _answers("reference", packs, records, as_of, step)
    agrees = {"columnar": _answers("columnar", packs, records, as_of, step) == expected}
    sample = {record.person.id for record in records[:DURABLE_SAMPLE]}
    try:
        found = _answers("durable", packs, records[:DURABLE_SAMPLE], as_of, step)
    except EngineUnavailable as reason:
        click.echo(f"without the durable engine: {reason}", err=True)
        return agrees
    agrees["durable"] = found == {key: answer for key, answer in expected.items() if key[0] in sample}
    return agrees


def _answers(name: str, packs: tuple[Pack, ...], records: list[PersonRecord], as_of: date, step: Step) -> dict[tuple[str, str], Any]:
    """(person, fact or rule) → value."""
    chosen = engine(name)
    done = step(f"evaluating: {name}", len(records) * len(packs))
    found: dict[tuple[str, str], Any] = {}
    for pack in packs:
        for count, evaluation in enumerate(chosen.evaluate(pack.program, records, as_of), 1):
            found |= {(evaluation.patient, key): value for key, value in (*evaluation.facts.items(), *evaluation.answers.items())}
            done(count)
    chosen.close()
    return found


def _sweep(packs: tuple[Pack, ...], folder: Path, as_of: date, step: Step) -> Mapping[str, Any]:
    """Sweep the files as `almoner sweep` does, whatever town was swept before; the manifest of what was published."""
    from plugin.outreach.taking import take_published
    from plugin.sweep.bands import Bands
    from plugin.sweep.gates import Limits
    from plugin.sweep.landing import Source
    from plugin.sweep.pipeline import Asked
    from plugin.sweep.sweeping import sweep

    source, state = str(folder / "fhir"), folder / "state"
    any_town = Limits(fewer=1.0, bands=Bands(firing="ignore", unknown="ignore"))
    asked = Asked(Source(source, frozenset(), read=lambda: read_directory(folder / "fhir")), packs, as_of, state, limits=any_town)
    database = f"sqlite:///{state / 'almoner.db'}"
    manifest, _ = sweep(asked, database, step)
    take_published(database, state, as_of)
    return manifest


def _numbers(result: Mapping[str, Any], compared: dict[str, bool], seconds: float) -> dict[str, Any]:
    return {
        "people": result["people"],
        "flagged": result["flagged"],
        "unknown": result["unknown"],
        "engines_agree": all(compared.values()),
        "engines_compared": ["reference", *compared],
        "findings_by_rule": {rule: counts["yes"] for rule, counts in result["findings_by_rule"].items()},
        "unknown_by_rule": {rule: counts["unknown"] for rule, counts in result["findings_by_rule"].items()},
        "seconds": round(seconds, 3),
    }


def _summary(packs: tuple[Pack, ...], result: Mapping[str, Any], compared: dict[str, bool], seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    rules = {rule.id.text: rule for pack in packs for rule in pack.document.rules}
    table = Table("rule", "level", title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("yes", justify="right")
    table.add_column("unknown", justify="right")
    for name, counts in sorted(result["findings_by_rule"].items(), key=lambda item: -rules[item[0]].priority):
        table.add_row(rules[name].title, rules[name].level, f"{counts['yes']:,}", f"{counts['unknown']:,}")
    console.print(f"\n[bold]{result['people']:,} people who do not exist[/bold], {len(rules)} rules, {seconds:.1f} s")
    console.print(f"{result['flagged']:,} to act on, {result['unknown']:,} more of whom it cannot be told\n")
    console.print(table)
    names = ", ".join(compared)
    verdict = (
        f"identical answers from reference, {names}" if all(compared.values()) else f"[bold red]the engines differ: {compared}[/bold red]"
    )
    console.print(f"\nEngines    {verdict}")


def _serve(state: Path, as_of: date, port: int, *, quiet: bool) -> None:
    from plugin.runtime import build_runtime
    from plugin.serve import free_port, serve
    from plugin.settings import CdsSettings, PlaygroundSettings, Settings

    playground = PlaygroundSettings(enabled=True)
    partners = CdsSettings(directory=(f"town={state.parent / 'directory'}",))
    settings = Settings(state=state, as_of=as_of, port=free_port("127.0.0.1", port), playground=playground, cds=partners)
    serve(build_runtime(settings), on_ready=lambda url: _addresses(url, quiet=quiet))


def _addresses(url: str, *, quiet: bool) -> None:
    places = {
        "Worklist": "/outreach",
        "Referrals": "/referrals",
        "Findings": "/findings",
        "Rules": "/rules",
        "Playground": "/playground",
        "CDS Hooks": "/cds-services",
    }
    lines = [f"{name:<10} {url}{path}" for name, path in places.items()]
    click.echo("\n".join([*lines, "", "Ctrl-C to stop; nothing is kept unless --keep says where."]), err=quiet)

"""``almoner audit``: the record of who saw and did what."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO, Any

import click

from plugin.access import Broken, head
from plugin.access import verify as verified
from plugin.cli import options
from plugin.cli.options import Day
from plugin.store import open_store
from plugin.store.versions import ready
from rules.errors import ExitCode


@click.group(name="audit")
def command() -> None:
    """Look after the record of who saw and did what: a chain in which each entry holds the hash of the one before."""


class _End(click.ParamType[tuple[int, str]]):
    """The end of the chain, as ``almoner audit head`` prints it."""

    name = "SEQ:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        """``12:ab…`` → (12, "ab…")."""
        found = re.fullmatch(r"(\d{1,12}):([0-9a-f]{64})", str(value))
        if not found:
            self.fail("write it as almoner audit head printed it", param, ctx)
        return int(found[1]), found[2]


@command.command(name="head")
@options.config
def end(config: Path | None) -> None:
    """Print the end of the record. Note it daily where nobody who can write to the database can."""
    with closing(ready(open_store(options.settings(config).database_url))) as store, store.read() as connection:
        click.echo("{}:{}".format(*head(connection)))


@command.command()
@click.option("--noted", type=_End(), help="An end that was noted earlier: it must still be part of the record.")
@options.config
@click.pass_context
def verify(context: click.Context, noted: tuple[int, str] | None, config: Path | None) -> None:
    """Go through the whole record. Exits with 1 if an entry was changed, removed or put in."""
    with closing(ready(open_store(options.settings(config).database_url))) as store, store.read() as connection:
        try:
            last = verified(connection, noted)
        except Broken as reason:
            click.echo(f"almoner: {reason}", err=True)
            context.exit(ExitCode.ANSWER_IS_NO)
        click.echo(f"the record is whole: {last:,} entries were made" + (", and the end that was noted is among them" if noted else ""))


@command.command()
@click.option("--since", type=Day(), help="From this day on (UTC); else everything.")
@click.option("--out", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-", help="A file; else what is printed.")
@options.config
def export(since: date | None, out: Path, config: Path | None) -> None:
    """Write the record as FHIR R4 AuditEvents, one per line (NDJSON)."""
    import orjson

    from plugin.access.exporting import audit_events

    chosen = options.settings(config)
    with closing(ready(open_store(chosen.database_url))) as store, store.read() as connection, _lines(out) as lines:
        beginning = datetime.combine(since, time.min, UTC) if since else None
        for event in audit_events(connection, chosen.public_url, beginning):
            lines.write(orjson.dumps(event).decode() + "\n")


@contextmanager
def _lines(out: Path) -> Iterator[IO[str]]:
    """A file that only its owner may read, or standard output."""
    if str(out) == "-":
        with click.open_file("-", "w", encoding="utf-8") as printed:
            yield printed
        return
    try:
        if out.is_file():
            out.chmod(0o600)
        file = open(out, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
    except OSError as wrong:
        raise click.FileError(str(out), wrong.strerror) from None
    with file:
        yield file

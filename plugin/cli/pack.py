"""``almoner pack lock`` and ``almoner pack expand``: no change of meaning unnoticed, neither by the author nor by a terminology server."""

from datetime import date
from pathlib import Path
from typing import Final

import click

from fhir_adapters import FhirServer
from fhir_adapters.transport import Given
from plugin.cli import options
from plugin.expansions import Changed, Failed, fetch
from rules.errors import ExitCode
from rules.lock import LOCK_FILE, changes, lock_text, locked, read_lock
from rules.pack import load_packs

_MOST_SHOWN: Final = 50
"""Codes printed one by one; all of them are in the files."""


@click.group(name="pack")
def command() -> None:
    """Look after packs before a release."""


@command.command(name="lock")
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; fail if the lock is not current.")
@click.pass_context
def lock(context: click.Context, path: Path, check: bool) -> None:
    """Record what every rule in a folder of packs means, in lock.json.

    A rule that means something else, is new, is gone or says something else needs a higher version of its pack, and the message says
    which. Exits with 1 if a version is too low; nothing is written then.
    """
    packs, file = load_packs(path), path / LOCK_FILE
    earlier = read_lock(file)
    found = list(changes(packs, earlier, file))
    failing = [change for change in found if check or not change.allowed]
    for change in failing:
        click.echo(str(change.diagnostic))
    rules = sum(len(pack.document.rules) for pack in packs)
    if failing:
        click.echo(f"{file}: not written" if not check else f"{file}: not current", err=True)
        context.exit(ExitCode.ANSWER_IS_NO)
    if not check:
        file.write_text(lock_text(locked(packs, earlier)), encoding="utf-8")
    click.echo(f"{file}: {rules} rule{'' if rules == 1 else 's'}, {'current' if check or not found else 'written'}", err=True)


@command.command(name="expand")
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--server", required=True, metavar="URL", help="Base URL of a FHIR terminology server.")
@click.option("--update", is_flag=True, help="Ask again for what is already here, say what changed, and drop what is not needed.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file that holds a bearer token for the server."
)
@options.as_of
@click.pass_context
def expand(context: click.Context, path: Path, server: str, update: bool, token_file: Path | None, as_of: date) -> None:
    """Fetch the codes of value sets from a terminology server, and keep them with the pack.

    Value sets given by canonical URL or by a hierarchy are expanded once, into valuesets/expansions, with a lock that names their codes;
    afterwards no server is asked. Exits with 4 if the server did not give a whole set, with 1 if the files are not what the lock says.
    """
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    found = fetch(path, FhirServer(server, authority=Given(lambda: token) if token else None), as_of, update=update, tell=_tell)
    for file in found.dropped:
        click.echo(f"{file}: dropped, no value set needs it any more")
    for rule in found.other_meaning:
        click.echo(f"'{rule}' means something else now: almoner pack lock says which version it needs")
    counts = ((len(found.changed), "fetched"), (found.kept, "as they were"), (len(found.failed), "failed"))
    click.echo(f"{path}: expansions: " + (", ".join(f"{number} {what}" for number, what in counts if number) or "none needed"), err=True)
    if found.failed:
        context.exit(ExitCode.SERVER_FAILED if any(each.by_server for each in found.failed) else ExitCode.ANSWER_IS_NO)


def _tell(what: Changed | Failed) -> None:
    if isinstance(what, Failed):
        click.echo(f"{what.wanted}: {what.reason}")
        return
    inactive = f", {what.inactive} inactive left out" if what.inactive else ""
    version = f", version {what.pin.version}" if what.pin.version else ""
    change = "" if what.before is None else f": {len(what.added)} added, {len(what.removed)} removed"
    click.echo(f"{what.wanted}: {what.pin.codes} code{'' if what.pin.codes == 1 else 's'}{change}{inactive}{version}")
    for sign, codes in (("+", what.added), ("-", what.removed)):
        for code in codes[:_MOST_SHOWN]:
            click.echo(f"  {sign} {code}")
        if len(codes) > _MOST_SHOWN:
            click.echo(f"  {sign} and {len(codes) - _MOST_SHOWN} more")

"""``almoner pack lock``: no change of meaning without a change of version."""

from pathlib import Path

import click

from rules.errors import ExitCode
from rules.lock import LOCK_FILE, changes, lock_text, locked, read_lock
from rules.pack import load_packs


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

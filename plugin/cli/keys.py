"""``almoner keys``: the keys by which FHIR servers know us, and their rotation."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from fhir_adapters.smart import KeyRing
from fhir_adapters.smart.ring import Entry
from plugin.cli import options
from rules.errors import ExitCode

_F = TypeVar("_F", bound=Callable[..., Any])
_ALGORITHMS: Final = ("ES384", "RS384")
_DOES: Final = {"next": "published, does not sign yet", "current": "signs", "retired": "published still, does not sign any more"}


@click.group(name="keys")
def command() -> None:
    """Make and rotate the keys by which FHIR servers know us.

    A key is published, then signs, then stays published for a while, then is deleted: almoner keys new, an hour later rotate, ten minutes
    later retire. Servers fetch the public halves from /.well-known/jwks.json of almoner serve. No private key is ever shown.
    """


def _ring(function: _F) -> _F:
    """``--keys`` and ``--config``."""
    chosen = click.option(
        "--keys", "folder", type=click.Path(file_okay=False, path_type=Path), help="The folder; else that of the settings."
    )
    return options.config(chosen(function))


def _algorithm(function: _F) -> _F:
    return click.option(
        "--algorithm", type=click.Choice(_ALGORITHMS), default="ES384", show_default=True, help="RS384 where a server asks for RSA."
    )(function)


def _now(function: _F) -> _F:
    return click.option("--now", "at_once", is_flag=True, help="Do not wait until servers have followed; for a key that has leaked.")(
        function
    )


@command.command(name="new")
@_ring
@_algorithm
def new(folder: Path | None, config: Path | None, algorithm: str) -> None:
    """Make a key: the first of its algorithm signs at once, another one is published and waits for rotate."""
    _tell([_open(folder, config).new(algorithm, datetime.now(UTC))])


@command.command(name="list")
@_ring
@click.option("--jwks", is_flag=True, help="Print the public halves as servers fetch them.")
def list_(folder: Path | None, config: Path | None, jwks: bool) -> None:
    """Show every key: its state, since when, and the fingerprint (RFC 7638) by which people compare it."""
    ring = _open(folder, config)
    if jwks:
        click.echo(json.dumps(ring.published(), indent=2))
        return
    _tell(ring.entries())


@command.command(name="rotate")
@_ring
@_algorithm
@_now
def rotate(folder: Path | None, config: Path | None, algorithm: str, at_once: bool) -> None:
    """Sign with the next key from now on. Exits with 1 if servers cannot have seen it yet."""
    ring = _open(folder, config)
    ring.rotate(algorithm, datetime.now(UTC), at_once=at_once)
    _tell(ring.entries())


@command.command(name="retire")
@_ring
@_now
@click.pass_context
def retire(context: click.Context, folder: Path | None, config: Path | None, at_once: bool) -> None:
    """Withdraw and delete the keys that do not sign any more. Exits with 1 if some must stay published for a while yet."""
    ring = _open(folder, config)
    for entry in ring.retire(datetime.now(UTC), at_once=at_once):
        click.echo(f"{entry.kid}  deleted")
    _tell(ring.entries())
    if any(entry.state == "retired" for entry in ring.entries()):
        context.exit(ExitCode.ANSWER_IS_NO)


def _open(folder: Path | None, config: Path | None) -> KeyRing:
    return KeyRing(folder or options.settings(config).keys)


def _tell(entries: Iterable[Entry]) -> None:
    for entry in entries:
        click.echo(f"{entry.kid}  {entry.state:<8} {_DOES[entry.state]}, since {entry.since}  {entry.fingerprint}")

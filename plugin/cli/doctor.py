"""``almoner doctor``: what works on this machine and what does not."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

import rules
from rules.engines.rete import why_unavailable
from rules.errors import ExitCode


@click.command(name="doctor")
@click.pass_context
def command(context: click.Context) -> None:
    """Say what works on this machine and what does not. Exits with 1 if something that Almoner needs is missing."""
    rows = [_python(), _rules(), _durable(), *(_library(name) for name in ("duckdb", "flask", "fhir.resources", "requests", "pyyaml"))]
    for fine, what, note in rows:
        click.echo(f"{'ok  ' if fine else 'MISS' if fine is False else 'note'}  {what:<16} {note}")
    if any(fine is False for fine, _, _ in rows):
        context.exit(ExitCode.ANSWER_IS_NO)


def _python() -> tuple[bool | None, str, str]:
    return sys.version_info >= (3, 11), "Python", platform.python_version()


def _rules() -> tuple[bool | None, str, str]:
    return True, "rules", f"almoner's own, in {Path(rules.__file__).parent.name}/ (not PyPI's django-rules)"


def _durable() -> tuple[bool | None, str, str]:
    """Missing durable_rules is a note: everything else works without it."""
    reason = why_unavailable()
    return (
        (None, "durable engine", f"{reason}; CDS Hooks answers come from the reference engine alone")
        if reason
        else (True, "durable engine", version("durable-rules"))
    )


def _library(name: str) -> tuple[bool | None, str, str]:
    try:
        return True, name, version(name)
    except PackageNotFoundError:
        return False, name, "not installed: run make install"

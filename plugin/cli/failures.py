"""What went wrong → what to tell people, and the exit code."""

from typing import Final

import click

from fhir_adapters.errors import AdapterError, KeyUnusable, PullConflict, SourceUnreadable
from fhir_adapters.smart.ring import NotYet
from plugin.errors import ServeError, SettingsUnreadable, StoreError, UnknownServer
from plugin.sweep.errors import SweepBusy, SweepRefused, SweepStopped
from rules.errors import EngineError, EnginesDisagree, ExitCode, ExportGap, RuleError
from rules.expansions import ExpansionError

_CODES: Final[tuple[tuple[type[Exception], ExitCode], ...]] = (
    (RuleError, ExitCode.INPUT_UNREADABLE),
    (ExpansionError, ExitCode.INPUT_UNREADABLE),
    (SourceUnreadable, ExitCode.INPUT_UNREADABLE),
    (KeyUnusable, ExitCode.INPUT_UNREADABLE),
    (NotYet, ExitCode.ANSWER_IS_NO),
    (SettingsUnreadable, ExitCode.INPUT_UNREADABLE),
    (FileNotFoundError, ExitCode.INPUT_UNREADABLE),
    (PermissionError, ExitCode.INPUT_UNREADABLE),
    (IsADirectoryError, ExitCode.INPUT_UNREADABLE),
    (PullConflict, ExitCode.USAGE),
    (SweepRefused, ExitCode.ANSWER_IS_NO),
    (SweepBusy, ExitCode.ANSWER_IS_NO),
    (SweepStopped, ExitCode.SERVER_FAILED),
    (AdapterError, ExitCode.SERVER_FAILED),
    (ServeError, ExitCode.SERVER_FAILED),
    (StoreError, ExitCode.SERVER_FAILED),
    (EnginesDisagree, ExitCode.ANSWER_IS_NO),
    (ExportGap, ExitCode.ANSWER_IS_NO),
    (EngineError, ExitCode.USAGE),
    (UnknownServer, ExitCode.USAGE),
)
"""The first class that fits decides: the special ones stand before the general ones."""


def exit_code_of(failure: Exception) -> ExitCode:
    """Print ``failure`` for people and give its exit code. What we did not foresee is a defect of ours."""
    for kind, code in _CODES:
        if isinstance(failure, kind):
            click.echo(str(failure) if kind is RuleError else f"almoner: {failure}", err=True)
            return code
    click.echo(f"almoner: a defect of ours ({type(failure).__name__}); run again with --debug before the command to see where", err=True)
    return ExitCode.OUR_DEFECT

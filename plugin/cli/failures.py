"""What went wrong → what to tell people, and the exit code."""

import click

from fhir_adapters.errors import AdapterError, SourceUnreadable
from rules.errors import EngineError, EnginesDisagree, EngineUnavailable, ExitCode, RuleError


def exit_code_of(failure: Exception) -> ExitCode:
    """Print ``failure`` for people and give its exit code. What we did not foresee is a defect of ours."""
    if type(failure).__name__ == "ServeError":  # known by name: importing the server here would cost every failure its libraries
        click.echo(f"almoner: {failure}", err=True)
        return ExitCode.SERVER_FAILED
    match failure:
        case RuleError():
            click.echo(str(failure), err=True)
            return ExitCode.INPUT_UNREADABLE
        case SourceUnreadable() | FileNotFoundError() | PermissionError() | IsADirectoryError():
            click.echo(f"almoner: {failure}", err=True)
            return ExitCode.INPUT_UNREADABLE
        case AdapterError():
            click.echo(f"almoner: {failure}", err=True)
            return ExitCode.SERVER_FAILED
        case EnginesDisagree():
            click.echo(f"almoner: {failure}", err=True)
            return ExitCode.ANSWER_IS_NO
        case EngineUnavailable() | EngineError():
            click.echo(f"almoner: {failure}", err=True)
            return ExitCode.USAGE
    click.echo(f"almoner: a defect of ours ({type(failure).__name__}); run again with --debug before the command to see where", err=True)
    return ExitCode.OUR_DEFECT

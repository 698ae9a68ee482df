"""Messages for people, editors and code hosts."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rules.checks.lint import Lint
from rules.errors import Diagnostic

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(diagnostics: Sequence[Diagnostic], lints: Iterable[Lint]) -> str:
    """``path:line:column: CODE text (hint)``, one line each."""
    return "\n".join(map(str, diagnostics))


def as_json(diagnostics: Sequence[Diagnostic], lints: Iterable[Lint]) -> str:
    """A list of objects with path, line, column, code, severity, message and hint."""
    return json.dumps([_object(each) for each in diagnostics], indent=2)


def _object(each: Diagnostic) -> dict[str, object]:
    place = {"path": each.span.path, "line": each.span.line, "column": each.span.column}
    return {**place, "code": each.code, "severity": each.severity, "message": each.message, "hint": each.hint}


def as_github(diagnostics: Sequence[Diagnostic], lints: Iterable[Lint]) -> str:
    """Workflow commands, which GitHub shows beside the line."""
    return "\n".join(map(_github, diagnostics))


def _github(each: Diagnostic) -> str:
    place = f"file={_property(each.span.path)},line={each.span.line},col={each.span.column},title={_property(each.code)}"
    return f"::{each.severity} {place}::{_data(_message(each))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(diagnostics: Sequence[Diagnostic], lints: Iterable[Lint]) -> str:
    """SARIF 2.1.0, which code hosts and editors read."""
    titles = {lint.code: lint.title for lint in lints}
    used = sorted({each.code for each in diagnostics})
    rules = [{"id": code, "shortDescription": {"text": titles.get(code, "A mistake in a rule text")}} for code in used]
    run = {
        "tool": {"driver": {"name": "almoner", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in diagnostics],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(each: Diagnostic) -> dict[str, object]:
    region = {"startLine": each.span.line, "startColumn": each.span.column}
    place = {"artifactLocation": {"uri": each.span.path.replace("\\", "/")}, "region": region}
    return {
        "ruleId": each.code,
        "level": each.severity,
        "message": {"text": _message(each)},
        "locations": [{"physicalLocation": place}],
    }


def _message(each: Diagnostic) -> str:
    return f"{each.message} ({each.hint})" if each.hint else each.message


FORMATS: Final[dict[str, Callable[[Sequence[Diagnostic], Iterable[Lint]], str]]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}

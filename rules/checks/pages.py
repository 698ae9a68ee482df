"""What the lints say about themselves, as Markdown."""

import inspect
import re
from collections.abc import Iterable, Iterator
from textwrap import dedent
from typing import Final

from rules.checks.lint import Lint

HEADINGS: Final = ("What it does", "Why is this bad", "Example", "Use instead")
"""The headings of every lint's docstring, in this order."""
_HEADING: Final = re.compile(rf"^({'|'.join(HEADINGS)}):\n", re.MULTILINE)
_YAML: Final = frozenset({"Example", "Use instead"})

_INTRODUCTION: Final = """\
# Lints

Generated from the lints themselves by `almoner check --explain all`. Do not edit.

`almoner check` runs these over a pack that loads without mistakes. An *error* means that the pack certainly does not do what it was
written for, and makes the command exit with 1. A *warning* means that it may not, or that it will confuse whoever reads it; with
`--strict` warnings fail as well.

| code | severity | |
|---|---|---|
"""


def explanation(lint: Lint) -> str:
    """What one lint does, why, and an example, as a section of Markdown."""
    return f"## {lint.code}: {lint.title}\n\n*{lint.severity}*\n\n" + "\n".join(_sections(lint))


def sections(lint: Lint) -> dict[str, str]:
    """The text under each heading of the lint's docstring."""
    _, *pieces = _HEADING.split(inspect.getdoc(type(lint)) or "")
    return {name: dedent(text).strip() for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def _sections(lint: Lint) -> Iterator[str]:
    for name, text in sections(lint).items():
        yield f"### {name}\n"
        yield f"```yaml\n{text}\n```\n" if name in _YAML else f"{text}\n"


def page(lints: Iterable[Lint]) -> str:
    """The reference page of all lints."""
    every = list(lints)
    rows = "".join(f"| [{each.code}](#{_anchor(each)}) | {each.severity} | {each.title} |\n" for each in every)
    return _INTRODUCTION + rows + "\n" + "\n".join(explanation(each) for each in every)


def _anchor(lint: Lint) -> str:
    """The anchor that Markdown viewers make of the section's heading."""
    return re.sub(r"[^a-z0-9 -]", "", f"{lint.code}: {lint.title}".lower()).replace(" ", "-")

"""What can be put right without asking: words of the language that are misspelt, names without a use, codes written twice.

A fix is a change of the text of one file. None changes what a rule that loads means: whoever applies fixes can make sure of it with
`rules.fingerprint`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from rules.errors import Diagnostic

_MISSPELT: Final = frozenset({"ALM102", "ALM107", "ALM117", "ALM201", "ALM206"})
"""Keys, choices, tables, attributes and statuses: the words of the language itself, never the author's own."""
_QUOTED: Final = re.compile(r"'([^']+)'")
_MEANT: Final = re.compile(r"did you mean '(.+)'\?")
_ITEM: Final = r"""["']?{}["']?(?=\s*[,\]}}\n#]|$)"""


class Edit(NamedTuple):
    """The characters from ``start`` up to ``end`` replaced by ``new``."""

    start: int
    end: int
    new: str


def fixed(text: str, found: Iterable[Diagnostic]) -> tuple[str, list[Diagnostic]]:
    """``text`` with everything mended that can be mended safely, and the messages that this answers.

    Args:
        text: The text of one file.
        found: What was found in that file.
    """
    edits: dict[Edit, Diagnostic] = {}
    for each in found:
        finder = _FINDERS.get(each.code)
        edit = finder(text, each) if finder else None
        if edit and all(edit.end <= other.start or edit.start >= other.end for other in edits):
            edits[edit] = each
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text, list(edits.values())


def _place(text: str, each: Diagnostic) -> int:
    """Where in the text a message points."""
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: each.span.line - 1])) + each.span.column - 1


def _misspelt(text: str, each: Diagnostic) -> Edit | None:
    """The word replaced by the one that was meant."""
    meant, said = _MEANT.search(each.hint), _QUOTED.findall(each.message)
    if meant is None or not said:
        return None
    start = _place(text, each)
    start += text[start : start + 1] in ("'", '"')
    word = said[-1]
    return Edit(start, start + len(word), meant[1]) if text.startswith(word, start) else None


def _unused(text: str, each: Diagnostic) -> Edit | None:
    """The whole entry left out: its line, and the lines below it that are indented more. Nothing if it shares a line with others."""
    lines = text.splitlines(keepends=True)
    first, indent = each.span.line - 1, each.span.column - 1
    if lines[first][:indent].strip():
        return None
    last = first + 1
    while last < len(lines) and _belongs(lines[last], indent):
        last += 1
    if not _has_sibling(lines[:first], lines[last:], indent):
        first -= 1  # the only one of its kind: its heading goes too
        if first < 0 or not lines[first].rstrip().endswith(":"):
            return None
    start = sum(map(len, lines[:first]))
    return Edit(start, start + sum(map(len, lines[first:last])), "")


def _belongs(line: str, indent: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) > indent


def _has_sibling(before: Sequence[str], after: Sequence[str], indent: int) -> bool:
    """Whether another entry stands at the same depth, next above or below."""
    for lines in (reversed(before), after):
        for line in lines:
            depth = len(line) - len(line.lstrip())
            if line.strip() and not line.lstrip().startswith("#") and depth <= indent:
                if depth == indent:
                    return True
                break
    return False


def _repeated(text: str, each: Diagnostic) -> Edit | None:
    """The second of two equal codes left out, with its comma or its line."""
    code = re.search(r"the code (\S+) twice", each.message)
    if code is None:
        return None
    start = _place(text, each)
    entry = _unused(text, each)
    end = entry.end if entry else text.find("\n", start) % (len(text) + 1)
    places = [m.span() for m in re.compile(_ITEM.format(re.escape(code[1]))).finditer(text, start, end)]
    if len(places) < 2:
        return None
    first, last = places[1]
    before = text[:first].rstrip(" ")
    if before.endswith(","):
        return Edit(len(before) - 1, last, "")
    if before.endswith("-"):
        line = text.rfind("\n", 0, first) + 1
        return Edit(line, text.find("\n", last) + 1 or len(text), "")
    return None


_FINDERS: Final[dict[str, Callable[[str, Diagnostic], Edit | None]]] = {
    **dict.fromkeys(_MISSPELT, _misspelt),
    "ALM309": _unused,
    "ALM310": _repeated,
}
FIXABLE: Final = frozenset(_FINDERS)
"""The codes of messages that may be answered by a fix."""

"""YAML text → nodes that know their place, with no guessing.

Every scalar stays text: the schema of a field decides what ``no``, ``0123`` or ``12:30`` means, never YAML.
Read from PyYAML's *event* stream, not from ``compose``: libyaml's composer recurses and dies of 100,000 nested brackets,
the event stream lets us stop at `MAX_DEPTH`. Refused, each with its place: duplicate keys, anchors, aliases, merge keys, tags,
several documents, tabs, byte order marks, control and invisible characters, and anything too large.
"""

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import yaml

from rules.errors import Diagnostic, RuleError, Span

PACK_FILE: Final = "pack.yaml"
"""The file that makes a folder a pack."""
MAX_BYTES: Final = 1 << 20
_USUAL_BYTES: Final = 1 << 16
"""Room for a file as people write them: making room for the largest, file by file, took longer than reading."""
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Event = Any
"""An event of PyYAML; most kinds have an anchor and a tag, only a scalar has a value."""
_SCALAR: Final = yaml.ScalarEvent
_tuple: Final = tuple.__new__
"""Makes a named tuple from its parts without the detour through Python; a pack has half a million of them."""


class TextNode(NamedTuple):
    """A scalar exactly as written, with its place: ``_replace(text=…)`` is another text that stands there."""

    text: str
    path: str
    line: int = 1
    column: int = 1

    @property
    def span(self) -> Span:
        """Where it stands. Only messages ask: made for each of the many scalars of a pack it would cost as much as the scalar."""
        return Span(self.path, self.line, self.column)

    def __str__(self) -> str:
        return self.text


class ListNode(NamedTuple):
    """A YAML sequence."""

    items: tuple["Node", ...]
    span: Span


class MapNode(NamedTuple):
    """A YAML mapping in the order written; keys are unique."""

    by_key: Mapping[str, tuple[TextNode, "Node"]]
    """The text of each key → the key with its place, and the value."""
    span: Span

    @property
    def entries(self) -> tuple[tuple[TextNode, "Node"], ...]:
        """Each key with its value."""
        return tuple(self.by_key.values())

    def get(self, key: str) -> "Node | None":
        """The value under ``key``, or ``None``."""
        entry = self.by_key.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> TextNode | None:
        """The key itself, for its place."""
        entry = self.by_key.get(key)
        return None if entry is None else entry[0]


Node = TextNode | ListNode | MapNode


class _Refused(Exception):
    def __init__(self, span: Span, code: str, message: str, hint: str = "") -> None:
        self.diagnostic = Diagnostic(span, code, message, hint=hint)


def read_file(path: Path, shown_as: str | None = None) -> MapNode:
    """The mapping at the top of a YAML file.

    Raises:
        RuleError: the text is not the plain YAML that rules are written in; says where and why.
        OSError: the file cannot be read.
    """
    name = shown_as or str(path)
    with path.open("rb") as file:
        data = file.read(_USUAL_BYTES)
        if len(data) == _USUAL_BYTES:
            data += file.read(MAX_BYTES + 1 - _USUAL_BYTES)
    return read(data, name)


def read(data: bytes | str, path: str = "<text>") -> MapNode:
    """The mapping at the top of a YAML text; see `read_file`."""
    try:
        text = _text(data, path)
        node = _Builder(path, text).build()
    except _Refused as refused:
        raise RuleError([refused.diagnostic]) from None
    except yaml.YAMLError as error:
        raise RuleError([_from_yaml(error, path)]) from None
    return node


def _text(data: bytes | str, path: str) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise _Refused(Span(path), "ALM001", f"the file is larger than {MAX_BYTES // 1024} KiB; one rule per file is enough")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Refused(Span(path, line), "ALM002", "the file is not UTF-8 text", "save it as UTF-8") from None
    if text.startswith("\ufeff"):
        raise _Refused(Span(path), "ALM003", "the file starts with a byte order mark", "save it as UTF-8 without BOM")
    for number, row in enumerate(text.split("\n"), 1):
        if row.isascii() and row.isprintable():
            continue
        for column, character in enumerate(row.removesuffix("\r"), 1):
            _check_character(character, Span(path, number, column))
    return text


def _check_character(character: str, span: Span) -> None:
    if character == "\t":
        raise _Refused(span, "ALM004", "a tab character", "indent with spaces")
    if unicodedata.category(character) in _REFUSED_CATEGORIES:
        raise _Refused(span, "ALM005", f"an invisible or control character (U+{ord(character):04X})", "delete it")


def _check_value(value: str, span: Span) -> None:
    """A quoted text can hold escapes: ``"\\u202E"`` is as invisible as the character itself."""
    if not value.isprintable():
        for character in value.replace("\n", ""):
            _check_character(character, span)


def _from_yaml(error: yaml.YAMLError, path: str) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    span = Span(path, mark.line + 1, mark.column + 1) if mark else Span(path)
    problem = getattr(error, "problem", None) or "it cannot be read"
    return Diagnostic(span, "ALM006", f"this is not well-formed YAML: {problem}", hint="check quotes, colons and indentation")


class _Builder:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.count = 0
        self.loader = _LOADER(text)
        self.event: Callable[[], _Event] = self.loader.get_event
        """The next event; ``None`` after the last one."""

    def build(self) -> MapNode:
        try:
            return self.document()
        finally:
            self.loader.dispose()

    def document(self) -> MapNode:
        node: Node | None = None
        while event := self.event():
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise _Refused(self.span(event), "ALM007", "a second YAML document starts here", "keep one document per file")
                node = self.node(self.event(), 1)
        if node is None or (isinstance(node, TextNode) and not node.text):
            raise _Refused(Span(self.path), "ALM008", "the file is empty")
        if not isinstance(node, MapNode):
            raise _Refused(node.span, "ALM009", "expected 'key: value' lines at the top of the file")
        return node

    def span(self, event: _Event) -> Span:
        mark = event.start_mark
        return Span(self.path, mark.line + 1, mark.column + 1)

    def node(self, event: _Event, depth: int) -> Node:
        """The node that ``event`` starts."""
        if type(event) is _SCALAR:
            return self.text(event, depth)
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH or event.anchor or event.tag:
            self.refuse(event, depth)
        if type(event) is yaml.SequenceStartEvent:
            return ListNode(self.items(depth + 1), self.span(event))
        return MapNode(self.entries(depth + 1), self.span(event))

    def text(self, event: _Event, depth: int) -> TextNode:
        """Most of the time of reading is spent here: it looks at each thing once."""
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH or event.anchor or event.tag:
            self.refuse(event, depth)
        value, mark = event.value, event.start_mark
        if not value.isprintable():
            _check_value(value, self.span(event))
        return _tuple(TextNode, (value, self.path, mark.line + 1, mark.column + 1))

    def refuse(self, event: _Event, depth: int) -> NoReturn:
        span = self.span(event)
        if self.count > MAX_NODES:
            raise _Refused(span, "ALM001", f"more than {MAX_NODES} values in one file")
        if depth > MAX_DEPTH:
            raise _Refused(span, "ALM010", f"nested more than {MAX_DEPTH} levels deep")
        if event.anchor:
            raise _Refused(span, "ALM011", "anchors and aliases (& and *) are not allowed", "define it once by name and refer to the name")
        raise _Refused(span, "ALM012", f"the tag {event.tag!r} is not allowed", "write the plain value")

    def items(self, depth: int) -> tuple[Node, ...]:
        event, node, text = self.event, self.node, self.text
        found: list[Node] = []
        while type(start := event()) is not yaml.SequenceEndEvent:
            found.append(text(start, depth) if type(start) is _SCALAR else node(start, depth))
        return tuple(found)

    def entries(self, depth: int) -> dict[str, tuple[TextNode, Node]]:
        event, node, text = self.event, self.node, self.text
        found: dict[str, tuple[TextNode, Node]] = {}
        while type(start := event()) is not yaml.MappingEndEvent:
            if type(start) is not _SCALAR:
                raise _Refused(node(start, depth).span, "ALM014", "a key must be plain text")
            key, name = text(start, depth), start.value
            if name in found or name == "<<" or not name.isascii() or not name.isprintable():
                self.refuse_key(key, found)
            value = event()
            found[name] = key, text(value, depth) if type(value) is _SCALAR else node(value, depth)
        return found

    def refuse_key(self, node: TextNode, earlier: Mapping[str, tuple[TextNode, Node]]) -> NoReturn:
        if node.text == "<<":
            raise _Refused(node.span, "ALM015", "merge keys (<<) are not allowed", "write the values out")
        if not node.text.isascii() or not node.text.isprintable():
            raise _Refused(node.span, "ALM016", "a key may only hold plain ASCII letters, digits and signs")
        raise _Refused(node.span, "ALM013", f"'{node.text}' is written twice (first on line {earlier[node.text][0].span.line})")

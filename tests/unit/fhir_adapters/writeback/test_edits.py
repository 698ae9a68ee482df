"""Edits of JSON text: what is meant changes, and no other byte."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_adapters.writeback.edits import Edit, EditRefused, applied, drop, dumped, holds, include, put
from fhir_adapters.writeback.rawjson import NotJson, Value, read, same, scan

NAMES = st.sampled_from(["a", "b", "status", "note", "é", 'q"\\', "~/"])
NUMBERS = st.sampled_from(["0", "1", "1.0", "1.00", "-0.50", "1e3", "1E+03", "-0.0", "12345678901234567890", "0.1000"])
STRINGS = st.sampled_from(['""', '"x"', '"\\u00e9"', '"é"', '"\\/"', '"2026-01-01T00:00:00.671Z"', '"\\ud83d\\ude00"', '"[{"', '"\\""'])
SPACE = st.sampled_from(["", " ", "\n\t", "\r\n  "])


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text in every spelling: spaces, escapes, numbers with places."""
    kind = draw(st.sampled_from(["object", "array", "plain"] if depth else ["plain"]))
    if kind == "plain":
        return draw(st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"])))
    if kind == "array":
        items = draw(st.lists(texts(depth=depth - 1), max_size=3))
        return f"[{','.join(draw(SPACE) + item + draw(SPACE) for item in items) or draw(SPACE)}]"
    return draw(objects(depth=depth))


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> str:
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    spelt = [json.dumps(name, ensure_ascii=draw(st.booleans())) for name in names]
    members = [draw(SPACE) + name + draw(SPACE) + ":" + draw(SPACE) + draw(texts(depth=depth - 1)) + draw(SPACE) for name in spelt]
    return f"{{{','.join(members) or draw(SPACE)}}}"


VALUES = st.one_of(
    st.sampled_from(["x", "cancelled", True, False, 1, Decimal("1.00"), Decimal("1.0"), "é\n"]),
    st.dictionaries(NAMES, st.sampled_from(["x", 1, Decimal("2.50")]), min_size=1, max_size=2),
    st.lists(st.sampled_from(["x", 1]), min_size=1, max_size=2),
)
EDITS = st.builds(
    lambda act, path, value: Edit(act, tuple(path), None if act == "drop" else value),
    st.sampled_from(["put", "drop", "include"]),
    st.lists(NAMES, min_size=1, max_size=3),
    VALUES,
)


def loaded(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def meant(document: Any, edit: Edit) -> Any:
    """What an edit means, on parsed JSON: a second, naive implementation."""
    *way, last = edit.path
    if edit.act == "drop":
        return without(document, edit.path)
    copy = loaded(dumped(document))
    holder = copy
    for name in way:
        holder = holder.setdefault(name, {})
    if edit.act == "put":
        holder[last] = edit.value
    elif not any(same(item, edit.value) for item in holder.setdefault(last, [])):
        holder[last].append(edit.value)
    return copy


def without(document: Any, path: tuple[str, ...]) -> Any:
    """``document`` without what is at ``path``, and without what that leaves empty."""
    name, *rest = path
    if name not in document:
        return document
    left = without(document[name], tuple(rest)) if rest else {}
    changed = bool(rest) and left == document[name]
    kept = {key: value for key, value in document.items() if key != name}
    return document if changed else {key: left if key == name else value for key, value in document.items()} if left else kept


def done(text: str, *edits: Edit) -> Any:
    try:
        return applied(text, edits)
    except EditRefused:
        assume(False)


@given(texts())
def test_every_value_is_where_it_is_said_to_be(text: str) -> None:
    padded = f" {text}\n"
    assert same(read(padded, scan(padded)), loaded(text))


@given(objects(), EDITS)
def test_an_edit_means_what_it_says(text: str, edit: Edit) -> None:
    assert same(loaded(done(text, edit).text), meant(loaded(text), edit))


@given(objects(), EDITS)
def test_what_is_not_edited_keeps_every_byte(text: str, edit: Edit) -> None:
    after = done(text, edit).text
    kept = alike(text, after) + min(alike(text[::-1], after[::-1]), min(len(text), len(after)) - alike(text, after))
    if edit.act == "drop":
        assert kept == len(after), "something was cut out, and that is all"
    else:
        replaced = pieces_of(text).get(edit.path, "") if edit.act == "put" else ""
        assert kept >= len(text) - len(replaced), "something was put in, or in the place of the old value"


def pieces_of(text: str) -> dict[tuple[str, ...], str]:
    """The text of every value in objects, by its path."""

    def walk(value: Value, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        yield path, text[value.start : value.end]
        for name, member in (value.members or {}).items():
            yield from walk(member.value, (*path, name))

    return dict(walk(scan(text), ()))


def alike(one: str, other: str) -> int:
    """How many characters they begin with that are the same."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@given(objects(), st.lists(EDITS, max_size=4))
def test_done_again_nothing_changes(text: str, edits: list[Edit]) -> None:
    first = done(text, *edits)
    again = applied(first.text, edits[-1:])
    assert (again.text, again.operations) == (first.text, ())


@given(objects(), st.lists(EDITS, max_size=4))
def test_the_json_patch_does_the_same(text: str, edits: list[Edit]) -> None:
    edited = done(text, *edits)
    document = loaded(text)
    for operation in loaded(dumped(edited.operations)):
        patch(document, operation)
    assert same(document, loaded(edited.text))


def patch(document: Any, operation: dict[str, Any]) -> None:
    """RFC 6902, as far as it is used."""
    *way, last = [token.replace("~1", "/").replace("~0", "~") for token in operation["path"].split("/")[1:]]
    for token in way:
        document = document[token]
    if operation["op"] == "remove":
        del document[last]
    elif isinstance(document, list):
        assert (operation["op"], last) == ("add", "-")
        document.append(operation["value"])
    else:
        assert (last in document) == (operation["op"] == "replace")
        document[last] = operation["value"]


TASK = '{"resourceType":"Task",  "status" : "requested","x":1.00,"owner":{"display":"a"},"t":"00:00:00.120Z"}'


def test_examples() -> None:
    edits = [put("status", "cancelled"), put("statusReason/text", "moved"), include("note", {"text": "é"}), drop("owner/display")]
    assert applied(TASK, edits).text == (
        '{"resourceType":"Task",  "status" : "cancelled","x":1.00,"t":"00:00:00.120Z",'
        '"statusReason":{"text":"moved"},"note":[{"text":"é"}]}'
    )
    assert applied('{"a":1}', [drop("a")]).text == "{}"
    assert applied('{"a":1, "b":2}', [drop("a")]).text == '{"b":2}'


@pytest.mark.parametrize("edit", [put("x/y", 1), include("status", 1), put("x/y/z", 1), drop("status/x")])
def test_an_edit_that_supposes_another_structure_is_refused(edit: Edit) -> None:
    with pytest.raises(EditRefused):
        applied(TASK, [edit])


@pytest.mark.parametrize("value", ["", None, [], {}])
def test_nothing_empty_is_written(value: Any) -> None:
    with pytest.raises(EditRefused, match="no empty"):
        put("status", value)


def test_conditions() -> None:
    assert holds(TASK, {"status": ["accepted", "requested"], "owner/display": ["a"], "note": [None]})
    assert not holds(TASK, {"status": ["accepted"]})
    assert not holds(TASK, {"status": [None]})
    assert not holds(TASK, {"x": [Decimal("1.0")]})


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0), ("{", 1), ('{"a":1,}', 7), ('{"a" 1}', 5), ("[1 2]", 3), ("01", 1), ("nul", 0), ('{"a":1} x', 7), ('"\n"', 0),
        ("[" * 300, 201),
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_place(text: str, position: int) -> None:
    with pytest.raises(NotJson, match=rf"character {position}$"):
        scan(text)


def test_what_means_two_things_is_refused() -> None:
    with pytest.raises(NotJson, match="twice"):
        scan('{"status":"a","st\\u0061tus":"b"}')


@given(texts(), st.integers(0, 40), st.sampled_from(list('{}[],:"\\ 0.e-x')))
def test_the_scanner_accepts_what_json_accepts(text: str, at: int, sign: str) -> None:
    broken = text[:at] + sign + text[at + 1 :]
    try:
        expected = json.loads(broken, parse_float=Decimal, parse_constant=lambda _: 1 / 0, object_pairs_hook=once)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(NotJson):
            scan(broken)
    else:
        assert same(read(broken, scan(broken)), expected)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)

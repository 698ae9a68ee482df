"""Rule files with mistakes: the loader says where, what, and what to do, and never raises anything but `RuleError`.

``mistakes/*.txt`` hold one block for each mistake: its name, the lines of ``mistakes/rule.yaml`` that it replaces (``-``), by what
(``+``; invisible characters as escapes), and each message in full (``=``).
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Diagnostic, RuleError
from rules.pack import load_packs
from rules.source import MAX_BYTES, read

FOLDER = Path(__file__).parent / "mistakes"
RULE = (FOLDER / "rule.yaml").read_text(encoding="utf-8")
"""A rule without a mistake."""


def mistakes() -> Iterator[object]:
    for file in sorted(FOLDER.glob("*.txt")):
        for block in file.read_text(encoding="utf-8").rstrip().split("\n\n"):
            name, *lines = block.split("\n")
            old, new, expected = ([line[2:] for line in lines if line[0] == sign] for sign in "-+=")
            became = "\n".join(new).encode("ascii").decode("unicode_escape")
            yield pytest.param("\n".join(old), became, expected, id=f"{file.stem}: {name}")


FILES: list[tuple[str, bytes, str]] = [
    ("nothing at all", b"", "1:1: ALM008 the file is empty"),
    ("only a comment", b"# nothing yet\n", "1:1: ALM008 the file is empty"),
    ("an empty document", b"---\n...\n", "1:1: ALM008 the file is empty"),
    ("a list on top", b"- rule: demo\n", "1:1: ALM009 expected 'key: value' lines at the top of the file"),
    ("a text on top", b"\n  just words\n", "2:3: ALM009 expected 'key: value' lines at the top of the file"),
    ("a byte order mark", b"\xef\xbb\xbfrule: demo\n", "1:1: ALM003 the file starts with a byte order mark (save it as UTF-8 without BOM)"),
    ("UTF-16", "rule: demo\n".encode("utf-16"), "1:1: ALM002 the file is not UTF-8 text (save it as UTF-8)"),
    ("Latin-1", b"rule: demo\ntitle: caf\xe9\n", "2:1: ALM002 the file is not UTF-8 text (save it as UTF-8)"),
    ("an overlong encoding", b"rule: \xc0\xae\n", "1:1: ALM002 the file is not UTF-8 text (save it as UTF-8)"),
    ("a surrogate", b"rule: \xed\xa0\x80\n", "1:1: ALM002 the file is not UTF-8 text (save it as UTF-8)"),
    ("too many bytes", b"x" * (10 * MAX_BYTES), "1:1: ALM001 the file is larger than 1024 KiB; one rule per file is enough"),
    ("too many values", b"rule: [" + b"a," * 100_001 + b"]", "1:200002: ALM001 more than 100000 values in one file"),
    ("100,000 brackets", b"rule: " + b"[" * 100_000, "1:38: ALM010 nested more than 32 levels deep"),
    ("100,000 braces", b"rule: " + b"{a: " * 100_000, "1:128: ALM010 nested more than 32 levels deep"),
    ("100,000 dashes", b"rule:\n " + b"- " * 100_000, "2:64: ALM010 nested more than 32 levels deep"),
    (
        "an alias to itself",
        b"rule: &a [*a]\n",
        "1:7: ALM011 anchors and aliases (& and *) are not allowed (define it once by name and refer to the name)",
    ),
    (
        "an alias to nothing",
        b"rule: *a\n",
        "1:7: ALM011 anchors and aliases (& and *) are not allowed (define it once by name and refer to the name)",
    ),
    (
        "an unfinished quote",
        b"rule: 'demo\n",
        "2:1: ALM006 this is not well-formed YAML: found unexpected end of stream (check quotes, colons and indentation)",
    ),
    (
        "an unknown escape",
        b'rule: "\\q"\n',
        "1:8: ALM006 this is not well-formed YAML: found unknown escape character (check quotes, colons and indentation)",
    ),
    (
        "a directive",
        b"%YAML 3.0\n---\nrule: demo\n",
        "1:1: ALM006 this is not well-formed YAML: found incompatible YAML document (check quotes, colons and indentation)",
    ),
]


def messages(error: RuleError, path: Path) -> list[str]:
    return [str(d).removeprefix(f"{path}:") for d in error.diagnostics]


def test_the_rule_without_a_mistake_loads(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(RULE, encoding="utf-8")
    (pack,) = load_packs(path)
    assert pack.program.rules == ("demo",)


@pytest.mark.parametrize(("old", "new", "expected"), list(mistakes()))
def test_mistake(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert old in RULE
    path = tmp_path / "demo.yaml"
    path.write_bytes(RULE.replace(old, new, 1).encode())
    with pytest.raises(RuleError) as caught:
        load_packs(path)
    assert messages(caught.value, path) == expected


@pytest.mark.parametrize(("data", "expected"), [pytest.param(data, expected, id=name) for name, data, expected in FILES])
def test_file(data: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(data)
    with pytest.raises(RuleError) as caught:
        load_packs(path)
    assert messages(caught.value, path) == [expected]


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Those of one kind of reading: first keys and plain values, then names and types."""
    path = tmp_path / "demo.yaml"
    text = RULE.replace("priority: 50", "priority: 500").replace("  grade: B", "  grade: Z").replace("2026-05-02", "2026-05-32")
    path.write_text(text.replace("level: act", "levle: act").replace("expect: unknown", "expect: maybe"), encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load_packs(path)
    assert [m.split(" ")[:2] for m in messages(caught.value, path)] == [
        ["1:1:", "ALM103"],
        ["4:1:", "ALM102"],
        ["5:11:", "ALM132"],
        ["8:10:", "ALM107"],
        ["50:15:", "ALM107"],
    ]


def test_several_wrong_names_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(
        RULE.replace("    - has diabetes\n", "    - has\n").replace("hba1c > 9 %", "hba1c > 9 kg").replace("no risk\nthen", "norisk\nthen"),
        encoding="utf-8",
    )
    with pytest.raises(RuleError) as caught:
        load_packs(path)
    assert [d.code for d in caught.value.diagnostics] == ["ALM210", "ALM216", "ALM213"]


def test_mistakes_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "pack.yaml").write_text("pack: P\nversion: 1\ntitle: t\nowner: o\n", encoding="utf-8")
    (tmp_path / "rules" / "a.yaml").write_text("- a\n", encoding="utf-8")
    (tmp_path / "rules" / "b.yaml").write_bytes(b"\xff")
    with pytest.raises(RuleError) as caught:
        load_packs(tmp_path)
    assert [(Path(d.span.path).name, d.code) for d in caught.value.diagnostics] == [
        ("pack.yaml", "ALM131"),
        ("pack.yaml", "ALM130"),
        ("a.yaml", "ALM009"),
        ("b.yaml", "ALM002"),
    ]


def test_text_given_as_text_is_checked_as_well() -> None:
    with pytest.raises(RuleError, match="ALM002"):
        read("rule: \ud800")


# ---------------------------------------------------------------- whatever is written


PIECES = st.sampled_from(
    [*RULE.split("\n"), "  - ", "{", "}", "[", "]", ":", "- ", '"', "'", "|", ">", "&a", "*a", "!t", "---", "<<: x", "? ", "\n"]
)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    load(data)


@given(st.lists(PIECES, max_size=30).map("\n".join))
def test_any_text_that_looks_like_yaml(text: str) -> None:
    load(text.encode())


@given(st.integers(0, len(RULE)), st.integers(0, 12), st.text(max_size=8))
def test_any_edit_of_a_rule(place: int, length: int, text: str) -> None:
    """Every message names the file and a line and column that it has."""
    load((RULE[:place] + text + RULE[place + length :]).encode("utf-8", "surrogatepass"))


def load(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "demo.yaml"
        path.write_bytes(data)
        found = diagnostics(path)
    rows = [*data.decode("utf-8", "replace").split("\n"), ""]
    for diagnostic in found:
        assert diagnostic.span.path == str(path)
        assert 1 <= diagnostic.span.line <= len(rows)
        assert diagnostic.span.column >= 1
        assert diagnostic.message


def diagnostics(path: Path) -> tuple[Diagnostic, ...]:
    """What the loader says; nothing if the file is in order."""
    try:
        load_packs(path)
    except RuleError as error:
        return error.diagnostics
    return ()

"""Every message has an example among the mistakes, and every code one meaning."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.errors import RuleError
from rules.pack import load_packs

ROOT = Path(__file__).resolve().parents[3]
MISTAKES = Path(__file__).parent / "mistakes"
RULE = (MISTAKES / "rule.yaml").read_text(encoding="utf-8")
HEADER = "pack: p\nversion: 1.0.0\ntitle: A pack\nowner: us\n"
READING = ("parse", "lowering", "source.py", "scope.py", "examples.py", "imports.py", "pack.py")
"""What reads rule files. Whatever else says something about rules has codes of its own."""
ONE_MEANING = {
    "ALM001": "too large",
    "ALM101": "no mapping where one is wanted",
    "ALM104": "no date",
    "ALM106": "empty",
    "ALM107": "none of the choices",
    "ALM210": "no such fact",
    "ALM213": "no word of the question",
    "ALM216": "another unit",
    "ALM246": "an expression that cannot be read",
}
"""Codes with several wordings, and what all of them mean."""


def messages() -> dict[str, dict[str, set[str]]]:
    """Code → wording in the source → files that use it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file in sorted((ROOT / "rules").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for code, wording in _said(node):
                found[code][wording].add(str(file.relative_to(ROOT / "rules")))
    return found


def _said(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call):
        for code, message in zip(node.args, node.args[1:], strict=False):
            if isinstance(code, ast.Constant) and isinstance(code.value, str) and re.fullmatch(r"ALM\d{3}", code.value):
                yield code.value, re.sub(r"\{[^{}]*\}", "…", ast.unparse(message))


def reads(file: str) -> bool:
    return file.split("/")[0] in READING


def test_every_message_has_an_example() -> None:
    text = "\n".join(f.read_text(encoding="utf-8") for f in MISTAKES.rglob("*.txt"))
    shown = {line.split(" ")[2] for line in text.split("\n") if line.startswith("= ")}
    sources = [f for part in ("parse", "lowering") for f in (ROOT / "rules" / part).glob("*.py")]
    sources += [ROOT / "rules" / name for name in ("scope.py", "examples.py", "imports.py")]
    said = {code for f in sources for code in re.findall(r'"(ALM\d{3})"', f.read_text(encoding="utf-8"))}
    said -= {"ALM000"}  # a file that cannot be read, which the mistakes have no way to show
    assert said
    assert sorted(said - shown) == []


@pytest.mark.parametrize(
    "code",
    sorted(messages()),
)
def test_a_code_has_one_meaning(code: str) -> None:
    wordings = messages()[code]
    reading = {w for w, files in wordings.items() if any(map(reads, files))}
    assert len(reading) <= 1 or code in ONE_MEANING, wordings
    assert not reading or all(reads(f) for files in wordings.values() for f in files), "used by something that reads no rules"


def test_no_code_is_excused_in_vain() -> None:
    several = {code for code, wordings in messages().items() if len(wordings) > 1}
    assert {*ONE_MEANING} <= several


# ---------------------------------------------------------------- mistakes between files


def packs() -> Iterator[object]:
    for block in (MISTAKES / "packs" / "packs.txt").read_text(encoding="utf-8").rstrip().split("\n\n"):
        name, *lines = block.split("\n")
        yield pytest.param(lines, id=name)


@pytest.mark.parametrize("lines", list(packs()))
def test_mistake_in_a_pack(lines: list[str], tmp_path: Path) -> None:
    """``@`` names a file, ``-`` a line that is taken out of it, ``+`` one that is added, ``=`` a message."""
    files = {"pack.yaml": HEADER, "rules/demo.yaml": RULE}
    expected, name = [], ""
    for sign, text in ((line[0], line[2:]) for line in lines):
        if sign == "@":
            name = text
        elif sign == "=":
            expected.append(text)
        elif sign == "-":
            assert f"{text}\n" in files[name]
            files[name] = files[name].replace(f"{text}\n", "")
        else:
            files[name] = files.get(name, "") + f"{text}\n"
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        load_packs(tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/", "").replace(str(tmp_path), "PACK").split("\n") == expected

"""What ``check --fix`` mends, and what it leaves alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from plugin.cli.check import command
from rules.fingerprint import fingerprint
from rules.pack import load_packs

PACK = "pack: p\nversion: 1.0.0\ntitle: A pack\nowner: us\n"
RULE = (Path(__file__).parent / "mistakes" / "rule.yaml").read_text(encoding="utf-8")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "rules" / "demo.yaml").write_text(RULE, encoding="utf-8")
    return tmp_path


def rule_of(pack: Path) -> Path:
    return pack / "rules" / "demo.yaml"


def fix(pack: Path) -> str:
    """What the command says on both streams."""
    return CliRunner().invoke(command, ["--fix", str(pack)]).output


def changed(pack: Path, old: str, new: str) -> str:
    """The rule with one thing changed; its text before."""
    text = rule_of(pack).read_text(encoding="utf-8")
    assert text.count(old) == 1
    rule_of(pack).write_text(text.replace(old, new), encoding="utf-8")
    return text


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("limitations:", "limitation:"),
        ("within: 12 months", "wihtin: 12 months"),
        ("exists: conditions", "exists: condtions"),
        ("level: act", "level: acct"),
        ("status: live", 'status: "lives"'),
    ],
)
def test_misspelt_words_of_the_language_are_mended(pack: Path, right: str, wrong: str) -> None:
    fix(pack)  # names that the example does not use
    before = changed(pack, right, wrong)
    said = fix(pack)
    assert "mended:" in said
    assert rule_of(pack).read_text(encoding="utf-8").replace('"live"', "live") == before


def test_the_authors_own_names_are_never_guessed(pack: Path) -> None:
    fix(pack)
    changed(pack, "- has diabetes", "- has diabets")
    wrong = rule_of(pack).read_text(encoding="utf-8")
    assert "ALM210" in fix(pack)
    assert rule_of(pack).read_text(encoding="utf-8") == wrong


def test_names_without_a_use_go_with_all_that_stands_under_them(pack: Path) -> None:
    changed(pack, "  gap: {time", "  # how long ago\n  spread:\n    exists: procedures\n    within: 1 year\n  gap: {time")
    before = fingerprint(load_packs(pack)[0].program, "demo")
    said = fix(pack)
    text = rule_of(pack).read_text(encoding="utf-8")
    assert said.count("mended:") == 4  # age, sex, spread, gap
    assert "spread" not in text
    assert "gap" not in text
    assert "ALM309" not in "\n".join(line for line in said.splitlines() if not line.startswith("mended:"))
    assert fingerprint(load_packs(pack)[0].program, "demo") == before


def test_the_heading_goes_with_its_last_name(pack: Path) -> None:
    (pack / "pack.yaml").write_text(PACK + "facts:\n  idle: {exists: encounters}\n", encoding="utf-8")
    fix(pack)
    assert (pack / "pack.yaml").read_text(encoding="utf-8") == PACK


def test_names_written_in_one_line_are_left_to_the_author(pack: Path) -> None:
    text = PACK + "facts: {idle: {exists: encounters}}\n"
    (pack / "pack.yaml").write_text(text, encoding="utf-8")
    assert "ALM309" in fix(pack)
    assert (pack / "pack.yaml").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("twice", "once"),
    [
        ("{loinc: [4548-4, 17856-6, 4548-4]}", "{loinc: [4548-4, 17856-6]}"),
        ('{loinc: ["4548-4", 4548-4]}', '{loinc: ["4548-4"]}'),
        ("\n    loinc:\n      - 4548-4\n      - 17856-6\n      - 4548-4", "\n    loinc:\n      - 4548-4\n      - 17856-6"),
    ],
)
def test_a_code_written_twice_stays_once(pack: Path, twice: str, once: str) -> None:
    changed(pack, "{loinc: [4548-4]}", twice)
    assert "ALM310" in fix(pack)
    assert f"HbA1c: {once}\n".replace(": \n", ":\n") in rule_of(pack).read_text(encoding="utf-8").replace(": \n", ":\n")


def test_nothing_to_mend_changes_nothing(pack: Path) -> None:
    fix(pack)
    text = rule_of(pack).read_text(encoding="utf-8")
    assert "mended:" not in fix(pack)
    assert rule_of(pack).read_text(encoding="utf-8") == text


def test_line_ends_and_comments_stay(pack: Path) -> None:
    text = RULE.replace("  sex: {patient: sex}\n", "  sex: {patient: sex}\n  # about diabetes\n").replace("\n", "\r\n")
    rule_of(pack).write_bytes(text.encode())
    assert "mended:" in fix(pack)
    left = rule_of(pack).read_bytes()
    assert b"# about diabetes\r\n" in left
    assert left.count(b"\n") == left.count(b"\r\n")

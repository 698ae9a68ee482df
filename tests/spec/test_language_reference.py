"""The reference page of the language says what the specifications say."""

from pathlib import Path

from support.language_reference import CHAPTERS, page

AGAIN = "out of date: PYTHONPATH=tests python -m support.language_reference"


def test_the_page_is_current(root: Path) -> None:
    committed = (root / "docs" / "reference" / "language.md").read_text(encoding="utf-8")
    assert committed == page(root / "tests" / "spec"), AGAIN


def test_no_chapter_is_forgotten(root: Path) -> None:
    folders = {p.parent.name for p in (root / "tests" / "spec").rglob("test_*.py")} - {"spec"}
    assert folders == set(CHAPTERS)

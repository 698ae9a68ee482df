"""The pages about CDS Hooks clients are what their profiles say now."""

from support.client_pages import FOLDER, LOSSES, pages

WRITTEN = {FOLDER / "trust.md"}
"""By hand: what holds for every client."""


def test_the_pages_are_current() -> None:
    """Otherwise: make docs."""
    files = [*(file for file in FOLDER.glob("*.md") if file not in WRITTEN), LOSSES]
    assert {file: file.read_text(encoding="utf-8") for file in files} == pages()

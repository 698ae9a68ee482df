"""The pages about CDS Hooks clients are what their profiles say now."""

from support.client_pages import FOLDER, LOSSES, pages


def test_the_pages_are_current() -> None:
    """Otherwise: make docs."""
    files = [*FOLDER.glob("*.md"), LOSSES]
    assert {file: file.read_text(encoding="utf-8") for file in files} == pages()

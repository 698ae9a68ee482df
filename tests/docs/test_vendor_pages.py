"""The pages about vendors are what their profiles say now."""

from support.vendor_pages import FOLDER, pages


def test_the_pages_are_current() -> None:
    """Otherwise: make docs."""
    assert {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")} == pages()

"""Cards and set-up sheets as they were looked at and found right."""

from support.cds_goldens import FOLDER, goldens


def test_cards_and_sheets_are_as_written_down() -> None:
    """After a change that is meant: python -m support.cds_goldens, and read the difference."""
    assert {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()} == goldens()

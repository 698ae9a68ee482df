"""The page of constructs names specifications that exist, and snippets that load."""

from pathlib import Path

import pytest
from support.constructs import GRAMMAR, MEASURES, Construct, is_snippet, page, rule, specifications
from support.spec import write_pack

from rules.pack import load_packs

ALL = (*MEASURES, *GRAMMAR)


def test_the_page_is_current(root: Path) -> None:
    committed = (root / "docs" / "reference" / "constructs.md").read_text(encoding="utf-8")
    assert committed == page(), "out of date: PYTHONPATH=tests python -m support.constructs"


def test_every_named_specification_exists() -> None:
    assert {c.shown for c in ALL if c.shown} - specifications() == set()


@pytest.mark.parametrize("construct", [c for c in ALL if is_snippet(c)], ids=lambda c: c.name)
def test_the_snippet_loads(construct: Construct, tmp_path: Path) -> None:
    (pack,) = load_packs(write_pack(tmp_path / "pack", rule(construct)))
    assert pack.program.rules == ("spec",)


def test_nothing_is_named_twice() -> None:
    names = [c.name for c in ALL]
    assert len(names) == len(set(names))

"""What the fuzzer starts from and what it once found, and texts drawn by hypothesis: nothing but a `RuleError`, and what loads runs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rule_texts import CALCULATIONS, CONDITIONS, exercise, seeds

FOUND = Path(__file__).parent / "found"

NAMES = ("has diabetes", "hba1c", "food", "gap", "age", "sex")
GRAMMAR = ("is", "not", "known", "between", "and", "at risk", "%", "years", "min(", "max(", *"+-*/^(),<>=", ">=", "!=")
NUMBERS = ("0", "9", "-1", "1e9", "999999999999999", "0.0000000001", "")
WORDS = st.sampled_from([*NAMES, *GRAMMAR, *NUMBERS])


def test_every_seed() -> None:
    """Most are mistakes; the shipped rules and the lines load."""
    loaded = [exercise(seed) for seed in seeds()]
    assert sum(loaded) >= 10
    assert not all(loaded)


@pytest.mark.parametrize("kind", [b"C", b"E"])
def test_every_line_is_of_its_kind(kind: bytes) -> None:
    assert all(exercise(kind + line) for line in (CONDITIONS if kind == b"C" else CALCULATIONS))


def test_what_was_found_before() -> None:
    for path in sorted(FOUND.iterdir()):
        exercise(path.read_bytes())


@given(st.lists(WORDS, max_size=12).map(" ".join), st.sampled_from([b"C", b"E"]))
def test_any_line_of_words(line: str, kind: bytes) -> None:
    exercise(kind + line.encode())


@given(st.text(max_size=40), st.sampled_from([b"C", b"E"]))
def test_any_line(line: str, kind: bytes) -> None:
    exercise(kind + json.dumps(line).encode())


@given(st.sampled_from(sorted(seeds())), st.data())
def test_any_line_of_a_seed_left_out_or_doubled(seed: bytes, data: st.DataObject) -> None:
    lines = seed.split(b"\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    exercise(b"\n".join(lines[:place] + data.draw(st.sampled_from([[], [lines[place]] * 2])) + lines[place + 1 :]))

"""Rule files of 100 kB made to be slow or deep: each is loaded or refused, and what loads runs. Nothing here may take more than seconds."""

import pytest
from support.rule_texts import RULE, exercise

from rules.errors import did_you_mean

FACT = "  gap: {time since latest: procedures, in: months}\n"
LINE = "    - hba1c > 9 %\n"


def with_facts(*lines: str) -> str:
    return RULE.replace(FACT, FACT + "".join(f"  {line}\n" for line in lines))


def asking(text: str, *lines: str) -> str:
    return text.replace(LINE, "".join(f"    - {line}\n" for line in lines))


def chain(length: int, last: str, link: str) -> tuple[str, ...]:
    """``n0`` rests on ``n1``, that on ``n2``, and so on."""
    links = (f"n{i}: {{{link.format(f'n{i + 1}')}}}" for i in range(length))
    return (*links, f"n{length}: {{{last}}}")


NUMBERED = tuple(f"fact number {i}: {{patient: age}}" for i in range(2000))

LOADS = {
    "a chain of derived facts": asking(with_facts(*chain(1500, "when: has diabetes", "when: {0}")), "n0"),
    "derived facts that meet again and again": asking(with_facts(*chain(60, "when: has diabetes", "when: {{all: [{0}, {0}]}}")), "n0"),
    "a chain of windows": with_facts(*chain(1000, "latest: procedures, unit: '%'", "latest: procedures, unit: '%', since: {0}")),
    "a chain of calculations": with_facts(*chain(1200, "value: hba1c + 1", "value: {0} + 1")),
    "calculations that meet again and again": with_facts(*chain(60, "value: hba1c + 1", "value: {0} + {0}")),
    "many facts, many lines": asking(with_facts(*NUMBERED[:1000]), *(f"fact number {i % 1000} > 3" for i in range(2500))),
    "relations within relations": with_facts(
        "far: {exists: observations, followed by: {events: procedures, " + "followed by: {events: procedures, " * 26 + "}" * 28
    ),
    "spaces in a line": RULE.replace("hba1c > 9 %", f"'hba1c >{' ' * 90_000}9'"),
    "spaces in a calculation": with_facts(f"far: {{value: 'hba1c{' ' * 90_000}+ 2'}}"),
    "a power of a power": with_facts("far: {value: 'hba1c ^ 999999999999999 ^ 999999999999999', round: 9}"),
    "many events in an example": RULE.replace("        - {condition: diabetes}\n", "        - {condition: diabetes}\n" * 3500),
}
REFUSED = {
    "a circle of derived facts": with_facts(*chain(1500, "when: n0", "when: {0}")),
    "wrong names, all alike": asking(with_facts(*NUMBERED), *(f"fact nomber {i}" for i in range(1500))),
    "wrong words, all alike": RULE.replace(
        "      at risk: {loinc: [LA28397-0]}\n", "".join(f"      word {i}: {{loinc: [LA{i}-0]}}\n" for i in range(1000))
    ).replace("  - food is no risk\n", "".join(f"  - food is wird {i}\n" for i in range(1500))),
    "long names, nearly alike": asking(with_facts(f"{'ab' * 10_000}: {{patient: age}}"), f"{'ab' * 9_999}ba > 3"),
    "brackets in a calculation": with_facts(f"far: {{value: '{'(' * 40_000}'}}"),
    "a long calculation": with_facts(f"far: {{value: '{'hba1c - ' * 10_000}1'}}"),
    "a number of 90,000 digits": RULE.replace("hba1c > 9 %", f"hba1c > 9{'9' * 90_000} %"),
    "a window of a window of a window": with_facts(f"far: {{exists: observations, within: '{'1 day after ' * 8000}'}}"),
    "a text full of braces": RULE.replace("HbA1c {hba1c}", "{" * 50_000),
    "many unknown keys": RULE + "".join(f"key{i}: 1\n" for i in range(8000)),
}


@pytest.mark.parametrize("text", LOADS.values(), ids=LOADS.keys())
def test_loads_and_runs(text: str) -> None:
    assert exercise(b"F" + text.encode())


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(text: str) -> None:
    assert not exercise(b"F" + text.encode())


@pytest.mark.parametrize("word", ["fact nomber 77", "fact number77", "fct number 77", "tact number 77"])
def test_a_hint_is_found_in_a_long_list(word: str) -> None:
    """Where names are numbered any of them may be named; it is one that begins or ends as the word does."""
    assert did_you_mean(word, [f"fact number {i}" for i in range(500)]).startswith("did you mean 'fact number ")
    assert did_you_mean(word, [*(f"other {i}" for i in range(500)), "fact number 77"]) == "did you mean 'fact number 77'?"

"""What a prefetch key may hold × what rules make of it: a rule never fires on what nobody said."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from support.cds_calls import AS_OF, condition, hook_call, observation, patient, searchset

from plugin.cds.advice import Considered, consider, undecidable
from plugin.cds.gathering import Gathered, gather
from plugin.cds.prefetch import Tokens, templates
from plugin.cds.request import parse_call
from rules.engines import engine
from rules.pack import Pack, load_packs

TODAY: Final = date.fromisoformat(AS_OF)
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NO_RESULTS: Final = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "warning", "code": "processing", "details": {"coding": [{"code": "4101"}]}}],
}
NEXT: Final = [{"relation": "next", "url": "https://ehr.example/page2"}]
OTHER: Final = {"condition": condition("c2", "195967001"), "observation": observation("o2", "44261-6", "2026-01-01")}
ASKED: Final = {"condition": condition("c1", "44054006"), "observation": observation("o1", "4548-4", "2026-01-01")}

INPUTS: Final = (
    *("absent", "null", "empty bundle", "outcome-only bundle", "OperationOutcome", "partial with a next link"),
    *("less than its total", "another type", "a text", "an object that is no resource", "an error among the entries"),
)
KNOWN: Final = {"empty bundle", "outcome-only bundle"}
"""What surely says that there is nothing. ``null`` does so where the client means that, and must have understood the query."""


def value(named: str, key: str) -> Any:
    """What a client sends for a key; ``...`` if it leaves it out."""
    return {
        "absent": ...,
        "null": None,
        "empty bundle": searchset(),
        "outcome-only bundle": searchset(NO_RESULTS, total=0),
        "OperationOutcome": ERROR,
        "partial with a next link": searchset(OTHER[key], link=NEXT),
        "less than its total": searchset(OTHER[key], total=2),
        "another type": searchset(patient()),
        "a text": "none",
        "an object that is no resource": {"entry": "x"},
        "an error among the entries": searchset(ERROR),
    }[named]


@dataclass(frozen=True)
class Shape:
    """A way in which a rule may rest on presence or absence."""

    take: str
    when: str
    fires_on_nothing: bool
    fires_on_one: bool


SHAPES: Final = (
    Shape("exists", "it", False, True),
    Shape("exists", "{not: it}", True, False),
    Shape("count", "it > 0", False, True),
    Shape("count", "it = 0", True, False),
    Shape("count", "{not: it > 0}", True, False),
    Shape("count", "{none: [it = 1, it = 2]}", True, False),
)
READS: Final = {
    "condition": "conditions, code: diabetes",
    "observation": "observations, code: HbA1c, within: 12 months",
}
RULE: Final = """\
rule: it
title: What is made of what is missing
status: live
level: watch
priority: 50
why: A rule never fires on what nobody said.
evidence:
  grade: expert opinion
  citations:
    - title: A test
      url: https://example.org
released: 2026-01-01
limitations: It is a test.
valuesets:
  HbA1c: {{loinc: [4548-4]}}
  diabetes: {{snomed: ["44054006"]}}
facts:
  it: {{{take}: {reads}}}
when:
  all: [{when}]
then:
  card:
    summary: Something
    indicator: info
examples:
  as_of: 2026-06-30
  cases:
    - name: nothing
      patient: {{birth: 1970-07-01}}
      events: []
      expect: {expected}
"""


def pack_of(shape: Shape, key: str, folder: Path) -> Pack:
    (folder / "it.yaml").write_text(
        RULE.format(take=shape.take, reads=READS[key], when=shape.when, expected="yes" if shape.fires_on_nothing else "no"),
        encoding="utf-8",
    )
    (pack,) = load_packs(folder / "it.yaml")
    return pack


def asked(pack: Pack, sent: Any, key: str, means: Literal["empty", "unknown"], tokens: Tokens) -> tuple[Gathered, Considered]:
    """What is gathered and considered of a call that sends one thing under every key of a type, and all else."""
    wanted = templates([pack.program], tokens)
    keys: dict[str, Any] = {each.key: sent if each.key.startswith(key) else searchset() for each in wanted} | {"patient": patient()}
    call = parse_call(hook_call({name: each for name, each in keys.items() if each is not ...}), "patient-view")
    gathered = gather(call, wanted, None, TODAY, means)
    return gathered, consider([pack], gathered.record, TODAY, engine("reference"), gathered.unavailable)


@pytest.mark.parametrize("means", ["empty", "unknown"])
@pytest.mark.parametrize("tokens", ["2.0", "3.0"])
@pytest.mark.parametrize("key", READS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.take} {shape.when}")
def test_no_rule_fires_on_what_nobody_said(
    shape: Shape, key: str, tokens: Tokens, means: Literal["empty", "unknown"], tmp_path: Path
) -> None:
    pack = pack_of(shape, key, tmp_path)
    understood = tokens == "2.0" or key == "condition"
    for named in INPUTS:
        known = named in KNOWN or (named == "null" and means == "empty" and understood)
        gathered, considered = asked(pack, value(named, key), key, means, tokens)
        assert bool(considered.advice) is (known and shape.fires_on_nothing), named
        assert considered.nothing is not known, named
        assert any(name.startswith(key) for name in undecidable(considered, gathered)) is not known, named


@pytest.mark.parametrize("key", READS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.take} {shape.when}")
def test_what_is_there_counts(shape: Shape, key: str, tmp_path: Path) -> None:
    pack = pack_of(shape, key, tmp_path)
    _, considered = asked(pack, searchset(ASKED[key]), key, "unknown", "2.0")
    assert bool(considered.advice) is shape.fires_on_one
    _, considered = asked(pack, searchset(ASKED[key], link=NEXT), key, "unknown", "2.0")
    assert bool(considered.advice) is (shape.fires_on_one and shape.take == "exists")


def test_there_are_presence_and_absence_rules() -> None:
    assert len(INPUTS) >= 7
    assert {(shape.fires_on_nothing, shape.fires_on_one) for shape in SHAPES} == {(True, False), (False, True)}

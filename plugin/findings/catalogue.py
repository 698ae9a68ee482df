"""A page about each rule, computed from the rule itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plugin.translations import marked
from rules import document as doc
from rules.attributes import Use, uses
from rules.examples import ExampleCase
from rules.explain import short
from rules.ir import PatientFact
from rules.pack import Pack
from rules.reads import Reads, reads

STATUSES: Final = {
    "draft": marked("draft"),
    "silent": marked("silent"),
    "pilot": marked("pilot"),
    "live": marked("live"),
    "retired": marked("retired"),
}
"""The states of rules, which staff read as well."""
ANSWERS: Final = {"yes": marked("yes"), "no": marked("no"), "unknown": marked("unknown")}
EXPERT_OPINION: Final = marked("expert opinion")
"""The only grade of evidence that is no letter."""


@dataclass(frozen=True, slots=True)
class RulePage:
    """Everything that is to be said about a rule."""

    pack: doc.Pack
    rule: doc.Rule
    reads: tuple[Reads, ...]
    uses: tuple[Use, ...]
    cases: tuple[ExampleCase, ...]
    source: str


def rule_page(packs: Sequence[Pack], rule_id: str) -> RulePage:
    """The page of a rule.

    Raises:
        KeyError: no pack has such a rule.
    """
    for pack in packs:
        if rule_id in pack.program.rules:
            rule = pack.rule(rule_id)
            return RulePage(
                pack=pack.document,
                rule=rule,
                reads=tuple(line for name in pack.program.facts_behind(rule_id) for line in reads(pack.program.by_name[name])),
                uses=uses(pack.program, rule_id),
                cases=tuple(case for case in pack.cases if case.rule == rule_id),
                source=Path(rule.id.span.path).read_text(encoding="utf-8-sig"),
            )
    raise KeyError(rule_id)


def rules_by_id(packs: Sequence[Pack]) -> dict[str, doc.Rule]:
    """Every rule of every pack."""
    return {rule.id.text: rule for pack in packs for rule in pack.document.rules}


def patient_facts(packs: Sequence[Pack]) -> dict[str, frozenset[str]]:
    """For each rule, the names of its facts about the patient (age, sex, deceased); the others are about events."""
    return {
        rule: frozenset(short(name) for name in pack.program.facts_behind(rule) if isinstance(pack.program.by_name[name], PatientFact))
        for pack in packs
        for rule in pack.program.rules
    }

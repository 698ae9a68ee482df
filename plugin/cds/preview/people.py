"""The people on the page: the first example of each rule of which the rule says yes. Nobody real."""

from collections.abc import Iterable
from typing import Final

from plugin.cds.advice import Advice, advise
from rules.engines.reference import ReferenceEngine
from rules.pack import Pack

_MOST: Final = 1000
"""Pieces of advice: all of them."""


def examples(packs: Iterable[Pack]) -> dict[str, str]:
    """Rule → title, of the rules in use that have such an example; the most urgent first."""
    yes = {case.rule for pack in packs for case in pack.cases if case.expect == "yes"}
    rules = sorted((rule for pack in packs for rule in pack.document.rules if rule.is_in_use), key=lambda rule: -rule.priority)
    return {rule.id.text: rule.title for rule in rules if rule.id.text in yes}


def advice_about_example(packs: Iterable[Pack], rule: str) -> Advice | None:
    """What ``rule`` advises about its example; ``None`` if it advises nothing (before it is effective, for one)."""
    for pack in packs:
        for case in pack.cases:
            if case.rule == rule and case.expect == "yes":
                found = advise([pack], case.record, case.as_of, ReferenceEngine(), _MOST)
                return next((each for each in found if each.rule.id.text == rule), None)
    return None

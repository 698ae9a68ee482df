"""What a condition can answer at all: a search over every kind of value that its facts can have.

The search is exact for facts that have nothing to do with each other, and says *possible* where they have: what it calls impossible is
impossible. Numbers are tried at, between and beyond the limits that conditions name; words are tried one by one; every fact is also
tried as unknown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor
from typing import Final

from rules import arithmetic, ir, logic
from rules.facts import Value
from rules.fingerprint import Meanings
from rules.grammar import SEXES

Answers = frozenset[bool | None]

EVERY: Final[Answers] = frozenset({True, False, None})
_MOST_STEPS: Final = 5_000
"""Steps of one search; beyond it nothing is said."""
_ANOTHER_WORD: Final = "\0"
"""Stands for every word that no condition names."""


class _TooMany(Exception):
    pass


class Reasoning:
    """Questions about the conditions of one program. Facts that are defined alike are one fact, whatever they are called."""

    def __init__(self, program: ir.Program) -> None:
        self._program = program
        self._meanings = Meanings(program)
        self._domains = _Domains(program, self._meanings)
        self._places = {derived.name: place for place, derived in enumerate(program.derived)}
        self._answers: dict[logic.Condition, Answers] = {}
        self._facts: dict[str, frozenset[str]] = {}

    def answers(self, condition: logic.Condition) -> Answers:
        """The answers that the condition can give."""
        if isinstance(condition, logic.Leaf) and condition.fact in self._program.by_name:
            return self._domains.answers(condition)
        found = self._answers.get(condition)
        if found is None:
            search = self._search([(condition, EVERY)])
            possible = (answer for answer in (True, False, None) if self._possible([(condition, frozenset({answer}))]))
            found = self._answers[condition] = search.at_once() or frozenset(possible)
        return found

    def implies(self, narrow: str, wide: str) -> bool:
        """Whether it is certain that whenever the rule ``narrow`` says yes, ``wide`` says yes too."""
        if not self.facts(wide) <= self.facts(narrow):
            return False
        conditions = self._program.conditions
        return not self._possible([(conditions[narrow], frozenset({True})), (conditions[wide], EVERY - {True})])

    def facts(self, rule: str) -> frozenset[str]:
        """The facts whose values a rule's condition reads, by their meaning."""
        if rule not in self._facts:
            conditions = self._program.conditions
            self._facts[rule] = frozenset(self._meanings.of_name(name) for name in _names(conditions, [rule]) if name not in conditions)
        return self._facts[rule]

    def _possible(self, wanted: Sequence[tuple[logic.Condition, Answers]]) -> bool:
        try:
            return self._search(wanted).found({})
        except _TooMany:
            return True

    def _search(self, wanted: Sequence[tuple[logic.Condition, Answers]]) -> "_Search":
        used = _names(self._program.conditions, [leaf.fact for condition, _ in wanted for leaf in logic.leaves(condition)])
        places = sorted(self._places[name] for name in used & self._places.keys())
        return _Search([self._program.derived[place] for place in places], self._domains, wanted)


def _names(conditions: Mapping[str, logic.Condition], waiting: list[str]) -> set[str]:
    """The facts and derived facts that conditions mention, directly or through derived ones."""
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [leaf.fact for leaf in logic.leaves(conditions[name])] if name in conditions else []
    return seen


class _Search:
    def __init__(
        self,
        derived: Sequence[ir.Derived],
        domains: "_Domains",
        wanted: Sequence[tuple[logic.Condition, Answers]],
    ) -> None:
        """``derived`` are the derived facts that the wanted conditions use, in dependency order."""
        self._domains, self._wanted = domains, wanted
        self._derived = derived
        self._steps = 0

    def at_once(self) -> Answers | None:
        """What the one condition can answer if no fact and no derived fact is mentioned twice; else ``None``.

        Parts without a fact in common answer independently of each other, so that nothing need be tried out.
        """
        ((condition, _),) = self._wanted
        mentioned = [leaf.fact for each in (*(d.condition for d in self._derived), condition) for leaf in logic.leaves(each)]
        inner = {derived.name for derived in self._derived}
        if len({name if name in inner else self._domains.meaning(name) for name in mentioned}) < len(mentioned):
            return None
        return self._look({})[1][0]

    def _look(self, chosen: Mapping[str, Value]) -> tuple[list[str], list[Answers]]:
        """The facts that are still open, and what each condition can answer, while some facts are ``chosen``."""
        look = _Look(self._domains, chosen)
        for derived in self._derived:
            look.derived[derived.name] = look.at(derived.condition)
        return look.open, [look.at(condition) for condition, _ in self._wanted]

    def found(self, chosen: dict[str, Value]) -> bool:
        """Whether the facts not yet ``chosen`` can have values so that every condition gives an answer that is wanted of it."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooMany
        facts, answers = self._look(chosen)
        outcomes = [(outcome, wanted) for outcome, (_, wanted) in zip(answers, self._wanted, strict=True)]
        if any(outcome.isdisjoint(wanted) for outcome, wanted in outcomes):
            return False
        if all(outcome <= wanted for outcome, wanted in outcomes):
            return True
        fact = facts[0]
        return any(self.found({**chosen, fact: value}) for value in self._domains.of_fact(fact))


class _Look:
    """The possible answers of conditions while some facts are ``chosen`` and each other mention of a fact may be anything."""

    def __init__(self, domains: "_Domains", chosen: Mapping[str, Value]) -> None:
        self._domains, self._chosen = domains, chosen
        self.derived: dict[str, Answers] = {}
        """What the derived facts can answer; filled in dependency order."""
        self.open: list[str] = []
        """The facts met that are not chosen."""

    def at(self, condition: logic.Condition) -> Answers:
        match condition:
            case logic.Not(part):
                return _contrary(self.at(part))
            case logic.All(parts):
                return _conjunction([self.at(part) for part in parts])
            case logic.Any(parts):
                return _contrary(_conjunction([_contrary(self.at(part)) for part in parts]))
            case logic.AtLeast(parts, number):
                return _at_least(number, [self.at(part) for part in parts])
        return self._leaf(condition)

    def _leaf(self, leaf: logic.Leaf) -> Answers:
        if leaf.fact in self.derived:
            inner = self.derived[leaf.fact]
            return frozenset(answer is not None for answer in inner) if isinstance(leaf, logic.Known) else inner
        fact = self._domains.meaning(leaf.fact)
        if fact in self._chosen:
            return frozenset({logic.truth(leaf, {leaf.fact: self._chosen[fact]})})
        self.open.append(fact)
        return self._domains.answers(leaf)


def _contrary(answers: Answers) -> Answers:
    return frozenset(None if answer is None else not answer for answer in answers)


def _conjunction(parts: Sequence[Answers]) -> Answers:
    """The answers that *all of* can give when each part can give these."""
    found: set[bool | None] = set()
    if all(True in part for part in parts):
        found.add(True)
    if any(False in part for part in parts):
        found.add(False)
    if any(None in part for part in parts) and all(part != {False} for part in parts):
        found.add(None)
    return frozenset(found)


def _at_least(number: int, parts: Sequence[Answers]) -> Answers:
    """The answers that *at least so many of* can give when each part can give these."""
    counts = {(0, 0)}  # how many are yes, how many unknown
    for part in parts:
        counts = {(yes + (answer is True), unknown + (answer is None)) for yes, unknown in counts for answer in part}
    return frozenset(True if yes >= number else None if yes + unknown >= number else False for yes, unknown in counts)


# ---------------------------------------------------------------- which values to try


class _Domains:
    """For every fact, by its meaning: one value of each kind that some condition of the program can tell from others."""

    def __init__(self, program: ir.Program, meanings: Meanings) -> None:
        self.meaning: Callable[[str], str] = meanings.of_name
        leaves: dict[str, list[logic.Leaf]] = {self.meaning(fact.name): [] for fact in program.facts}
        for leaf in _all_leaves(program):
            if leaf.fact in program.by_name:
                leaves[self.meaning(leaf.fact)].append(leaf)
        facts = {self.meaning(fact.name): fact for fact in program.facts}
        self._values = {key: (*_values(fact, leaves[key]), None) for key, fact in facts.items()}
        self._answers: dict[logic.Leaf, Answers] = {}

    def of_fact(self, meaning: str) -> tuple[Value, ...]:
        """The values to try of a fact."""
        return self._values[meaning]

    def answers(self, leaf: logic.Leaf) -> Answers:
        """What a line can answer when its fact may be anything."""
        found = self._answers.get(leaf)
        if found is None:
            values = self._values[self.meaning(leaf.fact)]
            found = self._answers[leaf] = frozenset(logic.truth(leaf, {leaf.fact: value}) for value in values)
        return found


def _all_leaves(program: ir.Program) -> Iterator[logic.Leaf]:
    for condition in program.conditions.values():
        yield from logic.leaves(condition)
    for fact in program.facts:
        if isinstance(fact, ir.ComputedFact):
            for branch in fact.branches:
                yield from logic.leaves(branch.when)


def _values(fact: ir.Fact, leaves: list[logic.Leaf]) -> tuple[Value, ...]:
    match fact.type:
        case "yes/no":
            return (True, False)
        case "word":
            return _words(fact, leaves)
        case "date":
            return ("",)
    if isinstance(fact, ir.ComputedFact):
        constants = [branch.value.number for branch in fact.branches if isinstance(branch.value, arithmetic.Constant)]
        if len(constants) == len(fact.branches):
            return tuple(dict.fromkeys(arithmetic.rounded(number, fact.places) for number in constants))
    limits = sorted({leaf.number for leaf in leaves if isinstance(leaf, logic.Compare)})
    whole = isinstance(fact, ir.EventFact) and fact.aggregate in ("count", "time since latest")
    if whole or (isinstance(fact, ir.PatientFact) and fact.attribute == "age"):
        return tuple(n for n in _whole_numbers(limits) if n >= 0 or not whole)
    return tuple(_numbers(limits))


def _words(fact: ir.Fact, leaves: list[logic.Leaf]) -> tuple[str, ...]:
    if isinstance(fact, ir.ComputedFact):
        return fact.words
    if isinstance(fact, ir.EventFact):
        series = fact.series
        return tuple(word for word, _ in series.words if series.answers is None or word in series.answers)
    if fact.attribute == "sex":
        return SEXES
    return (*dict.fromkeys(leaf.word for leaf in leaves if isinstance(leaf, logic.Is)), _ANOTHER_WORD)


def _numbers(limits: Sequence[float]) -> Iterator[float]:
    """Every limit, and a number below, between and above them."""
    if not limits:
        yield 0.0
        return
    yield limits[0] - 1
    for low, high in pairwise(limits):
        yield from (low, (low + high) / 2)
    yield from (limits[-1], limits[-1] + 1)


def _whole_numbers(limits: Sequence[float]) -> list[float]:
    """The whole numbers at and next to every limit, and nought."""
    return sorted({0.0, *(float(n) for limit in limits for n in (ceil(limit) - 1, floor(limit), ceil(limit), floor(limit) + 1))})

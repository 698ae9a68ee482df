"""A pack's program: every fact and rule lowered, and put in order."""

from collections.abc import Iterable

from rules import document as doc
from rules import ir, logic
from rules.errors import RuleError, Span
from rules.lowering.conditions import lower_condition
from rules.lowering.facts import lower_fact
from rules.parse.fields import Problems
from rules.scope import Scope


def lower(pack: doc.Pack) -> ir.Program:
    """The program of a whole pack.

    Raises:
        RuleError: with every mistake found in names, types and units.
    """
    problems = Problems()
    program = _Rules(problems).program(pack)
    if problems.found:
        raise RuleError(problems.found)
    return program


class Parts:
    """What a program is made of, collected from vocabularies."""

    def __init__(self, problems: Problems) -> None:
        """Nothing yet; mistakes go to ``problems``."""
        self.problems = problems
        self.facts: dict[str, ir.Fact] = {}
        self.derived: dict[str, ir.Derived] = {}
        self.places: dict[str, Span] = {}

    def vocabulary(self, vocabulary: doc.Vocabulary, scope: Scope) -> None:
        """Add every fact of a vocabulary."""
        for fact in vocabulary.facts:
            name = scope.full_name(fact.name.text)
            self.places[name] = fact.name.span
            if isinstance(fact, doc.DerivedFact):
                self.derived[name] = ir.Derived(name, lower_condition(fact.when, scope))
            else:
                self.facts[name] = lower_fact(name, fact, scope)

    def together(self, rules: tuple[str, ...]) -> ir.Program:
        """The program; ``rules`` names the derived values that are asked for."""
        order = Ordering(self.facts, self.derived, self.places, self.problems)
        return ir.Program(order.facts(), order.derived(), rules)


class _Rules(Parts):
    def program(self, pack: doc.Pack) -> ir.Program:
        shared = Scope.of(pack.vocabulary, None, self.problems, period=pack.period)
        self.vocabulary(pack.vocabulary, shared)
        rules: list[str] = []
        for rule in pack.rules:
            scope = Scope.of(rule.vocabulary, shared, self.problems, prefix=f"{rule.id}/")
            self.vocabulary(rule.vocabulary, scope)
            self.rule(rule, pack.population, scope, shared)
            rules.append(rule.id.text)
        return self.together(tuple(rules))

    def rule(self, rule: doc.Rule, population: doc.ConditionText | None, scope: Scope, shared: Scope) -> None:
        parts = [lower_condition(population, shared)] if population else []
        parts.append(lower_condition(rule.when, scope))
        parts += [logic.Not(lower_condition(item, scope)) for item in rule.unless]
        if rule.id.text in self.places:
            self.problems.add(rule.id.span, "ALM230", f"'{rule.id}' is defined twice (first at {self.places[rule.id.text]})")
        self.derived[rule.id.text] = ir.Derived(rule.id.text, parts[0] if len(parts) == 1 else logic.All(tuple(parts)))
        self.places[rule.id.text] = rule.id.span


class Ordering:
    """Facts before what is counted from them, derived values after what they rest on; circles are reported with their path."""

    def __init__(self, facts: dict[str, ir.Fact], derived: dict[str, ir.Derived], places: dict[str, Span], problems: Problems) -> None:
        self._facts, self._derived, self._places, self._problems = facts, derived, places, problems

    def facts(self) -> tuple[ir.Fact, ...]:
        """The base facts in evaluation order."""
        uses = {name: list(ir.rests_on(fact)) for name, fact in self._facts.items()}
        return tuple(self._facts[n] for n in self._sorted(uses))

    def derived(self) -> tuple[ir.Derived, ...]:
        """The derived facts and rules in dependency order."""
        uses = {n: [leaf.fact for leaf in logic.leaves(d.condition)] for n, d in self._derived.items()}
        return tuple(self._derived[n] for n in self._sorted(uses))

    def _sorted(self, uses: dict[str, list[str]]) -> Iterable[str]:
        done: dict[str, None] = {}
        for name in uses:
            self._visit(name, uses, done, ())
        return done

    def _visit(self, name: str, uses: dict[str, list[str]], done: dict[str, None], path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            self._problems.add(self._places[name], "ALM220", f"facts depend on each other in a circle: {circle}")
            return
        if name in done or name not in uses:
            return
        for used in uses[name]:
            self._visit(used, uses, done, (*path, name))
        done[name] = None

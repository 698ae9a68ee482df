"""A pack's program: every fact and rule lowered, and put in order."""

from collections.abc import Iterable, Iterator

from rules import document as doc
from rules import ir, logic
from rules.errors import RuleError, Span
from rules.lowering.conditions import lower_condition
from rules.lowering.facts import lower_fact
from rules.parse.fields import Problems
from rules.scope import Scope


def lower(pack: doc.Pack, *, reads_files: bool = True) -> ir.Program:
    """The program of a whole pack. Without ``reads_files`` value sets in files have no codes: enough to look for mistakes in names.

    Raises:
        RuleError: with every mistake found in names, types and units.
    """
    problems = Problems()
    program = _Rules(problems).program(pack, reads_files=reads_files)
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
            self._fact(fact, scope)

    def _fact(self, fact: doc.Fact, scope: Scope) -> None:
        name = scope.full_name(fact.name.text)
        self.places[name] = fact.name.span
        if isinstance(fact, doc.DerivedFact):
            self.derived[name] = ir.Derived(name, lower_condition(fact.when, scope))
        else:
            self.facts[name] = lower_fact(name, fact, scope)

    def imported(self, pack: doc.Pack, asked: Iterable[str]) -> None:
        """The imported facts that something here rests on or that are ``asked`` for, and no others: their sets need not even be read."""
        libraries = {fact.name.text: (fact, library) for library in pack.libraries() for fact in library.vocabulary.facts}
        scopes: dict[str, Scope] = {}
        waiting = [*self._named(), *asked]
        while waiting:
            name = waiting.pop()
            if name in self.places or name not in libraries:
                continue
            fact, library = libraries[name]
            if library.id not in scopes:  # of its own: a library never sees the names of those who use it, but their period
                scopes[library.id] = Scope.of_pack(library, self.problems, period=pack.period)
            self._fact(fact, scopes[library.id])
            waiting += self._rests_on(name)

    def _named(self) -> list[str]:
        return [used for name in (*self.facts, *self.derived) for used in self._rests_on(name)]

    def _rests_on(self, name: str) -> list[str]:
        if name in self.derived:
            return [leaf.fact for leaf in logic.leaves(self.derived[name].condition)]
        return list(ir.rests_on(self.facts[name]))

    def together(self, rules: tuple[str, ...]) -> ir.Program:
        """The program; ``rules`` names the derived values that are asked for."""
        order = Ordering(self.facts, self.derived, self.places, self.problems)
        return ir.Program(order.facts(), order.derived(), rules)


class _Rules(Parts):
    def program(self, pack: doc.Pack, *, reads_files: bool) -> ir.Program:
        shared = Scope.of_pack(pack, self.problems, reads_files=reads_files)
        self.vocabulary(pack.vocabulary, shared)
        rules: list[str] = []
        for rule in pack.rules:
            scope = Scope.of(rule.vocabulary, shared, self.problems, prefix=f"{rule.id}/")
            self.vocabulary(rule.vocabulary, scope)
            self.rule(rule, pack.population, scope, shared)
            rules.append(rule.id.text)
        self.refuse_names_of_imports(pack)
        self.imported(pack, (name.text for rule in pack.rules for example in rule.examples for name, _ in example.facts))
        return self.together(tuple(rules))

    def rule(self, rule: doc.Rule, population: doc.ConditionText | None, scope: Scope, shared: Scope) -> None:
        parts = [lower_condition(population, shared)] if population else []
        parts.append(lower_condition(rule.when, scope))
        parts += [logic.Not(lower_condition(item, scope)) for item in rule.unless]
        if rule.id.text in self.places:
            self.problems.add(rule.id.span, "ALM230", f"'{rule.id}' is defined twice (first at {self.places[rule.id.text]})")
        self.derived[rule.id.text] = ir.Derived(rule.id.text, parts[0] if len(parts) == 1 else logic.All(tuple(parts)))
        self.places[rule.id.text] = rule.id.span

    def refuse_names_of_imports(self, pack: doc.Pack) -> None:
        places = {fact.name.text: fact.name.span for library in pack.libraries() for fact in library.vocabulary.facts}
        for rule in pack.rules:
            if earlier := places.get(rule.id.text):
                self.problems.add(rule.id.span, "ALM230", f"'{rule.id}' is defined twice (first at {earlier})")


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
            self._visit(name, uses, done)
        return done

    def _visit(self, first: str, uses: dict[str, list[str]], done: dict[str, None]) -> None:
        """What ``first`` rests on, then itself. Without recursion: a chain may be longer than the stack is deep."""
        path: dict[str, Iterator[str]] = {first: iter(uses[first])}
        while path:
            name = next(reversed(path))
            used = next((n for n in path[name] if n in uses and n not in done), None)
            if used is None:
                done[name] = None
                del path[name]
            elif used in path:
                names = list(path)
                circle = " -> ".join([*names[names.index(used) :], used])
                self._problems.add(self._places[used], "ALM220", f"facts depend on each other in a circle: {circle}")
            else:
                path[used] = iter(uses[used])

"""Document → program: names become codes, lines become typed comparisons, defaults become explicit."""

import re
from collections.abc import Iterable
from typing import Final, get_args

from rules import document as doc
from rules import ir
from rules.errors import RuleError, Span, did_you_mean
from rules.facts import TABLES, Coding
from rules.grammar import ATTRIBUTES, SEXES
from rules.parse.fields import BLANK, Problems
from rules.scope import Scope, type_of
from rules.source import TextNode
from rules.units import canonical, conversions

_NUMBER: Final = r"(-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?)"
_COMPARE: Final = re.compile(rf"(>=|<=|!=|=|>|<) *{_NUMBER}(?: +(\S.*))?")
_BETWEEN: Final = re.compile(rf"between {_NUMBER} and {_NUMBER}(?: +(\S.*))?")
_AFTER_NAME: Final = re.compile(r" (?:is|between|>=|<=|!=|=|>|<)(?: |$)")


def lower(pack: doc.Pack) -> ir.Program:
    """The program of a whole pack.

    Raises:
        RuleError: with every mistake found in names, types and units.
    """
    problems = Problems()
    program = _Lowering(problems).program(pack)
    if problems.found:
        raise RuleError(problems.found)
    return program


class _Lowering:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.facts: dict[str, ir.Fact] = {}
        self.derived: dict[str, ir.Derived] = {}
        self.places: dict[str, Span] = {}

    def program(self, pack: doc.Pack) -> ir.Program:
        shared = Scope.of(pack.vocabulary, None, self.problems)
        self.vocabulary(pack.vocabulary, shared)
        rules: list[str] = []
        for rule in pack.rules:
            scope = Scope.of(rule.vocabulary, shared, self.problems, prefix=f"{rule.id}/")
            self.vocabulary(rule.vocabulary, scope)
            self.rule(rule, pack.population, scope, shared)
            rules.append(rule.id.text)
        order = Ordering(self.facts, self.derived, self.places, self.problems)
        return ir.Program(order.facts(), order.derived(), tuple(rules))

    def rule(self, rule: doc.Rule, population: doc.ConditionText | None, scope: Scope, shared: Scope) -> None:
        parts = [self.condition(population, shared)] if population else []
        parts.append(self.condition(rule.when, scope))
        parts += [ir.Not(self.condition(item, scope)) for item in rule.unless]
        if rule.id.text in self.places:
            self.problems.add(rule.id.span, "ALM230", f"'{rule.id}' is defined twice (first at {self.places[rule.id.text]})")
        self.derived[rule.id.text] = ir.Derived(rule.id.text, parts[0] if len(parts) == 1 else ir.All(tuple(parts)))
        self.places[rule.id.text] = rule.id.span

    # ---------------------------------------------------------------- facts

    def vocabulary(self, vocabulary: doc.Vocabulary, scope: Scope) -> None:
        for fact in vocabulary.facts:
            name = scope.full_name(fact.name.text)
            self.places[name] = fact.name.span
            if isinstance(fact, doc.DerivedFact):
                self.derived[name] = ir.Derived(name, self.condition(fact.when, scope))
            elif isinstance(fact, doc.PatientFact):
                self.facts[name] = self.patient_fact(name, fact)
            else:
                self.facts[name] = self.event_fact(name, fact, scope)

    def patient_fact(self, name: str, fact: doc.PatientFact) -> ir.PatientFact:
        attribute = fact.attribute.text
        if attribute not in ATTRIBUTES:
            hint = did_you_mean(attribute, ATTRIBUTES) or f"one of: {', '.join(ATTRIBUTES)}"
            self.problems.add(fact.attribute.span, "ALM201", f"a patient has no '{attribute}'", hint)
        return ir.PatientFact(name, attribute, type_of(fact))

    def event_fact(self, name: str, fact: doc.EventFact, scope: Scope) -> ir.EventFact:
        question = scope.question(fact.question) if fact.question else None
        codes = self.codes(fact, question, scope)
        self.check_keys(fact)
        unit = canonical(fact.unit.text) if fact.unit else None
        return ir.EventFact(
            name=name,
            aggregate=fact.aggregate.text,
            tables=tuple(t.text for t in fact.tables),
            type=type_of(fact),
            codes=codes,
            statuses=self.statuses(fact),
            within=fact.within,
            since=self.anchor(fact.since, scope) if fact.since else None,
            household=fact.household,
            unit=unit,
            conversions=conversions(codes or (), unit) if unit else (),
            words=tuple((w.text, frozenset(a)) for w, a in question.words) if question and fact.aggregate.text == "latest" else (),
            scale=fact.scale,
        )

    def codes(self, fact: doc.EventFact, question: doc.Question | None, scope: Scope) -> frozenset[Coding] | None:
        if fact.question is not None:
            return frozenset(question.codes) if question else frozenset()
        if isinstance(fact.code, doc.ValueSet):
            return frozenset(fact.code.codes)
        return None if fact.code is None else frozenset(scope.codes(fact.code))

    def check_keys(self, fact: doc.EventFact) -> None:
        """What one aggregate needs and another cannot have."""
        aggregate, span = fact.aggregate.text, fact.aggregate.span
        if fact.question and fact.code:
            self.problems.add(fact.question.span, "ALM202", "a question brings its own codes: leave out 'code'")
        if aggregate == "latest" and not fact.question and not fact.unit:
            self.problems.add(
                span, "ALM203", f"'{fact.name}' has neither 'unit' nor 'question'", 'a number needs its unit, such as unit: "%"'
            )
        if fact.unit and (aggregate != "latest" or fact.question):
            self.problems.add(
                fact.unit.span, "ALM204", f"'unit' has no meaning here: {'an answer' if fact.question else aggregate} has no unit"
            )
        if (aggregate == "time since latest") != bool(fact.scale):
            self.problems.add(span, "ALM205", "'time since latest' is counted 'in' days, weeks, months or years; nothing else is")

    def statuses(self, fact: doc.EventFact) -> tuple[tuple[str, frozenset[str]], ...]:
        written = frozenset(s.text for s in fact.statuses) if fact.statuses is not None else None
        known = frozenset().union(*(TABLES[t.text].known for t in fact.tables if t.text in TABLES))
        for status in fact.statuses or ():
            if status.text not in known and status is not BLANK:
                hint = did_you_mean(status.text, known) or f"one of: {', '.join(sorted(known))}"
                self.problems.add(status.span, "ALM206", f"{' or '.join(t.text for t in fact.tables)} have no status '{status}'", hint)
        return tuple((t.text, TABLES[t.text].counted if written is None else written) for t in fact.tables if t.text in TABLES)

    def anchor(self, name: TextNode, scope: Scope) -> str:
        fact = scope.fact(name)
        if fact is not None and not (isinstance(fact, doc.EventFact) and fact.aggregate.text == "latest"):
            self.problems.add(name.span, "ALM207", f"'since' needs a fact that is the latest of something; '{name}' is not")
        return scope.resolve(name.text)

    # ---------------------------------------------------------------- conditions

    def condition(self, written: doc.ConditionText, scope: Scope) -> ir.Condition:
        if isinstance(written, doc.Leaf):
            return self.leaf(written.text, scope)
        parts = tuple(self.condition(part, scope) for part in written.parts)
        match written.kind:
            case "any":
                return parts[0] if len(parts) == 1 else ir.Any(parts)
            case "none" | "not":
                return ir.Not(parts[0] if len(parts) == 1 else ir.Any(parts))
        return parts[0] if len(parts) == 1 else ir.All(parts)

    def leaf(self, line: TextNode, scope: Scope) -> ir.Condition:
        name = scope.longest_fact(line.text)
        if name is None:
            word = _AFTER_NAME.split(line.text)[0]
            if line is not BLANK:
                self.problems.add(line.span, "ALM210", f"there is no fact called '{word}'", did_you_mean(word, scope.fact_names()))
            return ir.All(())
        fact, full, rest = scope.facts_in_view()[name], scope.resolve(name), line.text[len(name) :].strip()
        kind = type_of(fact)
        if rest in ("is known", "is unknown"):
            return ir.Known(full) if rest == "is known" else ir.Not(ir.Known(full))
        if kind == "yes/no":
            return self.yes_no(full, name, rest, line)
        return self.word(full, name, rest, line, fact, scope) if kind == "word" else self.comparison(full, name, rest, line, fact)

    def yes_no(self, full: str, name: str, rest: str, line: TextNode) -> ir.Condition:
        if rest:
            self.problems.add(line.span, "ALM211", f"'{name}' is yes/no; it stands alone, without '{rest}'")
        return ir.Holds(full)

    def word(self, full: str, name: str, rest: str, line: TextNode, fact: doc.Fact, scope: Scope) -> ir.Condition:
        if not rest.startswith("is "):
            self.problems.add(line.span, "ALM212", f"'{name}' is a word: say which, such as \"{name} is {self.some_word(fact, scope)}\"")
            return ir.All(())
        word, allowed = rest.removeprefix("is "), self.words(fact, scope)
        if negated := word not in allowed and word.startswith("not "):  # a word may itself be 'not wanted'
            word = word.removeprefix("not ")
        if allowed and word not in allowed:
            self.problems.add(
                line.span, "ALM213", f"'{name}' is never '{word}'", did_you_mean(word, allowed) or f"one of: {', '.join(allowed)}"
            )
        return ir.Not(ir.Is(full, word)) if negated else ir.Is(full, word)

    def words(self, fact: doc.Fact, scope: Scope) -> tuple[str, ...]:
        if isinstance(fact, doc.EventFact) and fact.question and (question := scope.question(fact.question, quiet=True)):
            return tuple(w.text for w, _ in question.words)
        return SEXES if isinstance(fact, doc.PatientFact) and fact.attribute.text == "sex" else ()

    def some_word(self, fact: doc.Fact, scope: Scope) -> str:
        return next(iter(self.words(fact, scope)), "…")

    def comparison(self, full: str, name: str, rest: str, line: TextNode, fact: doc.Fact) -> ir.Condition:
        compare, between = _COMPARE.fullmatch(rest), _BETWEEN.fullmatch(rest)
        if compare:
            self.check_unit(name, compare[3], line, fact)
            op = next(o for o in get_args(ir.Operator) if o == compare[1])
            return ir.Compare(full, op, float(compare[2]))
        if between:
            self.check_unit(name, between[3], line, fact)
            low, high = float(between[1]), float(between[2])
            if low > high:
                self.problems.add(
                    line.span, "ALM214", f"nothing is between {between[1]} and {between[2]}", "write the smaller number first"
                )
            return ir.All((ir.Compare(full, ">=", low), ir.Compare(full, "<=", high)))
        self.problems.add(
            line.span, "ALM215", f"'{name}' is a number: compare it, such as \"{name} > 9\"" + (f"; cannot read '{rest}'" if rest else "")
        )
        return ir.All(())

    def check_unit(self, name: str, written: str | None, line: TextNode, fact: doc.Fact) -> None:
        own = canonical(fact.unit.text) if isinstance(fact, doc.EventFact) and fact.unit else None
        if isinstance(fact, doc.EventFact) and fact.scale and written and written.removesuffix("s") == fact.scale:
            return
        if isinstance(fact, doc.PatientFact) and written in ("years", "year"):
            return
        if written and canonical(written) != own:
            counted = own or (f"{fact.scale}s" if isinstance(fact, doc.EventFact) and fact.scale else "no unit")
            self.problems.add(line.span, "ALM216", f"'{name}' is measured in {counted}; this compares it with {written}")


class Ordering:
    """Facts before what is counted since them, derived values after what they rest on; circles are reported with their path."""

    def __init__(self, facts: dict[str, ir.Fact], derived: dict[str, ir.Derived], places: dict[str, Span], problems: Problems) -> None:
        self._facts, self._derived, self._places, self._problems = facts, derived, places, problems

    def facts(self) -> tuple[ir.Fact, ...]:
        """The base facts in evaluation order."""
        uses = {n: ([f.since] if isinstance(f, ir.EventFact) and f.since else []) for n, f in self._facts.items()}
        return tuple(self._facts[n] for n in self._sorted(uses))

    def derived(self) -> tuple[ir.Derived, ...]:
        """The derived facts and rules in dependency order."""
        uses = {n: [leaf.fact for leaf in ir.leaves(d.condition)] for n, d in self._derived.items()}
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

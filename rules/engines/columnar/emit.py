"""Program → one SQL statement. SQL's AND, OR and NOT on NULL *are* Kleene's logic, so a rule is its own formula.

The shape, measured to be the fastest: events ⋈ feature tables, one ``GROUP BY (person, feature)``, pivot to one row a person, then one
projection for each layer of computed and derived values.
"""

from datetime import date
from typing import Final, NamedTuple

from rules.arithmetic import Arithmetic, Constant, Expression, Reading
from rules.engines.columnar.aggregates_sql import DATED
from rules.engines.columnar.dialects import Dialect
from rules.engines.columnar.features import Feature, Features
from rules.engines.columnar.matching_sql import matching
from rules.engines.columnar.reducing_sql import Reducing, age
from rules.engines.matching import rank_of_word
from rules.facts import HOUSEHOLD, TABLES
from rules.ir import ComputedFact, PatientFact, Program, rests_on
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Not, leaves

_WIDE: Final = ("layer", "result")
"""Steps of one row for each person and many columns. The rows of all others are kept: a planner that wrote a step into each of those that
read it would plan and run it again and again."""


class Step(NamedTuple):
    """A named query that later ones read."""

    name: str
    query: str


def step(expression: str) -> Step:
    """``name AS (query)`` taken apart."""
    name, _, query = expression.strip().partition(" AS (")
    return Step(name, query.removesuffix(")"))


class Emitter:
    """Writes the statement for one program and one day."""

    def __init__(self, program: Program, as_of: date, dialect: Dialect) -> None:
        """``as_of`` is the day as things stood; ``dialect`` says what differs between databases."""
        self.program = program
        self.as_of = as_of
        self.sql = dialect
        self.features = Features(program)
        self.reducing = Reducing(self.features, as_of, dialect)
        own = {f.name: f"f{i}" for i, f in enumerate(program.facts)}
        self.facts = own | {name: own[twin] for name, twin in program.twins.items()}
        self.columns = self.facts | {d.name: f"d{i}" for i, d in enumerate(program.derived)}

    def statement(self, *, ordered: bool = False) -> str:
        """One row for each person asked about: ``pid``, ``id``, then each of `columns` once; if ``ordered``, by ``pid``."""
        *steps, last = self.steps()
        named = [f"{step.name} AS {'' if step.name.startswith(_WIDE) else 'MATERIALIZED '}({step.query})" for step in steps]
        return "WITH " + ",\n".join(named) + f"\n{last.query}" + (" ORDER BY pid" if ordered else "")

    def steps(self) -> list[Step]:
        """The same in steps, for a database that would rather keep what is between; the last one is the result."""
        reducing = self.reducing
        found = [*map(step, matching(self.features, self.as_of, self.sql)), *map(step, reducing.expressions())]
        if self.features.households:
            gaps = ", ".join(f"bool_or(no_{table}) AS no_{table}" for table in TABLES)
            found.append(Step("home", f"SELECT home, {gaps} FROM person GROUP BY home"))
        found.append(Step("layer0", self._facts()))
        for number, layer in enumerate(self._layers(), 1):
            found.append(Step(f"layer{number}", f"SELECT *, {', '.join(layer)} FROM {found[-1].name}"))
        return [*found, Step("result", f"SELECT pid, id, {', '.join(dict.fromkeys(self.columns.values()))} FROM {found[-1].name}")]

    # ---------------------------------------------------------------- one row for each person

    def _facts(self) -> str:
        base = [f for f in self.program.facts if not isinstance(f, ComputedFact) and f.name not in self.program.twins]
        columns = [f"{self._patient(f) if isinstance(f, PatientFact) else self._event(f.name)} AS {self.facts[f.name]}" for f in base]
        anchors = {self.features.anchor(name) for name in self.features.anchors}
        ages = {number for number, _ in self.features.ages.values()}
        numbers = sorted({f.number for f in self.features.facts if not f.seen} | {-1 - number for number in anchors} | ages)
        wide = [f"{self.sql.pivot('long', numbers or [0])} w ON w.pid = p.pid"]
        wide += [f"({query}) b{n} ON b{n}.pid = p.pid" for n, query in enumerate(self.reducing.glances.side_by_side())]
        homes = "JOIN home h ON h.home = p.home" if self.features.households else ""
        picked, joined = ", ".join(["p.pid", "p.id", *columns]), " LEFT JOIN ".join(wide)
        return f"SELECT {picked} FROM person p {homes} LEFT JOIN {joined} WHERE p.asked"

    def _event(self, name: str) -> str:
        feature = self.features.by_fact[name]
        gap, v = self._gap(feature), f'w."{feature.number}"'
        if feature.number in self.features.quick:
            return self.reducing.glances.value(feature, gap)
        match feature.kind:
            case "exists":
                value = f"CASE WHEN {v} = 1 THEN TRUE WHEN {v} IS NOT NULL OR {gap} THEN NULL ELSE FALSE END"
            case "all":
                value = f"CASE WHEN {v} = 0 THEN FALSE WHEN {v} = 1 AND NOT {gap} THEN TRUE END"
            case "count" | "days" | "days covered":
                value = f"CASE WHEN {gap} OR isnan({v}) THEN NULL ELSE coalesce({v}, 0e0) END"
            case _:
                value = f"CASE WHEN NOT {gap} THEN {v} END"
        placed = self._placed(feature.fact.window.anchors)
        return f"CASE WHEN {placed} THEN {value} END" if placed else value

    def _gap(self, feature: Feature) -> str:
        """Whether anything that the feature asks about was not read."""
        household = feature.fact.household
        gaps = [f"{'h' if household else 'p'}.no_{table}" for table in feature.series.tables]
        return "(" + " OR ".join(gaps + ([f"p.no_{HOUSEHOLD}"] if household else [])) + ")"

    def _placed(self, anchors: tuple[str, ...]) -> str:
        """Whether there are days to count from; nothing if none are needed."""
        tests = []
        for name in anchors:
            anchor, counted = self.features.by_fact.get(name), f'w."{-1 - self.features.anchor(name)}" IS NOT NULL'
            near = self.reducing.glances.near(anchor) if anchor and anchor.quick and anchor.kind in DATED else ""
            tests.append(f"({near} OR {counted})" if near else counted)
            if anchor:
                tests += [f"NOT {self._gap(anchor)}", self._placed(anchor.fact.window.anchors)]
        return " AND ".join(filter(None, tests))

    def _patient(self, fact: PatientFact) -> str:
        match fact.attribute:
            case "age" if fact.name in self.features.ages:
                v = f'w."{self.features.ages[fact.name][0]}"'
                return f"CASE WHEN {self._placed(rests_on(fact))} THEN {v} END"
            case "age":
                day = self.sql.day(fact.on.fixed(self.as_of) if fact.on else self.as_of)
                return f"CASE WHEN {age('p.birth_low', day)} = {age('p.birth_high', day)} THEN {age('p.birth_low', day)} END"
            case "birth":
                return f"CASE WHEN p.birth_low = p.birth_high THEN {self.sql.iso('p.birth_low')} END"
            case "deceased":
                today = self.sql.day(self.as_of)
                died = f"CASE WHEN p.died_high <= {today} THEN TRUE WHEN p.died_low <= {today} THEN NULL ELSE FALSE END"
                return f"CASE WHEN p.deceased AND p.died_low IS NOT NULL THEN {died} ELSE p.deceased END"
        return f"p.{fact.attribute}"

    # ---------------------------------------------------------------- computed facts and rules

    def _layers(self) -> list[list[str]]:
        """Computed and derived values as columns, in layers: each uses only what stands in earlier ones."""
        level: dict[str, int] = {}
        layers: list[list[str]] = []
        for fact in self.program.facts:
            if isinstance(fact, ComputedFact) and fact.name not in self.program.twins:
                self._put(fact.name, fact.uses(), self._computed(fact), level, layers)
        for derived in self.program.derived:
            used = [leaf.fact for leaf in leaves(derived.condition)]
            self._put(derived.name, used, self._formula(derived.condition), level, layers)
        return layers

    def _put(self, name: str, uses: "list[str] | tuple[str, ...]", expression: str, level: dict[str, int], layers: list[list[str]]) -> None:
        column = self.columns[name]
        level[column] = 1 + max((level.get(self.columns[used], -1) for used in uses), default=-1)
        if level[column] == len(layers):
            layers.append([])
        layers[level[column]].append(f"{expression} AS {column}")

    def _computed(self, fact: ComputedFact) -> str:
        cases = ""
        for branch in fact.branches:
            holds = self._formula(branch.when)
            value = self.sql.text(branch.value) if isinstance(branch.value, str) else self._rounded(self._number(branch.value), fact.places)
            cases += f" WHEN {holds} IS NULL THEN NULL WHEN {holds} THEN {value}"
        return f"CAST(CASE{cases} END AS {'STRING' if fact.type == 'word' else 'DOUBLE'})"

    def _rounded(self, value: str, places: int | None) -> str:
        if places is None:
            return value
        scale = self.sql.number(10.0**places)
        return f"(floor({self.sql.finite(f'({value} * {scale})')} + 0.5e0) / {scale})"

    def _number(self, expression: Expression) -> str:
        match expression:
            case Constant(number):
                return self.sql.number(number)
            case Reading(fact):
                return self.columns[fact]
            case Arithmetic(op, left, right):
                a, b = self._number(left), self._number(right)
                match op:
                    case "/":
                        return self.sql.finite(f"(CASE WHEN {b} <> 0 THEN {a} / {b} END)")
                    case "^":
                        return self.sql.finite(f"(CASE WHEN {a} > 0 THEN pow({a}, {b}) END)")
                    case "log":
                        return self.sql.finite(f"(CASE WHEN {a} > 0 AND {b} > 0 AND {b} <> 1 THEN ln({a}) / ln({b}) END)")
                    case "min" | "max":
                        pick = "least" if op == "min" else "greatest"
                        return f"(CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN {pick}({a}, {b}) END)"
                return self.sql.finite(f"({a} {op} {b})")

    def _formula(self, condition: Condition) -> str:
        match condition:
            case Not(part):
                return f"(NOT {self._formula(part)})"
            case All(parts) | Any(parts):
                word, empty = (" AND ", "TRUE") if isinstance(condition, All) else (" OR ", "FALSE")
                return f"({word.join(map(self._formula, parts)) or empty})"
            case AtLeast(parts, number):
                return self._at_least([self._formula(part) for part in parts], number)
            case Holds(fact):
                return self.columns[fact]
            case Known(fact):
                return f"({self.columns[fact]} IS NOT NULL)"
            case Is(fact, word):
                return f"({self.columns[fact]} = {self._word(fact, word)})"
            case Compare(fact, op, number):
                return f"({self.columns[fact]} {'<>' if op == '!=' else op} {self.sql.number(number)})"

    def _word(self, fact: str, word: str) -> str:
        """A word as it stands in a column: of an answer its rank."""
        feature = self.features.by_fact.get(fact)
        return str(rank_of_word(feature.series, word)) if feature else self.sql.text(word)

    def _at_least(self, parts: list[str], number: int) -> str:
        certain = " + ".join(f"CASE WHEN {part} THEN 1 ELSE 0 END" for part in parts)
        possible = " + ".join(f"CASE WHEN NOT {part} THEN 0 ELSE 1 END" for part in parts)
        return f"(CASE WHEN {certain} >= {number} THEN TRUE WHEN {possible} < {number} THEN FALSE END)"

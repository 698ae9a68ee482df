"""A program's event facts as data: small tables that the emitted SQL joins the events with.

So the text of the query hardly depends on the rules; a value set of thousands of codes is rows, not SQL.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from rules.days import Duration
from rules.facts import HOUSEHOLD, NUMBERS, TABLES
from rules.ir import Bound, EventFact, PatientFact, Program, Relation, Series, ValueTest

_INT, _TEXT, _YES, _DAY, _NUMBER = pa.int32(), pa.string(), pa.bool_(), pa.date32(), pa.float64()
SCHEMAS: Final[dict[str, dict[str, pa.DataType]]] = {
    "feature": {
        **{"fid": _INT, "reading": _INT, "kind": _TEXT, "quick": _YES, "stage": _INT, "timing": _TEXT},
        **{"lo": _DAY, "up": _DAY, "bounds": _INT},
    },
    "feature_bound": {"fid": _INT, "anchor": _INT, "lower": _YES, "days": _INT, "months": _INT, "more": _INT},
    "reading": {"number": _INT, "sid": _INT, "household": _YES},
    "series": {
        **{"sid": _INT, "coded": _YES, "worded": _YES, "usable": _YES, "judging": _YES, "level": _INT},
        **{
            "at_least": _NUMBER,
            "above": _NUMBER,
            "at_most": _NUMBER,
            "below": _NUMBER,
            "other_than": _NUMBER,
            "tested": _YES,
            "answered": _YES,
        },
    },
    "series_table": {"sid": _INT, "tbl": _INT},
    "series_status": {"sid": _INT, "tbl": _INT, "status": _TEXT},
    "series_code": {"sid": _INT, "system": _TEXT, "code": _TEXT},
    "series_word": {"sid": _INT, "system": _TEXT, "code": _TEXT, "rank": _INT},
    "series_answer": {"sid": _INT, "rank": _INT},
    "series_unit": {"sid": _INT, "unit": _TEXT, "factor": _NUMBER, "shift": _NUMBER},
    "series_role": {"sid": _INT, "role": _TEXT},
    "series_tag": {"sid": _INT, "role": _TEXT, "system": _TEXT, "code": _TEXT},
    "relation": {
        **{"rid": _INT, "outer_sid": _INT, "inner_sid": _INT, "present": _YES, "backwards": _YES},
        **{"least_days": _INT, "least_months": _INT, "most_days": _INT, "most_months": _INT, "open": _YES, "period": _YES},
    },
}


@dataclass(frozen=True, slots=True)
class NumberedSeries:
    """A series with a number: however many facts read it, its events are looked for once."""

    number: int
    series: Series
    judging: bool
    """Whether a fact asks of all its events if they pass: then those that do not pass are of it too."""
    level: int
    """0: no relations; else one more than the highest level among its relations."""
    relations: tuple[tuple[Relation, int], ...]
    """Each relation with the number of its inner series."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A fact with a number, or several that mean the same."""

    number: int
    fact: EventFact
    reading: int
    """The number of what it reads: a series, of the person alone or of the household."""
    kind: str
    stage: int
    """0, or one more than the highest stage among the facts that its window is counted from."""

    @property
    def series(self) -> Series:
        """Which events it is about."""
        return self.fact.series

    @property
    def quick(self) -> bool:
        """Whether one look at the events answers it; see `rules.engines.columnar.glance_sql`."""
        window = self.fact.window
        told = self.kind in ("exists", "latest word")
        told = told or ((self.kind == "latest" or self.kind.endswith("since")) and not self.series.words)
        return told and window.timing == "starts" and not window.anchors and not window.upper

    @property
    def seen(self) -> bool:
        """Whether that look always answers it."""
        return self.quick and self.kind == "exists"


class Features:
    """The event facts of a program and what they read, numbered; the innermost series first."""

    def __init__(self, program: Program) -> None:
        """Number the facts and series of ``program``."""
        self.facts: list[Feature] = []
        """Each once, however many mean the same."""
        self.series: dict[tuple[Series, bool], NumberedSeries] = {}
        """By series, and whether it is `NumberedSeries.judging`."""
        self.by_fact: dict[str, Feature] = {}
        self.births: dict[str, int] = {}
        """Patient facts from which windows count, with the number that stands for them."""
        self.ages: dict[str, tuple[int, Bound]] = {}
        """Ages on a day that is counted from another fact, each with the number that stands for it."""
        for fact in program.facts:
            if isinstance(fact, EventFact):
                twin = program.twins.get(fact.name)
                self.by_fact[fact.name] = self.by_fact[twin] if twin else self._add(fact)
            elif isinstance(fact, PatientFact) and fact.attribute == "birth":
                self.births[fact.name] = -1_000_000 - len(self.births)
            elif isinstance(fact, PatientFact) and fact.on and fact.on.anchor:
                self.ages[fact.name] = 2_000_000 + len(self.ages), fact.on
        self.quick = {f.number for f in self.facts if f.quick}
        """The facts that one look at the events answers; see `rules.engines.columnar.glance_sql`."""

    @property
    def households(self) -> bool:
        """Whether a fact asks of everybody in the household."""
        return any(f.fact.household for f in self.facts)

    @property
    def stages(self) -> list[int]:
        """The stages that there are."""
        return sorted({f.stage for f in self.facts})

    @property
    def levels(self) -> list[int]:
        """The levels of relations that there are, without 0."""
        return sorted({series.level for series in self.series.values()} - {0})

    def anchor(self, name: str) -> int:
        """The number of a fact that a window counts from."""
        return self.births[name] if name in self.births else self.by_fact[name].number

    @property
    def anchors(self) -> set[str]:
        """The facts that windows and ages count from."""
        of_windows = {name for f in self.facts for name in f.fact.window.anchors}
        return of_windows | {on.anchor for _, on in self.ages.values() if on.anchor}

    @property
    def dated(self) -> list[int]:
        """The numbers of the event facts among the anchors."""
        return sorted({self.by_fact[name].number for name in self.anchors if name in self.by_fact})

    def _add(self, fact: EventFact) -> Feature:
        series = self._numbered(fact.series, judging=fact.aggregate == "all")
        stages = [self.by_fact[a].stage + 1 if a in self.by_fact else 0 for a in fact.window.anchors]
        reading = 2 * series.number + fact.household
        self.facts.append(Feature(len(self.facts), fact, reading, _kind(fact), max(stages, default=0)))
        return self.facts[-1]

    def _numbered(self, series: Series, *, judging: bool = False) -> NumberedSeries:
        if (series, judging) not in self.series:
            inner = [self._numbered(relation.series) for relation in series.relations]
            level = max((each.level + 1 for each in inner), default=0)
            relations = tuple(zip(series.relations, (each.number for each in inner), strict=True))
            self.series[series, judging] = NumberedSeries(len(self.series), series, judging, level, relations)
        return self.series[series, judging]


def _kind(fact: EventFact) -> str:
    """How the events become one value: the aggregate, told apart by what it gives."""
    match fact.aggregate:
        case "count":
            return "days" if fact.days else "count"
        case "time since latest":
            return f"{fact.scale}s since"
        case "latest" | "earliest" if fact.type == "word":
            return f"{fact.aggregate} word"
        case "latest" | "earliest" if fact.ties:
            return f"{fact.aggregate} {fact.ties}"
        case "trend":
            return f"trend {fact.scale}"
    return fact.aggregate


# ---------------------------------------------------------------- as rows


def tables(features: Features, as_of: date) -> dict[str, pa.Table]:
    """The feature tables, by name."""
    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in SCHEMAS}
    for numbered in features.series.values():
        sid, series = numbered.number, numbered.series
        rows["series"].append(_series(numbered))
        rows["series_table"] += [(sid, NUMBERS[tbl]) for tbl, _ in series.statuses]
        rows["series_status"] += [(sid, NUMBERS[tbl], status) for tbl, counted in series.statuses for status in sorted(counted)]
        rows["series_code"] += [(sid, *coding) for coding in sorted(series.codes or ())]
        rows["series_word"] += [(sid, *coding, 2 * i) for i, (_, answers) in enumerate(series.words) for coding in sorted(answers)]
        rows["series_answer"] += [(sid, 2 * i) for i, (word, _) in enumerate(series.words) if word in (series.answers or ())]
        rows["series_unit"] += [(sid, row.source or "", row.factor, row.offset) for row in series.conversions]
        rows["series_role"] += [(sid, role) for role in sorted({tag.role for tag in series.tags})]
        rows["series_tag"] += [(sid, tag.role, *coding) for tag in series.tags for coding in sorted(tag.codes)]
        rows["relation"] += [_relation(len(rows["relation"]) + i, sid, r, inner) for i, (r, inner) in enumerate(numbered.relations)]
    for feature in features.facts:
        rows["feature"].append(_feature(feature, as_of, quick=feature.number in features.quick))
        rows["feature_bound"] += _bounds(feature, features)
    rows["reading"] += [(number, number // 2, number % 2 == 1) for number in sorted({feature.reading for feature in features.facts})]
    return {name: table(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def _feature(feature: Feature, as_of: date, *, quick: bool) -> tuple[object, ...]:
    window = feature.fact.window
    anchored = sum(1 for bound in (*window.lower, *window.upper) if bound.anchor)
    lasts = [b.fixed(as_of) for b in window.upper if b.anchor is None]
    return (
        *(feature.number, feature.reading, feature.kind, quick, feature.stage, window.timing),
        *(first_day(feature, as_of), min([as_of, *lasts]), anchored),
    )


def first_day(feature: Feature, as_of: date) -> date:
    """The first day of its window, as far as that needs no other fact."""
    return max([date.min, *(b.fixed(as_of) for b in feature.fact.window.lower if b.anchor is None)])


def _series(numbered: NumberedSeries) -> tuple[object, ...]:
    series = numbered.series
    return (
        *(numbered.number, series.codes is not None, bool(series.words), series.usable, numbered.judging, numbered.level),
        *_limits(series.values),
        bool(series.values),
        series.answers is not None,
    )


def _limits(tests: tuple[ValueTest, ...]) -> tuple[float | None, ...]:
    """``at_least, above, at_most, below, other_than``: the tests as one interval."""

    def of(*ops: str) -> list[float]:
        return [test.number for test in tests if test.op in ops]

    return (
        max(of(">=", "="), default=None),
        max(of(">"), default=None),
        min(of("<=", "="), default=None),
        min(of("<"), default=None),
        next(iter(of("!=")), None),
    )


def _relation(rid: int, outer: int, relation: Relation, inner: int) -> tuple[object, ...]:
    return (
        rid,
        outer,
        inner,
        relation.present,
        relation.backwards,
        *_length(relation.least),
        *_length(relation.most),
        relation.most is None,
        relation.period,
    )


def _bounds(feature: Feature, features: Features) -> list[tuple[object, ...]]:
    window = feature.fact.window
    both = [(b, True) for b in window.lower if b.anchor] + [(b, False) for b in window.upper if b.anchor]
    return [(feature.number, features.anchor(b.anchor or ""), lower, *shift(b)) for b, lower in both]


def shift(bound: Bound) -> tuple[int, int, int]:
    """How far a bound lies from its day, as days and months, and then further days: between them the calendar may end."""
    days, months = _length(bound.offset)
    return (-days, -months, bound.days) if bound.backwards else (days, months, bound.days)


def _length(length: Duration | None) -> tuple[int, int]:
    """A length of time as days and months, one of them 0."""
    if length is None:
        return 0, 0
    if length.unit in ("day", "week"):
        return length.count * (7 if length.unit == "week" else 1), 0
    return 0, length.count * (12 if length.unit == "year" else 1)


def table(rows: list[tuple[object, ...]], schema: dict[str, pa.DataType]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(schema.items(), columns, strict=True)})


SOURCES: Final = (*TABLES, HOUSEHOLD)
"""What may be missing about a person."""

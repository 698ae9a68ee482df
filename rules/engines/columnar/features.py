"""A program's event facts as data: small tables that the emitted SQL joins the events with.

So the text of the query hardly depends on the rules; a value set of thousands of codes is rows, not SQL.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from rules.days import Duration
from rules.facts import HOUSEHOLD, TABLES
from rules.ir import Bound, EventFact, PatientFact, Program, Relation, Series, ValueTest

_INT, _TEXT, _YES, _DAY, _NUMBER = pa.int32(), pa.string(), pa.bool_(), pa.date32(), pa.float64()
SCHEMAS: Final[dict[str, dict[str, pa.DataType]]] = {
    "feature": {
        **{"fid": _INT, "kind": _TEXT, "coded": _YES, "worded": _YES, "usable": _YES, "judging": _YES, "level": _INT, "stage": _INT},
        **{"household": _YES, "timing": _TEXT, "lo": _DAY, "up": _DAY, "bounds": _INT},
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
    "feature_table": {"fid": _INT, "tbl": _TEXT},
    "feature_status": {"fid": _INT, "tbl": _TEXT, "status": _TEXT},
    "feature_code": {"fid": _INT, "system": _TEXT, "code": _TEXT},
    "feature_word": {"fid": _INT, "system": _TEXT, "code": _TEXT, "rank": _INT},
    "feature_answer": {"fid": _INT, "rank": _INT},
    "feature_unit": {"fid": _INT, "unit": _TEXT, "factor": _NUMBER, "shift": _NUMBER},
    "feature_role": {"fid": _INT, "role": _TEXT},
    "feature_tag": {"fid": _INT, "role": _TEXT, "system": _TEXT, "code": _TEXT},
    "feature_bound": {"fid": _INT, "anchor": _INT, "lower": _YES, "days": _INT, "months": _INT},
    "relation": {
        **{"rid": _INT, "outer_fid": _INT, "inner_fid": _INT, "present": _YES, "backwards": _YES},
        **{"least_days": _INT, "least_months": _INT, "most_days": _INT, "most_months": _INT, "open": _YES, "period": _YES},
    },
}


@dataclass(frozen=True, slots=True)
class Feature:
    """A series with a number. That of a fact has a kind and a stage; one inside a relation only a level."""

    number: int
    series: Series
    level: int
    """0: no relations; else one more than the highest level among its relations."""
    fact: EventFact | None = None
    kind: str = ""
    stage: int = 0
    """0, or one more than the highest stage among the facts that its window is counted from."""
    relations: tuple[tuple[Relation, int], ...] = ()
    """Each relation with the number of its inner series."""


class Features:
    """Every series of a program, numbered; the innermost first."""

    def __init__(self, program: Program) -> None:
        """Number the series of ``program``."""
        self.all: list[Feature] = []
        self.by_fact: dict[str, Feature] = {}
        self.births: dict[str, int] = {}
        """Patient facts from which windows count, with the number that stands for them."""
        self.ages: dict[str, tuple[int, Bound]] = {}
        """Ages on a day that is counted from another fact, each with the number that stands for it."""
        for fact in program.facts:
            if isinstance(fact, EventFact):
                twin = program.twins.get(fact.name)
                self.by_fact[fact.name] = self.by_fact[twin] if twin else self._add(fact.series, fact)
            elif isinstance(fact, PatientFact) and fact.attribute == "birth":
                self.births[fact.name] = -1_000_000 - len(self.births)
            elif isinstance(fact, PatientFact) and fact.on and fact.on.anchor:
                self.ages[fact.name] = 2_000_000 + len(self.ages), fact.on

    @property
    def facts(self) -> list[Feature]:
        """The features that are facts, each once."""
        return [feature for feature in self.all if feature.fact]

    @property
    def stages(self) -> list[int]:
        """The stages that there are."""
        return sorted({f.stage for f in self.facts})

    @property
    def levels(self) -> list[int]:
        """The levels of relations that there are, without 0."""
        return sorted({f.level for f in self.all} - {0})

    def anchor(self, name: str) -> int:
        """The number of a fact that a window counts from."""
        return self.births[name] if name in self.births else self.by_fact[name].number

    @property
    def anchors(self) -> set[str]:
        """The facts that windows and ages count from."""
        of_windows = {name for f in self.facts if f.fact for name in f.fact.window.anchors}
        return of_windows | {on.anchor for _, on in self.ages.values() if on.anchor}

    @property
    def dated(self) -> list[int]:
        """The numbers of the event facts among the anchors."""
        return sorted({self.by_fact[name].number for name in self.anchors if name in self.by_fact})

    def _add(self, series: Series, fact: EventFact | None = None) -> Feature:
        inner = [self._add(relation.series) for relation in series.relations]
        stages = [self.by_fact[a].stage + 1 if a in self.by_fact else 0 for a in fact.window.anchors] if fact else []
        feature = Feature(
            number=len(self.all),
            series=series,
            level=max((f.level + 1 for f in inner), default=0),
            fact=fact,
            kind=_kind(fact) if fact else "",
            stage=max(stages, default=0) if fact else -1,
            relations=tuple(zip(series.relations, (f.number for f in inner), strict=True)),
        )
        self.all.append(feature)
        return feature


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
    for feature in features.all:
        fid, series = feature.number, feature.series
        rows["feature"].append(_feature(feature, as_of))
        rows["feature_table"] += [(fid, tbl) for tbl, _ in series.statuses]
        rows["feature_status"] += [(fid, tbl, status) for tbl, counted in series.statuses for status in sorted(counted)]
        rows["feature_code"] += [(fid, *coding) for coding in sorted(series.codes or ())]
        rows["feature_word"] += [(fid, *coding, 2 * i) for i, (_, answers) in enumerate(series.words) for coding in sorted(answers)]
        rows["feature_answer"] += [(fid, 2 * i) for i, (word, _) in enumerate(series.words) if word in (series.answers or ())]
        rows["feature_unit"] += [(fid, row.source or "", row.factor, row.offset) for row in series.conversions]
        rows["feature_role"] += [(fid, role) for role in sorted({tag.role for tag in series.tags})]
        rows["feature_tag"] += [(fid, tag.role, *coding) for tag in series.tags for coding in sorted(tag.codes)]
        rows["relation"] += [_relation(len(rows["relation"]) + i, fid, r, inner) for i, (r, inner) in enumerate(feature.relations)]
        rows["feature_bound"] += _bounds(feature, features)
    return {name: table(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def _feature(feature: Feature, as_of: date) -> tuple[object, ...]:
    series, fact = feature.series, feature.fact
    window = fact.window if fact else None
    fixed_low = [b.fixed(as_of) for b in window.lower if b.anchor is None] if window else []
    fixed_up = [b.fixed(as_of) for b in window.upper if b.anchor is None] if window else []
    anchored = [b for b in (*window.lower, *window.upper) if b.anchor] if window else []
    limits = _limits(series.values)
    return (
        *(feature.number, feature.kind, series.codes is not None, bool(series.words), series.usable),
        *(feature.kind == "all", feature.level, feature.stage),
        *(bool(fact and fact.household), window.timing if window else "starts"),
        *(max([date.min, *fixed_low]), min([as_of, *fixed_up]), len(anchored)),
        *limits,
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
    if feature.fact is None:
        return []
    window = feature.fact.window
    both = [(b, True) for b in window.lower if b.anchor] + [(b, False) for b in window.upper if b.anchor]
    return [(feature.number, features.anchor(b.anchor or ""), lower, *shift(b)) for b, lower in both]


def shift(bound: Bound) -> tuple[int, int]:
    """How far a bound lies from its day, as days and months."""
    days, months = _length(bound.offset)
    return (bound.days - days, -months) if bound.backwards else (bound.days + days, months)


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

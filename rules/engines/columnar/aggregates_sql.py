"""The aggregates of the language in SQL: what is tallied for each person and fact, and how the tallies become a value."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rules import days
from rules.engines.columnar.dialects import Dialect
from rules.grammar import TIES

_TIES: Final = frozenset(f"{aggregate} {ties}" for aggregate in ("latest", "earliest") for ties in TIES)
ORDERED: Final = frozenset({"latest", "earliest", "latest word", "earliest word"}) | _TIES
"""The kinds that take the latest (earliest) event."""
DATED: Final = ORDERED | {"highest", "lowest"}
"""The kinds that choose one event."""


class Aggregates:
    """The expressions for each kind of fact; see `rules.engines.columnar.features.Feature.kind`."""

    def __init__(self, as_of: date, sql: Dialect) -> None:
        """``as_of`` is the day of evaluation."""
        self.as_of = as_of
        self.sql = sql

    def tallies(self, kinds: set[str]) -> Iterator[tuple[str, str]]:
        """The aggregates that these kinds need, by column."""
        yield from self._possible(kinds)
        yield from self._chosen(kinds)
        yield from self._summed(kinds)
        if "all" in kinds:
            yield "failing", "count(*) FILTER (WHERE certain AND passes = 0)"
            yield "least_passing", "min(passes)"
        if "days covered" in kinds:
            vague = "low <> high OR end_low <> end_high OR lo_low <> lo_high OR up_low <> up_high"
            yield "vague", f"count(*) FILTER (WHERE certain AND ({vague}))"
        if "days" in kinds:
            yield "different", "count(DISTINCT low) FILTER (WHERE certain)"
        if "days" in kinds or kinds & ORDERED or any(k.endswith("since") or k.startswith("trend") for k in kinds):
            yield "partial", "count(*) FILTER (WHERE certain AND low <> high)"

    def _possible(self, kinds: set[str]) -> Iterator[tuple[str, str]]:
        """How far the events that match only possibly may reach."""
        if any(k.startswith("latest") or k.endswith("since") for k in kinds):
            yield "possible_high", f"max(coalesce(high, {self.sql.day(date.max)})) FILTER (WHERE NOT certain)"
            yield "last_low", "max(low) FILTER (WHERE certain)"
        if any(k.startswith("earliest") for k in kinds):
            yield "possible_low", f"min(coalesce(low, {self.sql.day(date.min)})) FILTER (WHERE NOT certain)"
            yield "first_low", "min(low) FILTER (WHERE certain)"

    def _chosen(self, kinds: set[str]) -> Iterator[tuple[str, str]]:
        """The one event that a kind chooses: its value and its day."""
        last, order = self.sql.last, self.sql.order_of
        keys = {
            "latest": "ord",
            "earliest": "-ord",
            "latest word": self.sql.by_rank("instant", "rank", "ord"),
            "earliest word": self.sql.by_rank("-instant", "rank", "ord"),
            "highest": order("value", "ord"),
            "lowest": order("-value", "ord"),
            **{kind: self._tie_order(kind) for kind in _TIES},
        }
        wanted = (kinds & keys.keys()) | ({"latest"} if any(k.endswith("since") for k in kinds) else set())
        for kind in sorted(wanted):
            name = kind.replace(" ", "_")
            yield name, last("rank" if kind.endswith("word") else "value", keys[kind], "certain")
            yield f"{name}_low", last("low", keys[kind], "certain")
            yield f"{name}_high", last("high", keys[kind], "certain")
            if kind in ORDERED:
                column = "instant" if kind.endswith("word") else "ord"
                yield f"{name}_{column}", last(column, keys[kind], "certain")

    def _summed(self, kinds: set[str]) -> Iterator[tuple[str, str]]:
        trends = any(k.startswith("trend") for k in kinds)
        if kinds & {"highest", "lowest", "sum", "mean"} or trends:
            yield "unusable", "count(*) FILTER (WHERE certain AND value IS NULL)"
        if kinds & {"sum", "mean"} or trends:
            yield "total", self.sql.total("value", "ord", "certain")
        if trends:
            place = f"CAST(-{self.sql.days_between('low', self.sql.day(self.as_of))} AS DOUBLE)"
            yield "places", f"sum({place}) FILTER (WHERE certain)"
            yield "squares", f"sum({place} * {place}) FILTER (WHERE certain)"
            yield "products", self.sql.total(f"({place} * value)", "ord", "certain")

    def _tie_order(self, kind: str) -> str:
        """Of the last (first) day the greatest (least) value; one that cannot be used comes first of all, so that the fact is unknown."""
        aggregate, ties = kind.split()
        day = "low" if aggregate == "latest" else self.sql.days_between("low", self.sql.day(self.as_of))
        value = "value" if ties == "highest" else "-value"
        return self.sql.order_of(day, "CASE WHEN value IS NULL THEN 1 ELSE 0 END", f"coalesce({value}, 0e0)", "ord")

    def settled(self, kind: str) -> str:
        """Whether one event is the one, whatever the possible ones turn out to be."""
        match kind:
            case _ if kind.startswith("earliest"):
                return "n > 0 AND (possible = 0 OR possible_low > first_low)"
            case "highest" | "lowest" | "sum" | "mean":
                return "n > 0 AND possible = 0 AND unusable = 0"
            case "exists" | "all" | "count" | "days" | "days covered":
                return "FALSE"
            case _ if kind.startswith("trend"):
                return "n > 1 AND possible = 0 AND unusable = 0 AND partial = 0"
        return "n > 0 AND (possible = 0 OR possible_high < last_low)"

    def value(self, kind: str) -> str:
        """The value of a fact of this kind; NULL: unknown, NaN where without a row it would be known."""
        match kind:
            case "exists":
                return self._or_unknown("CASE WHEN n > 0 THEN 1e0 END")
            case "all":
                return "CASE WHEN failing > 0 THEN 0e0 WHEN n > 0 AND least_passing = 2 THEN 1e0 END"
            case "count":
                return self._or_unknown("CASE WHEN possible = 0 THEN CAST(n AS DOUBLE) END")
            case "days covered":
                return self._or_unknown("CASE WHEN possible = 0 AND vague = 0 THEN CAST(covered AS DOUBLE) END")
            case "days":
                return self._or_unknown("CASE WHEN possible = 0 AND (partial = 0 OR n = 1) THEN CAST(different AS DOUBLE) END")
            case "latest word" | "earliest word":
                column = kind.replace(" ", "_")
                return f"CASE WHEN settled AND {column} <> 1 THEN CAST({column} AS DOUBLE) END"
            case "sum" | "mean":
                return f"CASE WHEN settled THEN {self.sql.finite('total' if kind == 'sum' else '(total / n)')} END"
        if kind in DATED:
            return f"CASE WHEN settled THEN {kind.replace(' ', '_')} END"
        return self._trend(kind.removeprefix("trend ")) if kind.startswith("trend") else self._time_since(kind.removesuffix("s since"))

    def _or_unknown(self, value: str) -> str:
        return f"coalesce({value}, {self.sql.unknown})"

    def _trend(self, unit: str) -> str:
        """The slope of the straight line through the values, as `rules.engines.reference` computes it."""
        spread = "(n * squares - places * places)"
        slope = f"((n * products - places * total) / {spread} * {self.sql.number(days.MEAN[unit])})"
        return f"CASE WHEN settled AND {spread} <> 0 THEN {self.sql.finite(slope)} END"

    def _time_since(self, unit: str) -> str:
        longest, shortest = self.since(unit, "latest_low"), self.since(unit, "latest_high")
        return f"CASE WHEN settled AND {longest} = {shortest} THEN {longest} END"

    def since(self, unit: str, column: str) -> str:
        """Completed units from a date column to the day of evaluation; see `rules.days.whole`."""
        if unit in ("day", "week"):
            between = self.sql.days_between(column, self.sql.day(self.as_of))
            return f"CAST(floor({between} / {7 if unit == 'week' else 1}) AS DOUBLE)"
        day = self.as_of.day
        incomplete = "0" if days.is_last_of_month(self.as_of) else f"CASE WHEN day({column}) > {day} THEN 1 ELSE 0 END"
        months = f"(({self.as_of.year} - year({column})) * 12 + {self.as_of.month} - month({column}) - {incomplete})"
        return f"CAST(floor({months} / {12 if unit == 'year' else 1}) AS DOUBLE)"

"""Facts: of the patient, of events, computed, derived."""

import itertools
import re
from dataclasses import replace
from datetime import date
from typing import Final

from rules import document as doc
from rules.days import UNITS, Duration, after
from rules.errors import did_you_mean
from rules.facts import ROLES, TABLES
from rules.grammar import (
    AGGREGATES,
    BRANCH,
    COMPUTED_FACT,
    DERIVED_FACT,
    DISTANCES,
    EPISODES,
    EVENT_FACT,
    PATIENT_FACT,
    RELATED,
    RELATIONS,
    TABLE_FACT,
    TIES,
    TIMINGS,
)
from rules.parse.codes import codes
from rules.parse.conditions import condition
from rules.parse.fields import BLANK, Fields, Problems, as_duration, as_text
from rules.source import MapNode, Node, TextNode

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ()'_-]*")
_RESERVED: Final = re.compile(r"(^| )(is|not|between|and)( |$)")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]")
_LENGTH: Final = r"([0-9]+ (?:day|week|month|year)s?)"
_AROUND: Final = re.compile(rf"{_LENGTH} (after|before|of) (.+)")
_AGO: Final = re.compile(rf"{_LENGTH} ago")
_PERIOD: Final = re.compile(r"([0-9]{4}-[0-9][0-9]-[0-9][0-9]) to ([0-9]{4}-[0-9][0-9]-[0-9][0-9])")
_YEARS: Final = {"this year": 0, "last year": -1}
_EDGE: Final = re.compile(r"(start|end) of (this year|last year)")
_MEASUREMENT_PERIOD: Final = "measurement period"
_ENDS_OF_PERIOD: Final = {f"start of {_MEASUREMENT_PERIOD}": False, f"end of {_MEASUREMENT_PERIOD}": True}
_ONE_DAY: Final = Duration(1, "day")


def fact(name: TextNode, node: Node, problems: Problems) -> doc.Fact | None:
    """One entry of ``facts``."""
    check_name(name, problems)
    if isinstance(node, MapNode):
        if node.get("patient"):
            fields = Fields.of(node, PATIENT_FACT, problems)
            return doc.PatientFact(name, fields.text("patient"), _limit(fields.text("on"), problems) if fields.has("on") else None)
        if when := node.get("when"):
            Fields.of(node, DERIVED_FACT, problems)
            return doc.DerivedFact(name, condition(when, problems))
        if node.get("value") or node.get("table"):
            return _computed(name, node, problems)
    return _event_fact(name, node, problems)


def check_name(name: TextNode, problems: Problems) -> None:
    """Report what cannot stand in a condition as the name of something."""
    if not _NAME.fullmatch(name.text) or _RESERVED.search(name.text):
        hint = "use letters, digits and spaces, without the words is, not, between, and"
        problems.add(name.span, "ALM115", f"'{name}' cannot be a name", hint)


# ---------------------------------------------------------------- computed facts


def _computed(name: TextNode, node: MapNode, problems: Problems) -> doc.ComputedFact:
    fields = Fields.of(node, TABLE_FACT if node.get("table") else COMPUTED_FACT, problems)
    lines = _lines(fields, problems) if fields.has("table") else ((None, fields.text("value")),)
    return doc.ComputedFact(name, lines, fields.optional("unit"), _places(fields, problems))


def _lines(fields: Fields, problems: Problems) -> tuple[tuple[doc.ConditionText | None, TextNode], ...]:
    lines = tuple(line for item in fields.list("table") if (line := _branch(item, problems)))
    if not list(fields.list("table")):
        problems.add(fields.node.span, "ALM106", "'table' is empty")
    for (when, _), (_, value) in itertools.pairwise(lines):
        if when is None:
            problems.add(value.span, "ALM129", "this line never counts: it stands after 'otherwise'")
    return lines


def _branch(node: Node, problems: Problems) -> tuple[doc.ConditionText | None, TextNode] | None:
    fields = Fields.of(node, BRANCH, problems)
    when, otherwise = fields.node.get("when"), fields.optional("otherwise")
    if otherwise is not None:
        if when is not None or fields.has("value"):
            problems.add(otherwise.span, "ALM128", "a table line is {when: …, value: …} or {otherwise: …}")
        return None, otherwise
    if when is None or not fields.has("value"):
        problems.add(fields.node.span, "ALM128", "a table line is {when: …, value: …} or {otherwise: …}")
        return None
    return condition(when, problems), fields.text("value")


def _places(fields: Fields, problems: Problems) -> int | None:
    written = fields.optional("round")
    if written is None or written is BLANK:
        return None
    if not re.fullmatch(r"[0-9]", written.text):
        problems.add(written.span, "ALM127", f"'round' is a number of decimal places from 0 to 9, got '{written}'")
        return None
    return int(written.text)


# ---------------------------------------------------------------- event facts


def _event_fact(name: TextNode, node: Node, problems: Problems) -> doc.EventFact | None:
    before = len(problems.found)
    fields = Fields.of(node, EVENT_FACT, problems)
    written = fields.written(AGGREGATES)
    if len(written) != 1:
        if len(problems.found) == before:
            problems.add(fields.node.span, "ALM116", f"'{name}' needs exactly one of: {', '.join(AGGREGATES)}, patient, when, value, table")
        return None
    return doc.EventFact(
        name=name,
        aggregate=fields.node.key(written[0]) or BLANK,
        series=_series(name, written[0], fields, problems),
        window=_window(fields, problems),
        household=fields.choice("of", ("household",)) == "household",
        scale=_scale(fields, problems),
        days=fields.choice("different days", ("yes",)) == "yes",
        ties=fields.optional("ties") if fields.choice("ties", TIES) else None,
    )


def episodes(name: TextNode, node: Node, problems: Problems) -> doc.EventFact:
    """``each: {events: encounters, …}`` of a measure: the events of which every one is counted by itself."""
    fields = Fields.of(node, EPISODES, problems)
    return doc.EventFact(name, name._replace(text="exists"), _series(name, "events", fields, problems), _window(fields, problems))


def _series(name: TextNode, key: str, fields: Fields, problems: Problems, *, related: bool = False) -> doc.Series:
    tables = fields.texts(key)
    for i, table in enumerate(tables):
        if table is BLANK:
            continue
        if table.text not in TABLES:
            hint = did_you_mean(table.text, TABLES) or f"one of: {', '.join(TABLES)}"
            problems.add(table.span, "ALM117", f"unknown table '{table}'", hint)
        elif any(table.text == earlier.text for earlier in tables[:i]):
            problems.add(table.span, "ALM122", f"the table '{table}' is named twice")
    tags = [(role, _code(name, role, fields, problems)) for role in fields.written(ROLES)]
    return doc.Series(
        tables=tables,
        code=_code(name, "code", fields, problems),
        question=fields.optional("question"),
        answers=fields.texts("answer"),
        statuses=fields.texts("status") if fields.has("status") else None,
        where=fields.texts("where"),
        tags=tuple((role, code) for role, code in tags if code is not None),
        usable=fields.choice("usable only", ("yes",)) == "yes",
        unit=fields.optional("unit"),
        relations=tuple(
            _relation(name, kind, fields, problems) for kind in fields.written(RELATIONS) if _is_relation(kind, related, fields)
        ),
    )


def _is_relation(kind: str, related: bool, fields: Fields) -> bool:
    """Of a fact, ``during`` may also name a window in words; of a related event it may not."""
    return kind != "during" or related or isinstance(fields.node.get(kind), MapNode)


def _relation(name: TextNode, kind: str, outer: Fields, problems: Problems) -> doc.Relation:
    node = outer.node.get(kind) or outer.node
    fields = Fields.of(node, RELATED, problems)
    most, least = (as_duration(fields.text(key), problems) if fields.has(key) else None for key in ("within", "at least"))
    if (most or least) and kind not in DISTANCES:
        text = fields.text("within" if most else "at least")
        problems.add(text.span, "ALM143", f"'{kind}' asks for a period, not for a distance", "leave out 'within' and 'at least'")
    if most and least and after(date(2000, 1, 1), least) > after(date(2000, 1, 1), most):
        problems.add(fields.text("at least").span, "ALM141", f"no event is at least {least} and at most {most} away")
    return doc.Relation(outer.node.key(kind) or BLANK, _series(name, "events", fields, problems, related=True), most, least)


def _code(name: TextNode, key: str, fields: Fields, problems: Problems) -> doc.CodeText | None:
    value = fields.node.get(key)
    if value is None:
        return None
    return doc.ValueSet(name, codes(value, problems)) if isinstance(value, MapNode) else as_text(value, f"'{key}'", problems)


def _scale(fields: Fields, problems: Problems) -> str | None:
    written = fields.optional("in")
    if written is None or written is BLANK:
        return None
    unit = written.text.removesuffix("s")
    if unit not in UNITS:
        problems.add(written.span, "ALM118", f"'in' cannot be '{written}'", "days, weeks, months or years")
    return unit


# ---------------------------------------------------------------- windows


def _window(fields: Fields, problems: Problems) -> doc.Window:
    lower: list[doc.Limit] = []
    upper: list[doc.Limit] = []
    for text in fields.texts("within"):
        _within(text, lower, upper, problems)
    lower += [_limit(text, problems) for text in fields.texts("since")]
    lower += [_limit(text, problems, 1) for text in fields.texts("after")]
    upper += [_limit(text, problems) for text in fields.texts("until")]
    upper += [_limit(text, problems, -1) for text in fields.texts("before")]
    for text in () if isinstance(fields.node.get("during"), MapNode) else fields.texts("during"):
        _during(text, lower, upper, problems)
    return doc.Window(tuple(lower), tuple(upper), fields.choice("timing", TIMINGS, "overlaps" if fields.has("days covered") else "starts"))


def _within(text: TextNode, lower: list[doc.Limit], upper: list[doc.Limit], problems: Problems) -> None:
    around = _AROUND.fullmatch(text.text)
    length = as_duration(text._replace(text=around[1]) if around else text, problems) if text is not BLANK else None
    if length is None:
        return
    if around is None:
        lower.append(doc.Limit(offset=length, backwards=True, span=text.span))
        return
    start = text._replace(text=around[3])
    origin = _origin(start, problems)
    lower.append(replace(origin, offset=None if around[2] == "after" else length, backwards=True))
    upper.append(replace(origin, offset=None if around[2] == "before" else length))


def _limit(text: TextNode, problems: Problems, days: int = 0) -> doc.Limit:
    """A dated fact, a date, ``start of last year``, ``15 years after birth`` or ``3 months ago``; ``days`` make it strict."""
    if ago := _AGO.fullmatch(text.text):
        if days:
            problems.add(text.span, "ALM124", "'ago' stands with since and until, which include that day")
        return doc.Limit(offset=as_duration(text._replace(text=ago[1]), problems), backwards=True, span=text.span)
    if (around := _AROUND.fullmatch(text.text)) and around[2] != "of":
        length, start = as_duration(text._replace(text=around[1]), problems), text._replace(text=around[3])
        return replace(_origin(start, problems), offset=length, backwards=around[2] == "before", days=days)
    return replace(_origin(text, problems), offset=_ONE_DAY if days else None, backwards=days < 0)


def _origin(text: TextNode, problems: Problems) -> doc.Limit:
    """A day to count from: a dated fact, a date, an end of a year or of the measurement period."""
    if edge := _EDGE.fullmatch(text.text):
        return doc.Limit(year=_YEARS[edge[2]], last=edge[1] == "end", span=text.span)
    if _DAY.fullmatch(text.text):
        return doc.Limit(day=_day(text.text, text, problems), span=text.span)
    last = _ENDS_OF_PERIOD.get(text.text)
    return doc.Limit(text, span=text.span) if last is None else doc.Limit(period=text, last=last, span=text.span)


def period(text: TextNode, problems: Problems) -> doc.Period | None:
    """The measurement period itself."""
    lower: list[doc.Limit] = []
    upper: list[doc.Limit] = []
    if text.text == _MEASUREMENT_PERIOD:
        problems.add(text.span, "ALM160", "this says nothing: the measurement period is what stands here", "last year, or two days")
    else:
        _during(text, lower, upper, problems)
    return doc.Period(text.text, lower[0], upper[0]) if lower else None


def _during(text: TextNode, lower: list[doc.Limit], upper: list[doc.Limit], problems: Problems) -> None:
    period = _PERIOD.fullmatch(text.text)
    if text.text in _YEARS:
        lower.append(doc.Limit(year=_YEARS[text.text], span=text.span))
        upper.append(doc.Limit(year=_YEARS[text.text], last=True, span=text.span))
    elif period:
        first, last = (_day(written, text, problems) for written in period.groups())
        if first and last and first > last:
            problems.add(text.span, "ALM125", f"the period {text} ends before it begins")
        lower.append(doc.Limit(day=first, span=text.span))
        upper.append(doc.Limit(day=last, span=text.span))
    elif text.text == _MEASUREMENT_PERIOD:
        lower.append(doc.Limit(period=text, span=text.span))
        upper.append(doc.Limit(period=text, last=True, span=text.span))
    elif text is not BLANK:
        problems.add(text.span, "ALM126", f"a period cannot be '{text}'", "this year, last year, or 2025-01-01 to 2025-12-31")


def _day(written: str, place: TextNode, problems: Problems) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        problems.add(place.span, "ALM104", f"there is no day '{written}'")
        return None

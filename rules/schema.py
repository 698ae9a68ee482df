"""JSON Schemas (draft 2020-12) of the kinds of file, made from `rules.grammar`, for completion and hover in editors.

They describe the shape of a file. What names, units and conditions mean is checked by `almoner check` alone.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from rules import document as doc
from rules import grammar
from rules.facts import HOUSEHOLD, ROLES, TABLES
from rules.pack import Pack
from rules.scope import type_of
from rules.valuesets import SYSTEMS

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# YAML readers other than ours make numbers and booleans of plain texts.
_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
_WORDS: Final[Schema] = {"type": "string", "minLength": 1}
_DAY: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}
_DURATION: Final[Schema] = {"type": "string", "pattern": r"^[1-9]\d{0,4} (day|week|month|year)s?$"}
_ID: Final[Schema] = {"type": "string", "pattern": r"^[a-z0-9]+(-[a-z0-9]+)*$"}
_HTTPS: Final[Schema] = {"type": "string", "pattern": r"^https://\S+$"}
_YES: Final[Schema] = {"enum": ["yes", True]}


def _enum(options: Iterable[str]) -> Schema:
    return {"enum": list(options)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _several(item: Schema) -> Schema:
    """One, or a list of at least one."""
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _named(item: Schema) -> Schema:
    return {"type": "object", "additionalProperties": item}


def _suggested(names: Iterable[str], otherwise: Schema) -> Schema:
    """Names to complete with; others may be defined in the very file that is being written."""
    known = list(dict.fromkeys(names))
    return {"anyOf": [_enum(known), otherwise]} if known else otherwise


def _object(shape: grammar.Shape, values: Mapping[str, Schema], **more: object) -> Schema:
    """An object with the keys of a shape; a key without a value of its own takes a plain text."""
    properties = {key.name: {**values.get(key.name, _TEXT), **({"description": key.help} if key.help else {})} for key in shape.keys}
    required = [key.name for key in shape.keys if key.required]
    return {
        "type": "object",
        "description": f"{shape.one.capitalize()}.",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **more,
    }


# ---------------------------------------------------------------- the parts that all kinds share

_SHARED: Final = {"valuesets": _named(_ref("value set")), "questions": _named(_ref("question")), "facts": _named(_ref("fact"))}
_SERIES: Final[dict[str, Schema]] = {
    "code": _ref("code"),
    "question": _ref("question name"),
    "answer": _several(_TEXT),
    "status": _several(_ref("status")),
    "where": _several({"type": "string", "pattern": "^value *(>=|<=|!=|=|>|<) *-?[0-9]"}),
    **{role: _ref("code") for role in ROLES},
    "usable only": _YES,
    **{relation: _ref("related") for relation in grammar.RELATIONS},
}
_ROOTS: Final[dict[str, Schema]] = {"is a": _ref("codes"), "descendants of": _ref("codes")}
_STATUSES: Final = sorted(frozenset().union(*(table.known for table in TABLES.values())))
_TABLES: Final = _ref("tables")
_POINT: Final = _several(_ref("fact name"))
_PERIOD: Final = r"this year|last year|\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d"
_WINDOW: Final[dict[str, Schema]] = {
    "within": _several({"type": "string", "pattern": r"^[1-9]\d{0,4} (day|week|month|year)s?( (after|before|of) .+)?$"}),
    **{key: _POINT for key in ("since", "after", "until", "before")},
    "during": {"anyOf": [_several({"type": "string", "pattern": f"^({_PERIOD}|measurement period)$"}), _ref("related")]},
    "timing": _enum(grammar.TIMINGS),
}
_EVENT: Final[dict[str, Schema]] = {
    **{aggregate: _TABLES for aggregate in grammar.AGGREGATES},
    **_SERIES,
    **_WINDOW,
    "of": _enum(["household"]),
    "in": _enum(["days", "weeks", "months", "years", "day", "week", "month", "year"]),
    "different days": _YES,
    "ties": _enum(grammar.TIES),
}
_DETAILS: Final = grammar.Shape("event", tuple(grammar.Key(t.singular, "What it is.") for t in TABLES.values()) + grammar.EVENT_DETAILS)


def _definitions(names: "_Names") -> dict[str, Schema]:
    facts = ("patient fact", "derived fact", "computed fact", "table fact", "event fact")
    return {
        "codes": {
            "type": "object",
            "description": "Codes by code system: a short name or a full URI.",
            "properties": {system: {**_several(_TEXT), "description": uri} for system, uri in SYSTEMS.items()},
            "patternProperties": {"^[a-z]+:": _several(_TEXT)},
            "additionalProperties": False,
            "minProperties": 1,
        },
        "value set": {
            "anyOf": [
                _ref("codes"),
                _object(grammar.EXPANSION, {}),
                _object(grammar.PUBLISHED, {"url": {"type": "string", "pattern": r"^(https?://|urn:)[^\s|#]+$"}}),
                *(_object(grammar.HIERARCHY, _ROOTS, required=[operator]) for operator in _ROOTS),
            ]
        },
        "code": {"anyOf": [*_suggested(names.codes, _WORDS).get("anyOf", [_WORDS]), _ref("codes")]},
        "question name": _suggested(names.questions, _WORDS),
        "fact name": _suggested(names.facts, _WORDS),
        "tables": _several(_enum(TABLES)),
        "status": _enum(_STATUSES),
        "question": _object(grammar.QUESTION, {"code": _ref("codes"), "answers": {**_named(_ref("codes")), "minProperties": 1}}),
        "fact": {"anyOf": [_ref(name) for name in facts]},
        "patient fact": _object(grammar.PATIENT_FACT, {"patient": _enum(grammar.ATTRIBUTES), "on": _ref("fact name")}),
        "derived fact": _object(grammar.DERIVED_FACT, {"when": _ref("condition")}),
        "computed fact": _object(grammar.COMPUTED_FACT, {"round": _ref("places")}),
        "table fact": _object(grammar.TABLE_FACT, {"table": _several(_ref("table line")), "round": _ref("places")}),
        "table line": _object(grammar.BRANCH, {"when": _ref("condition")}),
        "places": {"enum": [*range(10), *map(str, range(10))]},
        "event fact": _object(grammar.EVENT_FACT, _EVENT, anyOf=[{"required": [a]} for a in grammar.AGGREGATES]),
        "related": _object(grammar.RELATED, {**_SERIES, "events": _TABLES, "within": _DURATION, "at least": _DURATION}),
        "condition": {
            "anyOf": [
                _suggested(names.conditions, _WORDS),
                {"type": "array", "items": _ref("condition"), "minItems": 1},
                *(_group(kind) for kind in grammar.GROUPS),
                _object(grammar.AT_LEAST, {"at least": {"type": "integer", "minimum": 1}, "of": {**_several(_ref("condition"))}}),
            ]
        },
    }


def _event() -> Schema:
    """An event of an example."""
    return _object(_DETAILS, {}, anyOf=[{"required": [table.singular]} for table in TABLES.values()])


def _group(kind: str) -> Schema:
    return {"type": "object", "properties": {kind: _ref("condition")}, "required": [kind], "additionalProperties": False}


# ---------------------------------------------------------------- the kinds of file


def _pack() -> Schema:
    version: Schema = {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}
    imported = _several(_object(grammar.IMPORT, {"version": {"type": "string", "pattern": r"^[<>=]"}}))
    period: Schema = {"type": "string", "pattern": f"^({_PERIOD})$"}
    own = {"pack": _ID, "version": version, "imports": imported, "population": _ref("condition"), "period": period}
    return _object(grammar.PACK, {**own, **_SHARED})


def _valuesets() -> Schema:
    return _object(grammar.VOCABULARY, _SHARED)


def _rule() -> Schema:
    card = _object(grammar.CARD, {"summary": {"type": "string", "maxLength": 139}, "indicator": _enum(grammar.INDICATORS)})
    refer = _object(
        grammar.REFER,
        {"to": _several(_enum(grammar.PARTNER_TYPES)), "category": _enum(grammar.SDOH_CATEGORIES), "service": _ref("codes")},
    )
    own: dict[str, Schema] = {
        "rule": _ID,
        "status": _enum(grammar.STATUSES),
        "level": _enum(grammar.LEVELS),
        "priority": {"type": "integer", "minimum": 0, "maximum": 100},
        "evidence": _object(grammar.EVIDENCE, {"grade": _enum(grammar.GRADES), "citations": _citations()}),
        "released": _DAY,
        "revised": _DAY,
        "effective": _object(grammar.EFFECTIVE, {"from": _DAY, "until": _DAY}),
        "sensitivity": _enum(["normal", "restricted"]),
        "when": _ref("condition"),
        "unless": _several(_ref("condition")),
        "then": _object(grammar.THEN, {"card": card, "refer": refer}),
        "examples": _examples(grammar.CASE, {"enum": ["yes", "no", "unknown", True, False]}),
    }
    return _object(grammar.RULE, {**own, **_SHARED})


def _citations() -> Schema:
    return {"type": "array", "items": _object(grammar.CITATION, {"url": _HTTPS})}


def _measure() -> Schema:
    conditions = {population: _ref("condition") for population in grammar.POPULATIONS}
    groups = _named(_object(grammar.GROUP, conditions))
    outcome: Schema = {"anyOf": [_enum(grammar.OUTCOMES), _named(_enum(grammar.OUTCOMES))]}
    own: dict[str, Schema] = {
        "measure": _ID,
        "citations": _citations(),
        "released": _DAY,
        "revised": _DAY,
        "improvement": _enum(grammar.IMPROVEMENTS),
        "period": {"type": "string", "pattern": f"^({_PERIOD})$"},
        "each": _object(grammar.EPISODES, {**_SERIES, **_WINDOW, "events": _TABLES}),
        "population": _ref("condition"),
        "groups": {**groups, "minProperties": 1},
        "stratify by": _named({"anyOf": [_ref("fact name"), _named(_ref("condition"))]}),
        "examples": _examples(grammar.MEASURE_CASE, {"anyOf": [outcome, {"type": "array", "items": outcome}]}),
    }
    return _object(grammar.MEASURE, {**own, **_SHARED})


def _examples(shape: grammar.Shape, expect: Schema) -> Schema:
    sexes_and_more: dict[str, Schema] = {"sex": _enum(grammar.SEXES), "deceased": {"enum": ["yes", "no", "unknown", True, False]}}
    patient = _object(grammar.PATIENT, sexes_and_more)
    person: dict[str, Schema] = {"patient": patient, "events": _several(_ref("event"))}
    household: Schema = {"anyOf": [_enum(["unknown"]), {"type": "array", "items": _object(grammar.MEMBER, person)}]}
    case = _object(
        shape,
        {
            **person,
            "as_of": _DAY,
            "household": household,
            "not loaded": _several(_enum([*TABLES, HOUSEHOLD])),
            "expect": expect,
            "facts": _named(_TEXT),
            "strata": _named(_TEXT),
        },
    )
    return _object(grammar.EXAMPLES, {"as_of": _DAY, "cases": {"type": "array", "items": case}})


KINDS: Final[dict[str, Callable[[], Schema]]] = {"pack": _pack, "rule": _rule, "measure": _measure, "valuesets": _valuesets}
"""The kinds of file, each with what makes its schema."""


def schema(kind: str, pack: Pack | None = None) -> Schema:
    """The schema of one of `KINDS`; with the names of a pack to complete with, if one is given."""
    title = {"pack": "pack.yaml", "rule": "A rule file", "measure": "A measure file", "valuesets": "A value set file"}[kind]
    definitions = _definitions(_Names(pack)) | ({"event": _event()} if kind in ("rule", "measure") else {})
    return {"$schema": DIALECT, "title": f"Almoner: {title}", **KINDS[kind](), "$defs": definitions}


def schema_text(kind: str, pack: Pack | None = None) -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(kind, pack), indent=2, ensure_ascii=False) + "\n"


def file_name(kind: str) -> str:
    """The name of the file that holds the schema."""
    return f"{kind}.schema.json"


class _Names:
    """The names that a pack defines, or none."""

    def __init__(self, pack: Pack | None) -> None:
        packs = (*pack.document.libraries(), pack.document) if pack else ()
        found = [each.vocabulary for each in packs] + [rule.vocabulary for each in packs for rule in each.rules]
        found += [measure.vocabulary for each in packs for measure in each.measures]
        facts = [fact for vocabulary in found for fact in vocabulary.facts]
        self.questions = [question.name.text for vocabulary in found for question in vocabulary.questions]
        self.codes = [valueset.name.text for vocabulary in found for valueset in vocabulary.valuesets] + self.questions
        self.facts = [fact.name.text for fact in facts]
        words = {question.name.text: [word.text for word, _ in question.words] for v in found for question in v.questions}
        self.conditions = [line for fact in facts for line in _lines(fact, words)]


def _lines(fact: doc.Fact, words: Mapping[str, list[str]]) -> Iterator[str]:
    """Lines that a condition about the fact can be, or begin with."""
    name = fact.name.text
    match type_of(fact):
        case "yes/no":
            yield name
        case "number":
            yield from (f"{name} {operator} " for operator in (">=", "<", "between"))
        case "word":
            yield from (f"{name} is {word}" for word in _words(fact, words))


def _words(fact: doc.Fact, words: Mapping[str, list[str]]) -> Iterable[str]:
    """The words that a fact may be; an empty one if they are not known."""
    match fact:
        case doc.ComputedFact():
            return sorted(fact.words)
        case doc.EventFact() if fact.series.question:
            return words.get(fact.series.question.text, [])
    return [""]

"""Three-valued formulas → flat, positive Horn clauses on two rails, the only shape in which durable_rules can be trusted.

Every fact is at most one message that names it, known (``v``) or, where some clause asks about that, unknown (``u``). Every derived
value has clauses for *true* and, apart from them, clauses for *false*; where neither fires it is unknown. So negation, missing data and
three-valued logic never need what durable_rules gets wrong (``$not``, joins, arithmetic). The program is monotone: order and duplicates
cannot change the answer.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import isnan
from typing import Final

from rules.errors import EngineError, EngineLimit
from rules.facts import Value
from rules.ir import Program
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Leaf, Not, leaves, quorum

MAX_BODY: Final = 12
MAX_ROOT_CONDITIONS: Final = 400
MAX_CONDITIONS_OF_A_FACT: Final = 60
MAX_RULES_ON_A_CONDITION: Final = 200
MAX_CLAUSES: Final = 2_000
"""Held well below durable_rules 2.0.28's own limits (16, 511, 64, 255 and 4,096), past which it crashes, hangs or forgets."""
MAX_NUMBER: Final = 2**53
_PROPERTIES: Final = 128
"""Names are told in so many properties (``f0`` …): a message is tried on every condition on each property that it has, one by one."""

_CONTRARY: Final = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "=": "!=", "!=": "="}
_OPERATOR: Final = {">": "$gt", "<=": "$lte", "<": "$lt", ">=": "$gte", "!=": "$neq"}

NO_TWINS: Final[Mapping[str, str]] = {}
Pattern = dict[str, object]
ALWAYS: Final[Pattern] = {"f": "$go"}
"""Matches the message that ends a person, so a clause without conditions fires too: durable_rules forgets one with no pattern."""
Head = tuple[str, bool]
"""A short name and the rail that holds: ``("d3", True)``. Auxiliary heads have rail true."""


@dataclass(frozen=True, slots=True)
class Clause:
    """``head`` holds if every pattern of ``body`` matches some message."""

    head: Head
    body: tuple[Pattern, ...]


class HornProgram:
    """A program compiled for durable_rules: its rule set as JSON, and the short names used inside."""

    def __init__(self, program: Program, given: tuple[str, ...] = (), twins: Mapping[str, str] = NO_TWINS) -> None:
        """Compile. ``given`` names derived values that an earlier rule set settles: here they are facts.

        ``twins``: fact → another one that always has the same value; both are told by one message.

        Raises:
            EngineLimit: the program is more than durable_rules can hold safely.
        """
        self._program = program
        derived = {d.name: f"d{i}" for i, d in enumerate(program.derived)}
        shorts: dict[str, str] = {}
        names = [*(f.name for f in program.facts), *given]
        self._facts = {name: shorts.setdefault(twins.get(name, name), f"f{len(shorts)}") for name in names}
        self._names = self._facts | derived
        self._words = {
            f"{self._names[leaf.fact]}.{leaf.word}": leaf for d in program.derived for leaf in leaves(d.condition) if isinstance(leaf, Is)
        }
        self._word_names = {key: f"w{i}" for i, key in enumerate(self._words)}
        self._auxiliary = 0
        self._asked_unknown: set[str] = set()
        self._clauses: list[Clause] = []
        for item in program.derived:
            for rail in (True, False):
                for body in self._alternatives(item.condition, rail):
                    self._add((derived[item.name], rail), body)
        self.heads = tuple(c.head for c in self._clauses)
        self._read = {_fact_of(pattern) for c in self._clauses for pattern in c.body}
        self._check_limits()

    # ---------------------------------------------------------------- what the child process needs

    def ruleset(self) -> str:
        """The rule set as durable_rules' C module takes it; rule ``r<i>`` concludes ``heads[i]``, rule ``go`` ends a person."""
        rules: dict[str, object] = {f"r{i}": {"all": [{f"c{j}": p} for j, p in enumerate(c.body)]} for i, c in enumerate(self._clauses)}
        rules["go"] = {"all": [{"m": ALWAYS}], "pri": 1}
        return _json(rules)

    def messages(self, facts: Mapping[str, Value]) -> list[str]:
        """A message body for each base fact of one person that some clause reads, ``"f5":"f5","v":9.6``, unless it is unknown.

        That one is unknown, ``"f5":"f5","u":1``, is told only if some clause asks about it: to all others it is as if nothing were said.
        """
        told: dict[str, Value] = {short: facts[name] for name, short in self._facts.items() if not isinstance(facts[name], str)}
        for key, leaf in self._words.items():
            value = facts[leaf.fact]
            told[self._word_names[key]] = None if value is None else value == leaf.word
        told |= {short: True for name, short in self._facts.items() if isinstance(facts[name], str)}
        read = ((short, value) for short, value in told.items() if short in self._read)
        return [_message(short, value) for short, value in read if value is not None or short in self._asked_unknown]

    def answers(self, fired: Iterable[Head]) -> dict[str, bool | None]:
        """The derived values, from the heads that fired."""
        concluded = dict(fired)
        return {d.name: concluded.get(self._names[d.name]) for d in self._program.derived}

    def conclusions(self) -> list[str]:
        """Of each clause the message body that says its head."""
        return [_message(name, rail) for name, rail in self.heads]

    def silent(self) -> list[int]:
        """The clauses whose head no other clause reads: it need not be told."""
        return [i for i, (name, _) in enumerate(self.heads) if name not in self._read]

    # ---------------------------------------------------------------- clauses

    def _add(self, head: Head, body: list[Pattern]) -> None:
        """One clause: patterns about one fact are merged (one message cannot match two), a long body is split."""
        patterns = _merged(body) or [ALWAYS]
        while len(patterns) > MAX_BODY:
            link = self._new_auxiliary()
            self._clauses.append(Clause(link, tuple(patterns[:MAX_BODY])))
            patterns = [_named(link[0]), *patterns[MAX_BODY:]]
        self._clauses.append(Clause(head, tuple(patterns)))

    def _new_auxiliary(self) -> Head:
        self._auxiliary += 1
        return f"x{self._auxiliary}", True

    def _alternatives(self, condition: Condition, rail: bool) -> list[list[Pattern]]:
        """Bodies of which one matches exactly when ``condition`` is definitely ``rail``. Each clause that fires costs: no detours."""
        match condition:
            case Not(part):
                return self._alternatives(part, not rail)
            case Any(parts) if rail:
                return [body for part in parts for body in self._alternatives(part, rail)]
            case All(parts) if not rail:
                return [body for part in parts for body in self._alternatives(part, rail)]
            case _:
                return [self._body(condition, rail)]

    def _body(self, condition: Condition, rail: bool) -> list[Pattern]:
        """Patterns that all match exactly when ``condition`` is definitely ``rail``."""
        match condition:
            case Not(part):
                return self._body(part, not rail)
            case All(parts) if rail:
                return [p for part in parts for p in self._body(part, rail)]
            case Any(parts) if not rail:
                return [p for part in parts for p in self._body(part, rail)]
            case All() | Any():
                head = self._new_auxiliary()
                for body in self._alternatives(condition, rail):
                    self._add(head, body)
                return [_named(head[0])]
            case AtLeast(parts):
                return self._several([self._body(part, rail) for part in parts], quorum(condition, rail))
            case _:
                return [self._literal(condition, rail)]

    def _several(self, bodies: list[list[Pattern]], number: int) -> list[Pattern]:
        """Patterns that all match exactly when at least ``number`` of the bodies do.

        Row by row: of the last ``i`` bodies at least ``n`` match if those after the first have ``n``, or have ``n - 1`` and it matches.
        """
        enough: list[list[Pattern] | None] = [[], *[None] * number]
        for body in reversed(bodies):
            for n in range(number, 0, -1):
                ways = [way for way in (enough[n], _joined(body, enough[n - 1])) if way is not None]
                if len(ways) > 1:
                    head = self._new_auxiliary()
                    for way in ways:
                        self._add(head, way)
                    ways = [[_named(head[0])]]
                enough[n] = ways[0] if ways else None
        found = enough[number]
        return [{"f": "$never"}] if found is None else found

    def _literal(self, leaf: Leaf, rail: bool) -> Pattern:
        name = self._names[leaf.fact]
        match leaf:
            case Holds():
                return {"$and": [_named(name), {"v": rail}]}
            case Is(_, word):
                return {"$and": [_named(self._word_names[f"{name}.{word}"]), {"v": rail}]}
            case Known(fact):
                if fact not in self._facts:
                    raise EngineLimit(f"durable: 'is known' and 'is unknown' of the derived fact '{fact}' are not monotone")
                if not rail:
                    self._asked_unknown.add(name)
                return {"$and": [_named(name), {"$ex": {"v" if rail else "u": 1}}]}
            case Compare(_, op, number):
                if not abs(number) < MAX_NUMBER:
                    raise EngineLimit(f"durable: {number} is compared with, but only numbers below 2**53 are held exactly")
                wanted = op if rail else _CONTRARY[op]
                return {"$and": [_named(name), {"v": number} if wanted == "=" else {_OPERATOR[wanted]: {"v": number}}]}

    # ---------------------------------------------------------------- limits

    def _check_limits(self) -> None:
        rules_on: dict[str, int] = {}
        conditions_of: dict[object, int] = {}
        for clause in self._clauses:
            for pattern in clause.body:
                key = json.dumps(pattern, sort_keys=True)
                if key not in rules_on:
                    fact = _fact_of(pattern)
                    conditions_of[fact] = conditions_of.get(fact, 0) + 1
                rules_on[key] = rules_on.get(key, 0) + 1
        _hold("clauses", len(self._clauses), MAX_CLAUSES)
        _hold("different conditions", len(rules_on), MAX_ROOT_CONDITIONS)
        _hold("conditions on one fact", max(conditions_of.values(), default=0), MAX_CONDITIONS_OF_A_FACT)
        _hold("clauses on one condition", max(rules_on.values(), default=0), MAX_RULES_ON_A_CONDITION)


def _joined(body: list[Pattern], rest: list[Pattern] | None) -> list[Pattern] | None:
    return None if rest is None else [*body, *rest]


def _hold(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise EngineLimit(f"durable: {found} {what}, at most {limit} are safe; use --engine reference or columnar")


def _named(short: str) -> Pattern:
    """What matches the message that names a fact by its short name, and no other."""
    return {_property(short): short}


def _property(short: str) -> str:
    return f"f{int(short[1:]) % _PROPERTIES}"


def _fact_of(pattern: Pattern) -> object:
    parts = pattern.get("$and")
    (name,) = (parts[0] if isinstance(parts, list) else pattern).values()
    return name


def _merged(body: list[Pattern]) -> list[Pattern]:
    groups: dict[object, tuple[Pattern, list[object]]] = {}
    for pattern in body:
        parts = pattern.get("$and")
        name, *tests = parts if isinstance(parts, list) else [pattern]
        _, group = groups.setdefault(_fact_of(pattern), (name, []))
        group += [test for test in tests if test not in group]
    return [{"$and": [name, *tests]} if tests else name for name, tests in groups.values()]


@lru_cache(maxsize=1 << 14, typed=True)  # typed: 1.0 is not told as True is
def _message(name: str, value: Value) -> str:
    told = f'"{_property(name)}":"{name}"'
    return f'{told},"u":1' if value is None else f'{told},"v":{encode(value)}'


def _json(value: object) -> str:
    """JSON in which every number is written as `encode` writes it: ``json.dumps`` would write 0.00001 as ``1e-05``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return encode(value) if isinstance(value, float) else json.dumps(value)


def encode(value: Value) -> str:
    """A JSON scalar that durable_rules' parser reads rightly: never an exponent, never infinity or NaN.

    A number beyond 2**53 is told as 2**53: no number that it is compared with is that large, so every comparison comes out the same.

    Raises:
        EngineError: it is not a number.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float) or isnan(value):
        raise EngineError("durable: a fact is not a number")
    text = format(Decimal(repr(float(max(-MAX_NUMBER, min(MAX_NUMBER, value))))), "f")
    return text if "." in text else text + ".0"

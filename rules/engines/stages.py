"""A program in stages, each a rule set that durable_rules can hold; the answers of one are facts of the next.

Most programs need one stage. A large pack is cut between its derived values, a large condition inside: a group becomes two groups
of half its parts, which Kleene's logic allows. ``is known`` of a derived value, which is not monotone, finds it settled by an
earlier stage.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from rules.engines.horn import NO_TWINS, HornProgram
from rules.errors import EngineLimit
from rules.ir import Derived, Program
from rules.logic import All, Any, AtLeast, Condition, Holds, Not, leaves


def stages(program: Program, twins: Mapping[str, str] = NO_TWINS) -> tuple[HornProgram, ...]:
    """The rule sets that give all derived values of ``program``, in the order in which they must run.

    ``twins`` (see `HornProgram`) are told as one if the program fits into one stage so: a condition can be in so many clauses only.

    Raises:
        EngineLimit: it compares a number with one that durable_rules cannot hold.
    """
    for alike in (twins, NO_TWINS):
        with suppress(EngineLimit):
            return (HornProgram(program, twins=alike),)
    return tuple(_cut(program, [small for derived in program.derived for small in _halved(program, derived)]))


def _cut(program: Program, waiting: list[Derived]) -> Iterator[HornProgram]:
    """As many derived values in each stage as it can hold."""
    done = 0
    while done < len(waiting):
        size, stage = _longest(program, waiting[done:])
        yield stage
        done += size


def _longest(program: Program, waiting: list[Derived]) -> tuple[int, HornProgram]:
    """How many of the first derived values fit, and their stage. One always does."""
    fits, stage = 1, _stage(program, waiting[:1])
    too_many = len(waiting) + 1
    step = 1
    while fits + 1 < too_many:
        attempt = min(fits + step, too_many - 1)
        try:
            fits, stage = attempt, _stage(program, waiting[:attempt])
            step *= 2
        except EngineLimit:
            too_many = attempt
            step = max(1, (too_many - fits) // 2)
    return fits, stage


def _stage(program: Program, derived: list[Derived]) -> HornProgram:
    """The rule set of these derived values; whatever else they rest on is given."""
    own = {d.name for d in derived}
    used = dict.fromkeys(leaf.fact for d in derived for leaf in leaves(d.condition) if leaf.fact not in own)
    facts = tuple(program.by_name[name] for name in used if name in program.by_name)
    return HornProgram(Program(facts, tuple(derived), ()), tuple(name for name in used if name not in program.by_name))


def _halved(program: Program, derived: Derived) -> Iterator[Derived]:
    """The derived value, after parts of its condition that are values of their own if it is too large for one stage."""
    try:
        _stage(program, [derived])
    except EngineLimit as limit:
        counts: list[Derived] = []
        uncounted = _uncounted(derived.condition, derived.name, counts)
        if counts:
            yield from counts
            yield from _halved(program, Derived(derived.name, uncounted))
            return
        first, second, rest = _two(derived.condition, limit)
        names = f"{derived.name}/1", f"{derived.name}/2"
        for name, part in zip(names, (first, second), strict=True):
            yield from _halved(program, Derived(name, part))
        yield Derived(derived.name, rest(Holds(names[0]), Holds(names[1])))
    else:
        yield derived


def _two(condition: Condition, limit: EngineLimit) -> tuple[Condition, Condition, Callable[[Condition, Condition], Condition]]:
    """Two parts of a condition, and how to put them together again.

    Raises:
        EngineLimit: it has no parts: ``limit`` is about a number that no rule set can hold.
    """
    match condition:
        case Not(part) | All((part,)) | Any((part,)):
            first, second, rest = _two(part, limit)
            return first, second, (lambda a, b: Not(rest(a, b))) if isinstance(condition, Not) else rest
        case All(parts) | Any(parts) if parts:
            kind, middle = type(condition), len(parts) // 2
            return kind(parts[:middle]), kind(parts[middle:]), lambda a, b: kind((a, b))
    raise limit


def _uncounted(condition: Condition, name: str, counts: list[Derived]) -> Condition:
    """The condition with each *at least so many of* replaced by a value of its own, which is added to ``counts`` after what it needs."""
    match condition:
        case Not(part):
            return Not(_uncounted(part, name, counts))
        case All(parts) | Any(parts):
            return type(condition)(tuple(_uncounted(part, name, counts) for part in parts))
        case AtLeast(parts, number):
            return _counted([_uncounted(part, name, counts) for part in parts], number, name, counts)
    return condition


def _counted(parts: list[Condition], number: int, name: str, counts: list[Derived]) -> Condition:
    """At least ``number`` of the parts, as a table: of those from the ``i``-th on at least ``n``, each line from the one below it."""
    enough: dict[int, Condition] = {}
    for part in reversed(parts):
        for n in range(number, 0, -1):
            ways = [enough[n]] if n in enough else []
            if n == 1:
                ways.append(part)
            elif n - 1 in enough:
                ways.append(All((part, enough[n - 1])))
            if ways:
                counts.append(Derived(f"{name}/{len(counts)}", Any(tuple(ways))))
                enough[n] = Holds(counts[-1].name)
    return enough[number]

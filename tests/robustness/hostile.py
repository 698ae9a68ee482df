"""Hostile inputs for the durable engine: ``make hostile`` asks 100,000 questions (``ALMONER_HOSTILE_INPUTS``) and counts.

Programs at and over every limit, values at every edge, strange names; and, while it answers, a child process that is killed in the
middle of a question, stopped, fed garbage, made to answer garbage, or cut off. Every question must get the answer of the reference
engine, or the program a clear refusal when it is compiled.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from rules.conformance.comparison import same  # noqa: E402
from rules.conformance.draws import Draws  # noqa: E402 - found by the line above when this runs as a script
from rules.conformance.programs import random_program  # noqa: E402
from rules.engines import rete  # noqa: E402
from rules.engines.stages import stages  # noqa: E402
from rules.errors import EngineLimit  # noqa: E402
from rules.facts import Value  # noqa: E402
from rules.ir import Derived, Fact, FactType, PatientFact, Program, derive  # noqa: E402
from rules.logic import OPERATORS, All, Any, Compare, Condition, Holds, Is, Known, Not  # noqa: E402

NUMBERS: Final = (
    *(0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-300, 1e-10, 0.1 + 0.2, 0.3, 1 - 2**-53, 1.0, 1 + 2**-52, 9.0, 255.0, 256.0),
    *(65535.0, 65536.0, 2.0**31, 2.0**32, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, 1e15, 1e16, 1e300, float("inf")),
)
EDGES: Final = tuple(sign * number for number in NUMBERS for sign in (1, -1))
LIMITS: Final = tuple(number for number in EDGES if abs(number) < 2**53)
STRANGE: Final = (
    *("$go", "sid", "f0", "d0", "x1", 'a"b', "a\\", "\x00", "\n", "é", "e\u0301", "\U0001f9d1", "\u202e", "", " "),
    *("f" * 70_000, "40189", "797186"),
)
SIZES: Final = (1, 2, 11, 12, 13, 15, 16, 17, 59, 60, 61, 64, 65, 199, 200, 201, 255, 256, 257, 399, 400, 401, 511, 512, 513, 1200)
"""At and around our limits and those of durable_rules."""
PEOPLE: Final = 400
"""Questions asked about one program."""
WORDS: Final = ("red", "green", *STRANGE[5:12])


# ---------------------------------------------------------------- programs


def facts(draws: Draws, kind: FactType, number: int) -> tuple[Fact, ...]:
    """So many facts, some with strange names."""
    names = [f"{kind} {i}" for i in range(number)]
    for place, name in enumerate(draws.sample(STRANGE, min(number // 2, len(STRANGE)))):
        names[place] = f"{name} {kind}"
    return tuple(PatientFact(name, "age", kind) for name in names)


def _leaf(draws: Draws, fact: Fact) -> Condition:
    if draws.chance(0.1):
        return Known(fact.name)
    if fact.type == "number":
        return Compare(fact.name, draws.choice(tuple(OPERATORS)), draws.choice(LIMITS))  # type: ignore[arg-type]
    return Holds(fact.name) if fact.type == "yes/no" else Is(fact.name, draws.choice(WORDS))


def wide(draws: Draws) -> Program:
    """One group of many parts."""
    base = facts(draws, "yes/no", draws.choice(SIZES))
    group = draws.choice((All, Any))(tuple(Holds(f.name) for f in base))
    return Program(base, (Derived("r", Not(group) if draws.chance(0.5) else group),), ("r",))


def limits(draws: Draws) -> Program:
    """Many limits on few numbers."""
    base = facts(draws, "number", draws.choice((1, 2, 5)))
    parts = tuple(_leaf(draws, draws.choice(base)) for _ in range(draws.choice(SIZES)))
    return Program(base, (Derived("r", All((Any(parts[::2]), Any(parts[1::2])))),), ("r",))


def many(draws: Draws) -> Program:
    """Many rules on one condition, or each on some of a few."""
    base = facts(draws, "yes/no", draws.choice((1, 3, 40)))
    rules = tuple(Derived(f"r{i}", All(tuple(Holds(draws.choice(base).name) for _ in range(2)))) for i in range(draws.choice(SIZES)))
    return Program(base, rules, tuple(r.name for r in rules))


def deep(draws: Draws) -> Program:
    """Groups within groups, as deep as the language goes."""
    base = (*facts(draws, "yes/no", 6), *facts(draws, "number", 4), *facts(draws, "word", 3))

    def nested(level: int) -> Condition:
        if level == 0:
            return _leaf(draws, draws.choice(base))
        inner = nested(level - 1)
        return Not(inner) if draws.chance(0.3) else draws.choice((All, Any))((_leaf(draws, draws.choice(base)), inner))

    return Program(base, (Derived("r", nested(32)),), ("r",))


def chained(draws: Draws) -> Program:
    """Each derived value rests on the ones before, some on whether they are known."""
    base = facts(draws, "yes/no", 30)
    made: list[Derived] = [Derived("d0", Holds(base[0].name))]
    for number in range(1, draws.choice((3, 20, 300))):
        before = draws.choice(made[-3:]).name
        link: Condition = Known(before) if draws.chance(0.2) else Holds(before)
        parts = (Not(link) if draws.chance(0.3) else link, Holds(draws.choice(base).name))
        made.append(Derived(f"d{number}", draws.choice((All, Any))(parts)))
    return Program(base, tuple(made), (made[-1].name,))


def spread(draws: Draws) -> Program:
    """Thousands of facts, and rules over a few of them each."""
    base = (*facts(draws, "yes/no", 1500), *facts(draws, "number", 1000), *facts(draws, "word", 500))
    rules = tuple(Derived(f"r{i}", Any(tuple(_leaf(draws, draws.choice(base)) for _ in range(3)))) for i in range(draws.choice((50, 600))))
    return Program(base, rules, tuple(r.name for r in rules))


def beyond(draws: Draws) -> Program:
    """A limit that no rule set can hold: this must be refused, by name."""
    base = facts(draws, "number", 3)
    held = tuple(_leaf(draws, f) for f in base)
    return Program(base, (Derived("r", Any((*held, Compare(base[0].name, ">", draws.choice((2.0**53, 1e300, float("inf"))))))),), ("r",))


def ordinary(draws: Draws) -> Program:
    """Whatever the language can say."""
    return random_program(draws, draws.choice((1, 10, 40)))


KINDS: Final[tuple[Callable[[Draws], Program], ...]] = (ordinary, ordinary, wide, limits, many, deep, chained, spread, beyond)


def values(draws: Draws, program: Program) -> dict[str, Value]:
    """Somebody: everything known, half, or nothing; mostly yes, mostly no, or mixed; numbers on every edge."""
    missing, share = draws.choice((0.0, 0.02, 0.5, 1.0)), draws.choice((0.0, 0.5, 0.99, 1.0))

    def value(fact: Fact) -> Value:
        if draws.random() < missing:
            return None
        if fact.type == "number":
            return draws.choice(EDGES)
        return draws.random() < share if fact.type == "yes/no" else draws.choice(WORDS)

    return {fact.name: value(fact) for fact in program.facts}


# ---------------------------------------------------------------- faults


def killed(draws: Draws, child: rete._Child) -> None:
    """Before the question."""
    if child._process:
        os.kill(child._process.pid, signal.SIGKILL)


def killed_meanwhile(draws: Draws, child: rete._Child) -> None:
    """In the middle of it, perhaps."""
    if child._process:
        process = child._process

        def strike() -> None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

        Timer(draws.random() * 0.002, strike).start()


def stopped(draws: Draws, child: rete._Child) -> None:
    if child._process:
        os.kill(child._process.pid, signal.SIGSTOP)


def cut_off(draws: Draws, child: rete._Child) -> None:
    """One of the pipes is closed at our end."""
    if child._channel:
        draws.choice((child._channel._input, child._channel._output)).close()


def fed_garbage(draws: Draws, child: rete._Child) -> None:
    """The child reads bytes that nobody meant."""
    if child._channel:
        with suppress(OSError, ValueError):
            os.write(child._channel._input.fileno(), _garbage(draws))


def answers_garbage(draws: Draws, child: rete._Child) -> None:
    """We read bytes that the child never wrote."""
    if child._channel and not child._channel._output.closed:
        ours, theirs = os.pipe()
        os.write(theirs, _garbage(draws))
        os.close(theirs)
        os.dup2(ours, child._channel._output.fileno())
        os.close(ours)


def _garbage(draws: Draws) -> bytes:
    frame = draws.choice(
        (b"{}", b"[]", b"null", b"[1,[0]]", b"[1,0,[]]", b"[" * 5000, b'{"rules": "{", "heads": [], "silent": []}', b"\xff\xfe")
    )
    return draws.choice((draws.randbytes(draws.choice((1, 4, 400))), len(frame).to_bytes(4, "little") + frame))


FAULTS: Final = (killed, killed, killed_meanwhile, killed_meanwhile, cut_off, fed_garbage, answers_garbage)
RARE: Final = (stopped,)
"""Each costs `rete.ANSWER_SECONDS`."""


# ---------------------------------------------------------------- asking


def ask(seed: str, questions: int, faulty: float = 0.01) -> Counter[str]:
    """So many questions about programs drawn by the seed; what became of them, by kind."""
    draws = Draws(seed)
    outcomes: Counter[str] = Counter()
    while outcomes["questions"] < questions:
        kind = draws.choice(KINDS)
        program = kind(draws)
        try:
            compiled = stages(program)
        except EngineLimit as limit:
            if kind is not beyond or "only numbers below 2**53 are held exactly" not in str(limit):
                raise
            outcomes["refused when compiled"] += 1
            outcomes["questions"] += 1
            continue
        child = rete._Child(compiled, [d.name for d in program.derived])
        try:
            for _ in range(min(PEOPLE if kind is not spread else 40, questions - outcomes["questions"])):
                outcomes.update(_one(draws, program, child, faulty))
        finally:
            child.stop()
        outcomes["programs"] += 1
        outcomes["rule sets"] += len(compiled)
        outcomes["child processes replaced"] += child.restarts
    return outcomes


def _one(draws: Draws, program: Program, child: rete._Child, faulty: float) -> Iterator[str]:
    person = values(draws, program)
    if draws.random() < faulty:
        fault = draws.choice(RARE if draws.chance(0.02) else FAULTS)
        fault(draws, child)
        yield f"fault: {fault.__name__.replace('_', ' ')}"
    expected = derive(program, person)
    found = child.answers(person)
    wrong = [name for name in expected if not same(expected[name], found.get(name))]
    yield "questions"
    yield "wrong or lost" if wrong else "answered as the reference does"


def main() -> int:
    questions = int(os.environ.get("ALMONER_HOSTILE_INPUTS", "100000"))
    seed = os.environ.get("ALMONER_HOSTILE_SEED", "1895")
    outcomes: Counter[str] = Counter()
    began = monotonic()
    for number in count():
        if outcomes["questions"] >= questions:
            break
        try:
            outcomes += ask(f"{seed}-{number}", min(5000, questions - outcomes["questions"]))
        except Exception as error:  # counted, and told with the seed that shows it again
            outcomes["stray exceptions"] += 1
            outcomes["questions"] += 1
            print(f"seed {seed}-{number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
        print(f"{outcomes['questions']} questions, {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for name in ("stray exceptions", "wrong or lost"):
        outcomes[name] += 0
    width = max(map(len, outcomes))
    print("\n".join(f"{name:{width}}{number:12,}" for name, number in sorted(outcomes.items())))
    return int(outcomes["stray exceptions"] + outcomes["wrong or lost"] > 0)


if __name__ == "__main__":
    sys.exit(main())

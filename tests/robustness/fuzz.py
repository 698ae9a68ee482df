"""Coverage-guided fuzzing of the loader and of the two line parsers: ``make fuzz`` (``ALMONER_FUZZ_SECONDS``, 1800 unless told).

atheris changes the seeds, keeps what reaches new code, and stops at the first text from which anything but a `RuleError` comes, or
that takes longer than 5 s. What it finds goes into ``found/``, where the ordinary tests replay it.
"""

import os
import sys
from pathlib import Path
from random import Random
from typing import Final

import atheris

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

with atheris.instrument_imports(include=["rules"]):
    from support.rule_texts import RULE, exercise, seeds

LONGEST: Final = 100_000
LINES: Final = sorted({line for seed in seeds() for line in seed.split(b"\n")})


def words() -> set[str]:
    """What rules are written with, for the fuzzer to put in whole."""
    texts = [RULE, *(seed.decode("utf-8", "replace") for seed in seeds())]
    found = {word for text in texts for word in text.replace("{", " { ").replace("}", " } ").split()}
    return {word for word in found if word.isascii() and 1 < len(word) < 30}


def one_input(data: bytes) -> None:
    """What atheris calls."""
    exercise(data)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """A change of bytes, or of whole lines: one dropped, doubled, or replaced by a line of some seed, so that YAML often stays YAML."""
    draws = Random(seed)
    if draws.random() < 0.4 or data[:1] in (b"C", b"E"):
        return bytes(atheris.Mutate(data, max_size))
    lines = data.split(b"\n")
    for _ in range(draws.randint(1, 3)):
        place = draws.randrange(len(lines))
        other = draws.choice(LINES)
        lines[place : place + 1] = draws.choice(([b""], [lines[place]] * 2, [other], [lines[place], other]))
    return b"\n".join(lines)[:max_size]


def main() -> None:
    seconds = int(os.environ.get("ALMONER_FUZZ_SECONDS", "1800"))
    kept = Path(os.environ.get("ALMONER_FUZZ_KEPT", ROOT / ".fuzz"))
    (kept / "corpus").mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (kept / "corpus" / f"seed-{number}").write_bytes(seed)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in sorted(words()))
    (kept / "words").write_text("".join(f'"{word}"\n' for word in escaped), encoding="ascii")
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=5", "-rss_limit_mb=2048", "-seed=1895", "-print_final_stats=1"]
    places = [f"-dict={kept / 'words'}", f"-artifact_prefix={HERE / 'found'}/", str(kept / "corpus")]
    atheris.Setup([sys.argv[0], *limits, *places, *sys.argv[1:]], one_input, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What value sets in files cost: loading a pack among many expansions, and whether a compiled cache of them would pay.

``python -m benchmarks.expansions``. CPU seconds, median of the rounds, side by side in one run; read the ratios. The compiled form is
what a cache could hold: the codes in marshal's format, found by the digest of the expansion's file, which has to be computed
to trust it; it spares the comparison with the lock.
"""

import argparse
import json
import marshal
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from benchmarks.first_light import rounds
from rules import pins
from rules.expansions import codes_in
from rules.facts import Coding
from rules.pack import load_packs
from rules.pins import EXPANSIONS, PINS_FILE, Definition, Pin, digest_of, expansion_file, pins_text

SYSTEM = "http://example.org/CodeSystem/numbers"
HEADER = "pack: bench\nversion: 1.0.0\ntitle: A benchmark\nowner: Almoner maintainers\n"
RULE = """\
rule: bench
title: A benchmark
status: live
level: act
priority: 1
why: To see what it costs.
evidence: {grade: expert opinion, citations: [{title: None, url: "https://example.org/"}]}
released: 2026-01-01
limitations: None.
then: {card: {summary: Look, indicator: info}}
examples: {as_of: 2026-01-01, cases: []}
"""


def definition(number: int) -> Definition:
    """One of the value sets."""
    return Definition(url=f"http://example.org/ValueSet/{number}", version="1")


def write(folder: Path, files: int, codes: int, used: int) -> None:
    """A pack with so many fetched value sets, of which one rule uses some."""
    (folder / EXPANSIONS).mkdir(parents=True)
    (folder / "rules").mkdir()
    locked: dict[str, Pin] = {}
    for number in range(files):
        found = [Coding(SYSTEM, f"{number}-{n:06}") for n in range(codes)]
        entries = ",\n".join(json.dumps({"system": c.system, "code": c.code, "display": f"A name of some length, {c.code}"}) for c in found)
        text = f'{{"resourceType": "ValueSet", "expansion": {{"contains": [\n{entries}\n]}}}}\n'
        expansion_file(folder, definition(number)).write_text(text, encoding="utf-8")
        locked[definition(number).slug] = Pin(str(definition(number)), "1", codes, digest_of(found), "2026-01-01")
    (folder / EXPANSIONS / PINS_FILE).write_text(pins_text(locked), encoding="utf-8")
    sets = "".join(f'  set {n}: {{url: "{definition(n).url}", version: "1"}}\n' for n in range(files))
    (folder / "pack.yaml").write_text(f"{HEADER}valuesets:\n{sets}", encoding="utf-8")
    facts = "".join(f"  fact {n}: {{exists: conditions, code: set {n}}}\n" for n in range(used))
    when = "".join(f"    - fact {n}\n" for n in range(used))
    (folder / "rules" / "bench.yaml").write_text(f"{RULE}facts:\n{facts}when:\n  any:\n{when}", encoding="utf-8")


def load(folder: Path) -> None:
    """Load the pack as a new process would."""
    pins._checked.cache_clear()
    pins._pins.cache_clear()
    load_packs(folder)


def compiled(source: Path, cache: Path) -> tuple[Coding, ...]:
    """The codes as a compiled cache would give them."""
    digest = sha256(source.read_bytes()).hexdigest()
    return tuple(Coding(*pair) for pair in marshal.loads((cache / digest).read_bytes()))  # noqa: S302 - written a moment ago


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in (("files", 1500), ("codes", 5000), ("used", 50), ("rounds", 5)):
        options.add_argument(f"--{name}", type=int, default=default)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "pack", Path(place) / "cache"
        cache.mkdir()
        write(folder, given.files, given.codes, given.used)
        files = [expansion_file(folder, definition(n)) for n in range(given.used)]
        for file in files:
            (cache / sha256(file.read_bytes()).hexdigest()).write_bytes(marshal.dumps([tuple(c) for c in codes_in(file)]))

        def line(what: str, work: Callable[[], object]) -> float:
            found, spread = rounds(work, given.rounds)
            tell(f"{what}: {found:.3f} s ± {spread:.3f}")
            return found

        tell(f"{given.files:,} expansions of {given.codes:,} codes, {given.used} of them used by a rule")
        whole = line("load the pack", lambda: load(folder))
        parsed = line("  of that: read and parse the expansions", lambda: [codes_in(file) for file in files])
        known = [codes_in(file) for file in files]
        compared = line("  of that: compare them with the lock", lambda: [digest_of(codes) for codes in known])
        cached = line("the same codes from a compiled cache", lambda: [compiled(file, cache) for file in files])
        saved = parsed + compared - cached
        tell(f"a compiled cache would save {saved:.3f} s, {saved / given.used * 1000:.1f} ms a set, {saved / whole:.0%} of the loading")


if __name__ == "__main__":
    main()

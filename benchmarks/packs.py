"""A pack of any number of rules, made from the shipped ones: always the same for the same numbers.

Each rule is a shipped one under another id, and its windows are some days longer, so that no two rules count the same events: an
engine cannot share their facts, and no rule covers another. Nobody would use such a pack; it costs what a real one costs.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rules.pack import BUILT_IN, PACK_FILE

_SOURCE: Final = BUILT_IN / "whole-person"
_CASE: Final = "    - name: "
_MONTHS: Final = re.compile(r"within: (\d+) months")
_PRIORITIES: Final = 101


def write_pack(folder: Path, rules: int, examples: int | None = None, without: Collection[str] = ()) -> int:
    """Write a pack into ``folder`` and say how many examples it has; ``examples`` is the most that each rule keeps.

    ``without`` names shipped rules that are not to be used.
    """
    for part in (_SOURCE / PACK_FILE, *(_SOURCE / "valuesets").iterdir()):
        copy = folder / part.relative_to(_SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(part.read_bytes())
    (folder / "rules").mkdir(exist_ok=True)
    shipped = sorted(path for path in (_SOURCE / "rules").glob("*.yaml") if path.stem not in without)
    written = 0
    for number in range(rules):
        original = shipped[number % len(shipped)]
        text = _variant(original.read_text(encoding="utf-8"), original.stem, number, number // len(shipped), examples)
        (folder / "rules" / f"rule-{number}.yaml").write_text(text, encoding="utf-8")
        written += text.count(_CASE)
    return written


def _variant(text: str, name: str, number: int, longer: int, examples: int | None) -> str:
    head, *cases = text.split(_CASE)
    head = head.replace(f"rule: {name}\n", f"rule: rule-{number}\n")
    head = re.sub(r"priority: \d+", f"priority: {number % _PRIORITIES}", head)
    head = _MONTHS.sub(lambda found: f"within: {int(found[1]) * 30 + longer} days", head)
    return _CASE.join((head, *cases[:examples]))

"""What changed between two sweeps, held against what two dictionaries say."""

from hypothesis import given
from hypothesis import strategies as st

from plugin.sweep.differences import Change, counted, differences

KEYS = st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz"))
SWEEPS = st.dictionaries(KEYS, st.sampled_from(["yes", "unknown"]))


def lines(sweep: dict[tuple[str, str], str]) -> list[dict[str, str]]:
    return [{"patient": patient, "rule": rule, "status": status} for (patient, rule), status in sorted(sweep.items())]


def expected(key: tuple[str, str], old: str | None, new: str | None, people: set[str], rules: set[str]) -> str | None:
    if new == "yes":
        return "still" if old == "yes" else "new"
    if old != "yes":
        return None
    if new == "unknown":
        return "became unknown"
    return "resolved" if key[0] in people and key[1] in rules else "left"


@given(before=SWEEPS, now=SWEEPS, others=st.sets(st.sampled_from("abcdef")), rules=st.sets(st.sampled_from("xyz")))
def test_every_change_is_told_once_in_order(
    before: dict[tuple[str, str], str], now: dict[tuple[str, str], str], others: set[str], rules: set[str]
) -> None:
    people, present = others | {patient for patient, _ in now}, rules | {rule for _, rule in now}
    found = list(differences(lines(before), lines(now), sorted(people), present))
    wanted = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if kind := expected(key, old, new, people, present):
            wanted.append(Change(*key, kind, old, new))  # type: ignore[arg-type]
    assert found == wanted


def test_changes_are_counted_by_rule_and_kind() -> None:
    changes = [Change("a", "x", "new", None, "yes"), Change("b", "x", "new", "unknown", "yes"), Change("b", "y", "left", "yes", None)]
    none = dict.fromkeys(("new", "still", "resolved", "became unknown", "left"), 0)
    assert counted(changes) == {"x": none | {"new": 2}, "y": none | {"left": 1}}

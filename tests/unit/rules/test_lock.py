"""The lock: which version a change needs, and that nobody gets around it."""

from dataclasses import replace
from pathlib import Path

import pytest

from rules.errors import RuleError
from rules.lock import Change, Lock, LockedPack, LockedRule, changes, lock_text, locked, read_lock
from rules.pack import BUILT_IN, Pack, load_packs

LOCK = BUILT_IN / "lock.json"
PACKS = load_packs(BUILT_IN)
PACK = next(pack for pack in PACKS if pack.document.id == "whole-person")
RULE = PACK.document.rules[0].id.text


def at(pack: Pack, version: str) -> Pack:
    return replace(pack, document=replace(pack.document, version=version))


def remembered(version: str, **changed: str) -> Lock:
    """The lock of the pack as it is, at a version, except for one entry of one rule."""
    now = locked([at(PACK, version)], {})["whole-person"]
    rules = {**now.rules, RULE: replace(now.rules[RULE], **changed)} if changed else now.rules
    return {"whole-person": LockedPack(version, rules)}


def found(version: str, lock: Lock) -> list[Change]:
    return list(changes([at(PACK, version)], lock, LOCK))


def test_the_shipped_lock_is_current() -> None:
    lock = read_lock(LOCK)
    assert [str(change.diagnostic) for change in changes(PACKS, lock, LOCK)] == []
    assert lock_text(locked(PACKS, lock)) == LOCK.read_text(encoding="utf-8")


def test_no_change_is_no_message() -> None:
    assert found("1.2.3", remembered("1.2.3")) == []


MEANING, TEXTS = {"fingerprint": "sha256:0"}, {"texts": "sha256:0"}


@pytest.mark.parametrize(
    ("locked_at", "changed", "too_low", "enough"),
    [
        ("1.2.3", MEANING, "1.3.0", "2.0.0"),
        ("1.2.3", TEXTS, "1.2.3", "1.2.4"),
        ("0.2.3", MEANING, "0.2.4", "0.3.0"),
        ("0.2.3", TEXTS, "0.2.3", "0.2.4"),
        ("1.9.0", MEANING, "1.10.0", "2.0.0"),
    ],
)
def test_a_change_needs_its_version(locked_at: str, changed: dict[str, str], too_low: str, enough: str) -> None:
    lock = remembered(locked_at, **changed)
    (refused,) = found(too_low, lock)
    assert (refused.allowed, refused.diagnostic.code) == (False, "ALM401")
    assert f"'{RULE}'" in refused.diagnostic.message
    assert f"needs version {enough} or higher" in refused.diagnostic.message
    (accepted,) = found(enough, lock)
    assert (accepted.allowed, accepted.diagnostic.code) == (True, "ALM402")


def test_a_new_rule_needs_a_minor_version() -> None:
    lock = remembered("1.2.3")
    older = {"whole-person": LockedPack("1.2.3", {name: rule for name, rule in lock["whole-person"].rules.items() if name != RULE})}
    (refused,) = found("1.2.9", older)
    assert "is new: that needs version 1.3.0" in refused.diagnostic.message
    assert [change.allowed for change in found("1.3.0", older)] == [True]


def test_a_rule_that_is_gone_needs_a_major_version_and_its_id_stays() -> None:
    lock = remembered("1.2.3")
    entry = LockedRule("1.0.0", "sha256:0", "sha256:0")
    more = {"whole-person": LockedPack("1.2.3", {**lock["whole-person"].rules, "an-old-one": entry}, ("older-still",))}
    (refused,) = found("1.3.0", more)
    assert "'an-old-one' is gone or has another name: that needs version 2.0.0" in refused.diagnostic.message
    assert locked([at(PACK, "2.0.0")], more)["whole-person"].retired == ("an-old-one", "older-still")


def test_a_retired_id_cannot_come_back() -> None:
    lock = remembered("1.2.3")
    rules = {name: rule for name, rule in lock["whole-person"].rules.items() if name != RULE}
    (refused,) = found("9.0.0", {"whole-person": LockedPack("9.0.0", rules, (RULE,))})
    assert (refused.allowed, refused.diagnostic.code) == (False, "ALM403")


def test_a_version_cannot_go_down() -> None:
    assert [change.allowed for change in found("1.2.2", remembered("1.2.3"))] == [False]
    assert [change.allowed for change in found("1.2.4", remembered("1.2.3"))] == [True]


def test_a_pack_that_is_gone_leaves_its_ids_behind() -> None:
    lock = remembered("1.2.3")
    (gone,) = changes([], lock, LOCK)
    assert gone.allowed
    after = locked([], lock)
    assert (after["whole-person"].rules, set(after["whole-person"].retired)) == ({}, set(lock["whole-person"].rules))
    assert list(changes([], after, LOCK)) == []


def test_a_rule_keeps_the_version_in_which_it_last_changed() -> None:
    lock = remembered("1.2.3", **MEANING)
    after = locked([at(PACK, "2.0.0")], lock)["whole-person"].rules
    assert {name: rule.version for name, rule in after.items()} == {name: "2.0.0" if name == RULE else "1.2.3" for name in after}


def test_a_lock_reads_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    assert read_lock(file) == {}
    file.write_text(lock_text(remembered("1.2.3")), encoding="utf-8")
    assert read_lock(file) == remembered("1.2.3")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2, "packs": {}}', '{"format": 1, "packs": {"a": {"version": "x", "rules": {}, "retired": []}}}']
)
def test_what_is_no_lock_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "lock.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match=r"lock\.json:1:1: ALM400 this is not a lock"):
        read_lock(file)

"""Why did that card come? The question behind it, asked again with what the source says now."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from support.cds_calls import AS_OF, PATIENT, prefetch, resources
from support.command_line import Ran, almoner_here
from support.ledger import call

from fhir_adapters import read_directory
from plugin.cds.advice import advise
from plugin.cds.ledger import CardEntries, CardState
from plugin.cds.ledger.opening import open_ledger
from plugin.settings import Settings
from rules.engines import engine
from rules.pack import BUILT_IN, load_packs

RULE = "diabetes-food-insecurity"


def chart(folder: Path, **changes: str) -> Path:
    """The test person as files; ``changes``: id → another date."""
    folder.mkdir()
    for resource in resources(prefetch()):
        if resource["id"] in changes:
            resource["effectiveDateTime"] = changes[resource["id"]]
        (folder / f"{resource['resourceType']}-{resource['id']}.json").write_text(json.dumps(resource))
    return folder


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A card in the ledger, as the service would have made it."""
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    packs = load_packs(BUILT_IN)
    source = read_directory(chart(tmp_path / "then"), loaded=frozenset({"ServiceRequest"}))
    (record,) = [replace(each, not_loaded=each.not_loaded - {"referrals"}) for each in source.records]
    (advice,) = [each for each in advise(packs, record, date.fromisoformat(AS_OF), engine("reference"), 9) if each.rule.id.text == RULE]
    id = str(uuid4())
    entry = CardEntries(packs).of(advice, id, CardState.RETURNED)
    ledger = open_ledger(Settings(state=tmp_path / "state"))
    ledger.record(call(entry, patient=PATIENT, not_loaded=tuple(sorted(record.not_loaded))))
    ledger.store.close()
    return id


def replay(card: str, source: Path, *options: str | Path) -> Ran:
    return almoner_here("cds", "replay", card, "--source", source, "--loaded", "ServiceRequest", *options)


def test_the_same_data_and_the_same_rule_give_the_same_answer(card: str, tmp_path: Path) -> None:
    ran = replay(card, tmp_path / "then")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == f"{RULE}: returned on 2026-11-22 12:00 UTC to north (patient-view), as of {AS_OF}"
    assert lines[1].startswith("the rule means the same (whole-person ")
    assert lines[2] == "the answer is the same: yes then, yes now"
    assert {line.split()[0] for line in lines[3:]} == {"as"}


def test_what_differs_in_the_data_is_named(card: str, tmp_path: Path) -> None:
    ran = replay(card, chart(tmp_path / "now", hba1c="2026-05-09"))
    assert "  other day   Observation/hba1c of 2026-05-09, 2026-05-02 then" in ran.out.splitlines()
    old = replay(card, chart(tmp_path / "old", hba1c="2019-05-02"))
    assert old.code == 1
    assert "the answer differs: yes then, unknown now" in old.out
    assert "  only then   Observation/hba1c of 2026-05-02" in old.out.splitlines()


def test_a_rule_that_means_something_else_is_said_to(card: str, tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    shutil.copytree(BUILT_IN / "whole-person", packs / "whole-person")
    rule = packs / "whole-person" / "rules" / f"{RULE}.yaml"
    text = rule.read_text()
    changed = text.replace("hba1c >= 9 %", "hba1c >= 8 %").replace("hba1c > 9 %", "hba1c > 8 %")
    assert changed != text
    rule.write_text(changed)
    assert "the rule means something else now" in replay(card, tmp_path / "then", "--packs", packs).out
    rule.unlink()
    gone = replay(card, tmp_path / "then", "--packs", packs)
    assert (gone.code, "the packs have no such rule any more" in gone.out) == (1, True)


def test_what_cannot_be_replayed_is_said_in_words(card: str, tmp_path: Path) -> None:
    unknown = replay("no-such-card", tmp_path / "then")
    assert (unknown.code, "the ledger has no card of that id" in unknown.err) == (2, True)
    (tmp_path / "empty").mkdir()
    nobody = replay(card, tmp_path / "empty")
    assert nobody.code == 3
    assert PATIENT not in nobody.err

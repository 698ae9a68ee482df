"""A sweep says what every other road says, tells what changed, and publishes the whole or nothing."""

import errno
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import update
from support.cds_calls import patient
from support.command_line import almoner_here
from support.databases import database_of
from support.fifty_rules import write_fifty_rules
from support.sweeping import FIRST, SECOND, a_week_later, contents, current, lines_of, sweep, town
from support.worklist import application

from plugin.findings.index import index_of
from plugin.store import open_store
from plugin.store.tables.sweeps import LEASE
from plugin.store.versions import ready
from plugin.sweep.assembling import assemble
from plugin.sweep.lease import Lease
from plugin.sweep.published import Published
from rules.pack import BUILT_IN

pytestmark = pytest.mark.slow

PEOPLE = 120


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town(tmp_path_factory.mktemp("town") / "fhir", PEOPLE)


@pytest.fixture(scope="module")
def later(people: Path) -> Path:
    return a_week_later(people, people.parent / "later")


@pytest.fixture(scope="module")
def swept(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder after the first sweep; copy it to change it."""
    state = tmp_path_factory.mktemp("state") / "state"
    assert sweep(people, state).code == 0
    return state


def copied(state: Path, folder: Path) -> Path:
    shutil.copytree(state, folder)
    return folder


def told_by(engine: str, source: Path, *more: str | Path) -> list[str]:
    """What ``almoner evaluate`` says, without those about whom it says no."""
    out = source.parent / "findings.ndjson"
    ran = almoner_here(*("evaluate", "--source", source, "--as-of", FIRST.isoformat(), "--engine", engine, "--all", "--out", out, *more))
    assert ran.code == 0, ran.err
    return [line for line in out.read_text(encoding="utf-8").splitlines() if json.loads(line)["status"] != "no"]


@pytest.mark.parametrize("engine", ["reference", "durable"])
def test_the_findings_are_those_of_every_engine_to_the_letter(people: Path, swept: Path, engine: str) -> None:
    found = (current(swept) / "findings.ndjson").read_text(encoding="utf-8").splitlines()
    assert found == told_by(engine, people)
    assert {json.loads(line)["status"] for line in found} == {"yes", "unknown"}


def test_fifty_rules_say_the_same_in_several_processes(people: Path, tmp_path: Path) -> None:
    pack = write_fifty_rules(tmp_path / "pack")
    state = tmp_path / "state"
    ran = sweep(people, state, FIRST, "--packs", pack, processes=2)
    assert ran.code == 0, ran.err
    found = (current(state) / "findings.ndjson").read_text(encoding="utf-8").splitlines()
    assert found == told_by("reference", people, "--packs", pack)
    assert len({json.loads(line)["rule"] for line in found}) > 25


def test_pages_and_tables_read_what_was_published(people: Path, swept: Path) -> None:
    import duckdb

    folder, manifest = current(swept), Published(swept).manifest()
    assert manifest is not None
    index = index_of(folder)
    findings = lines_of(folder / "findings.ndjson")
    assert len(index.offsets) == manifest["flagged"] + manifest["unknown"]
    assert manifest["people"] == PEOPLE == len((folder / "people.ndjson").read_text().splitlines())
    assert sum(n for counts in manifest["findings_by_rule"].values() for n in counts.values()) == len(findings)
    with duckdb.connect() as connection:
        query = "SELECT patient, rule, status, next_flip::VARCHAR, len(evidence), evidence[1].resource FROM read_parquet($1)"
        rows = connection.execute(query, [str(folder / "findings.parquet")]).fetchall()
    assert rows == [
        (
            *(f["patient"], f["rule"], f["status"], f["next_flip"], len(f["evidence"])),
            f["evidence"][0]["resource"] if f["evidence"] else None,
        )
        for f in findings
    ]


def test_a_second_sweep_says_what_changed(later: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    before = {(f["patient"], f["rule"]): f["status"] for f in lines_of(current(state) / "findings.ndjson")}
    ran = sweep(later, state, SECOND, "--fewer-people")
    assert ran.code == 0, ran.err
    now = {(f["patient"], f["rule"]): f["status"] for f in lines_of(current(state) / "findings.ndjson")}
    alive = set(map(json.loads, (current(state) / "people.ndjson").read_text().splitlines()))
    expected = {}
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if new == "yes":
            expected[key] = "still" if old == "yes" else "new"
        elif old == "yes":
            expected[key] = "left" if key[0] not in alive else "became unknown" if new else "resolved"
    changes = lines_of(current(state) / "changes.ndjson")
    assert {(c["patient"], c["rule"]): c["change"] for c in changes} == expected
    assert [(c["patient"], c["rule"]) for c in changes] == sorted(expected)
    assert len(set(expected.values())) > 2
    manifest = Published(state).manifest()
    assert manifest is not None
    counted = {kind: sum(counts[kind] for counts in manifest["differences"].values()) for kind in set(expected.values())}
    assert counted == {kind: list(expected.values()).count(kind) for kind in counted}


def test_what_is_read_anew_is_published_the_same(later: Path, swept: Path, tmp_path: Path) -> None:
    kept, full = copied(swept, tmp_path / "kept"), copied(swept, tmp_path / "full")
    assert sweep(later, kept, SECOND, "--fewer-people").code == 0
    assert sweep(later, full, SECOND, "--fewer-people", "--full").code == 0
    assert contents(current(kept)) == contents(current(full))


def explained(state: Path) -> int:
    """How many people the current sweep did explain anew."""
    steps = json.loads((current(state) / "manifest.json").read_text())["steps"]
    (evaluated,) = [step["counts"]["explained"] for step in steps if step["name"] == "evaluate"]
    assert isinstance(evaluated, int)
    return evaluated


def test_day_by_day_only_whoever_changed_is_explained_again(later: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    everybody = explained(state)
    for days in (1, 2, 3):
        assert sweep(later, state, FIRST + timedelta(days=days), "--fewer-people").code == 0
        again = copied(state, tmp_path / f"again-{days}")
        shutil.rmtree(again / "explained")
        assert sweep(later, again, FIRST + timedelta(days=days), "--fewer-people").code == 0
        for name in ("findings.ndjson", "worklist.ndjson", "forecast.ndjson", "people.ndjson"):
            assert (current(again) / name).read_bytes() == (current(state) / name).read_bytes(), (days, name)
        assert explained(again) > 0.8 * everybody
        if days > 1:
            assert 0 < explained(state) < 0.5 * everybody


def test_with_other_rules_everybody_is_explained_again(people: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    assert sweep(people, state).code == 0
    assert explained(state) == 0
    pack = shutil.copytree(BUILT_IN, tmp_path / "packs")
    rule = next(pack.glob("*/rules/*.yaml"))
    rule.write_text(rule.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert sweep(people, state, FIRST, "--packs", pack).code == 0
    assert explained(state) == explained(swept)


def test_files_that_did_not_change_are_not_read_again(people: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    snapshots = sorted(path.name for path in state.glob("warehouses/*/snapshots/*"))
    assert sweep(people, state, SECOND).code == 0
    assert sorted(path.name for path in state.glob("warehouses/*/snapshots/*")) == snapshots
    assert sweep(people, state, SECOND, "--full").code == 0
    assert sorted(path.name for path in state.glob("warehouses/*/snapshots/*")) != snapshots


def test_a_warehouse_is_swept_as_it_is(people: Path, swept: Path, tmp_path: Path) -> None:
    (warehouse,) = [path for path in (swept / "warehouses").iterdir() if path.is_dir()]
    state = tmp_path / "state"
    assert sweep(warehouse, state).code == 0
    names = ("findings.ndjson", "worklist.ndjson", "people.ndjson")
    assert [(current(state) / name).read_bytes() for name in names] == [(current(swept) / name).read_bytes() for name in names]
    assert not (state / "warehouses").exists()


def test_of_a_warehouse_that_keeps_everything_the_findings_are_the_same(people: Path, swept: Path, tmp_path: Path) -> None:
    wide, state = tmp_path / "wide", tmp_path / "state"
    assert almoner_here("warehouse", "load", people, "--into", wide, "--at", "2026-06-30").code == 0
    assert sweep(wide, state).code == 0
    names = ("findings.ndjson", "worklist.ndjson", "people.ndjson")
    assert [(current(state) / name).read_bytes() for name in names] == [(current(swept) / name).read_bytes() for name in names]
    everything, narrow = (json.loads((current(folder) / "manifest.json").read_text(encoding="utf-8"))["data"] for folder in (state, swept))
    assert everything["events"] > narrow["events"]
    assert sum(row["not_needed"] for row in everything["by_type"].values()) == 0
    assert sum(row["not_needed"] for row in narrow["by_type"].values()) > 0
    for one, other in zip(everything["by_type"].values(), narrow["by_type"].values(), strict=True):
        assert one["read"] == other["read"] == sum(count for name, count in other.items() if name != "read")


def test_other_rules_are_told_that_a_warehouse_was_not_filled_for_them(people: Path, tmp_path: Path) -> None:
    packs = write_fifty_rules(tmp_path / "packs")
    narrow = tmp_path / "narrow"
    few = ("warehouse", "load", people, "--into", narrow, "--at", "2026-06-30", "--for", packs)
    assert almoner_here(*few).code == 0
    assert "what carries one of" in almoner_here("warehouse", "show", narrow).out
    ran = sweep(narrow, tmp_path / "state")
    assert (ran.code, "lacks what these ask for" in ran.err) == (3, True)


def test_too_much_in_quarantine_publishes_nothing(people: Path, swept: Path, tmp_path: Path) -> None:
    state, broken = copied(swept, tmp_path / "state"), tmp_path / "fhir"
    shutil.copytree(people, broken)
    file = broken / "Observation.ndjson"
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    file.write_bytes(
        b"".join(orjson.dumps({**r, "subject": 7} if i % 20 == 0 else r, option=orjson.OPT_APPEND_NEWLINE) for i, r in enumerate(lines))
    )
    before = current(state)
    ran = sweep(broken, state, SECOND)
    assert (ran.code, current(state)) == (1, before)
    assert "Observation" in ran.err
    assert "--max-quarantined" in ran.err
    assert sweep(broken, state, SECOND, "--max-quarantined", "10").code == 0


def test_a_fall_in_people_publishes_nothing_unless_it_is_right(tmp_path: Path) -> None:
    source, state = town(tmp_path / "fhir", 40), tmp_path / "state"
    assert sweep(source, state).code == 0
    before = current(state)
    file = source / "Patient.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in file.read_bytes().splitlines()[:30]))
    ran = sweep(source, state, SECOND, "--max-quarantined", "100")
    assert (ran.code, current(state)) == (1, before)
    assert "30 people, after 40 in the last sweep" in ran.err
    assert sweep(source, state, SECOND, "--max-quarantined", "100", "--fewer-people").code == 0
    assert len(lines_of(current(state) / "people.ndjson")) == 30


def test_rules_that_suddenly_know_nothing_publish_nothing_unless_it_is_right(people: Path, swept: Path, tmp_path: Path) -> None:
    state, fewer = copied(swept, tmp_path / "state"), tmp_path / "fhir"
    shutil.copytree(people, fewer)
    file = fewer / "Observation.ndjson"
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0][:-9])
    other = tmp_path / "other"
    assert sweep(fewer, other, FIRST).code == 0, "without an earlier sweep there is nothing to compare with"
    run = json.loads(next((state / "runs").iterdir()).read_text())
    run["result"]["source"] = str(fewer)
    next((state / "runs").iterdir()).write_text(json.dumps(run))
    before = current(state)
    ran = sweep(fewer, state, SECOND)
    assert (ran.code, current(state)) == (1, before)
    assert "% of the people, after" in ran.err
    assert "--other-counts" in ran.err
    assert "almoner_sweep_last_run_failed 1.0" in (state / "sweep.prom").read_text()
    ran = sweep(fewer, state, SECOND, "--other-counts")
    assert ran.code == 0
    assert "note: " in ran.err
    assert "almoner_sweep_last_run_failed 0.0" in (state / "sweep.prom").read_text()
    assert "Unusual" in application(state).test_client().get(f"/sweeps/{current(state).name}").text


def test_a_damaged_warehouse_is_named_and_nothing_is_published(people: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    before = current(state)
    file = sorted(state.glob("warehouses/*/data/*-events-0.parquet"))[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    ran = sweep(people, state, SECOND)
    assert (ran.code, current(state)) == (3, before)
    assert file.name in ran.err
    assert "restore it from a backup" in ran.err


def test_a_damaged_piece_of_an_unfinished_sweep_is_made_again(
    people: Path, swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, undisturbed = copied(swept, tmp_path / "state"), copied(swept, tmp_path / "undisturbed")
    assert sweep(people, undisturbed, SECOND).code == 0
    with monkeypatch.context() as broken:
        broken.setattr("plugin.sweep.pipeline.assemble", _full_disk)
        ran = sweep(people, state, SECOND)
    assert (ran.code, "the disk is full" in ran.err) == (4, True)
    piece = state / "work" / "evaluate-00001.findings.ndjson"
    piece.write_bytes(piece.read_bytes()[:-2])
    assert sweep(people, state, SECOND).code == 0
    assert contents(current(state)) == contents(current(undisturbed))
    assert not (state / "work").exists()


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_example_that_is_not_answered_as_expected_stops_the_sweep(people: Path, swept: Path, tmp_path: Path) -> None:
    state, pack = copied(swept, tmp_path / "state"), tmp_path / "pack"
    shutil.copytree(BUILT_IN / "whole-person", pack)
    rule = pack / "rules" / "diabetes-food-insecurity.yaml"
    rule.write_text(rule.read_text().replace("hba1c > 9 %", "hba1c > 19 %"))
    before = current(state)
    ran = sweep(people, state, SECOND, "--packs", pack)
    assert (ran.code, current(state)) == (1, before)
    assert f"{rule}:" in ran.err
    assert "expected yes, columnar answers no" in ran.err


def test_of_two_sweeps_at_once_one_runs(people: Path, swept: Path, tmp_path: Path) -> None:
    state = copied(swept, tmp_path / "state")
    store = ready(open_store(database_of(state)))
    with Lease(state, store):
        before = contents(current(state))
        ran = sweep(people, state, SECOND)
        assert (ran.code, contents(current(state))) == (1, before)
        assert "another sweep runs on this machine; nothing was begun" in ran.err
    store.close()
    assert sweep(people, state, SECOND).code == 0


def test_whoever_stood_still_while_another_took_over_publishes_nothing(
    people: Path, swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = copied(swept, tmp_path / "state")
    before = current(state)
    store = ready(open_store(database_of(state)))

    def overtaken(*arguments: Any) -> Any:
        with store.write() as connection:
            connection.execute(update(LEASE).values(token=LEASE.c.token + 1, holder="another machine"))
        return assemble(*arguments)

    monkeypatch.setattr("plugin.sweep.pipeline.assemble", overtaken)
    ran = sweep(people, state, SECOND)
    store.close()
    assert (ran.code, current(state)) == (1, before)
    assert "another sweep took over while this one stood still" in ran.err


def test_one_person_is_a_population(tmp_path: Path) -> None:
    source = tmp_path / "fhir"
    source.mkdir()
    (source / "Patient.json").write_text(json.dumps(patient(name=[{"family": "Bell"}])))
    ran = sweep(source, tmp_path / "state", processes=2)
    assert ran.code == 0, ran.err
    assert json.loads((current(tmp_path / "state") / "manifest.json").read_text())["people"] == 1

"""The same people through the nightly sweep, ``evaluate --engine durable`` and CDS Hooks: the findings are the same to the letter.

``ALMONER_ROADS_PEOPLE`` says of how many (`make roads`: 20,000).
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from support.cds_calls import hook_call
from support.command_line import almoner_here
from support.prefetching import prefetched
from support.sweeping import FIRST, current

from fhir_adapters.mapping import subject_of
from fhir_adapters.pulled import Pulled, PulledFile
from fhir_adapters.synthetic import population
from plugin.cds.gathering import gather
from plugin.cds.request import parse_call
from plugin.cds.services import services
from plugin.sweep.listing import SHOWN
from rules.engines import Engine, engine
from rules.evaluation import evaluate
from rules.facts import TABLES, PersonRecord
from rules.findings import to_json
from rules.pack import BUILT_IN, load_packs

pytestmark = pytest.mark.slow

PEOPLE: Final = int(os.environ.get("ALMONER_ROADS_PEOPLE", "200"))
SEED: Final = 20_000
VIEW: Final = services(load_packs(BUILT_IN))[0]
READ: Final = frozenset(template.table for template in VIEW.templates("2.0") if template.table)
_AT_ONCE: Final = 500
Json = dict[str, Any]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group as a server exported it: a card knows no more of them, nothing of the others at the same address above all."""
    folder = tmp_path_factory.mktemp("pulled")
    types = {"Patient", *(name for table in READ for name in TABLES[table].resource_types)}
    lines: dict[str, list[bytes]] = defaultdict(list)
    for resource in population(PEOPLE, SEED, FIRST):
        if resource["resourceType"] in types:
            lines[resource["resourceType"]].append(orjson.dumps(resource) + b"\n")
    files = []
    for name, found in sorted(lines.items()):
        content, path = b"".join(found), f"0001/{name}.1.ndjson"
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
        files.append(PulledFile(path, "output", name, 1, len(content), len(found), hashlib.sha256(content).hexdigest()))
    Pulled(tuple(files), dict.fromkeys(sorted(types), f"{FIRST}T06:00:00Z"), {}, everybody=False).write(folder)
    return folder


@pytest.fixture(scope="module")
def by_sweep(pulled: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    state = tmp_path_factory.mktemp("state") / "state"
    ran = almoner_here("sweep", "--source", pulled, "--state", state, "--as-of", FIRST.isoformat(), "--processes", "1", "--bucket", "2000")
    assert ran.code == 0, ran.err
    assert f"{PEOPLE:,} people: " in ran.err
    found = (current(state) / "findings.ndjson").read_text(encoding="utf-8").splitlines()
    assert {orjson.loads(line)["rule"] for line in found} <= {rule for pack in VIEW.packs for rule in pack.program.rules}
    assert len(found) > PEOPLE / 2
    return found


def test_the_durable_engine_says_what_the_sweep_says(pulled: Path, by_sweep: list[str], tmp_path: Path) -> None:
    out = tmp_path / "findings.ndjson"
    ran = almoner_here("evaluate", "--source", pulled, "--as-of", FIRST.isoformat(), "--engine", "durable", "--all", "--out", out)
    assert ran.code == 0, ran.err
    with out.open(encoding="utf-8") as lines:
        assert [line.rstrip("\n") for line in lines if orjson.loads(line)["status"] in SHOWN] == by_sweep


def test_cards_rest_on_what_the_sweep_says(pulled: Path, by_sweep: list[str]) -> None:
    said, chosen = [], engine("durable")
    people = _people(pulled)
    while some := list(islice(people, _AT_ONCE)):
        said += _findings(some, chosen)
    chosen.close()
    assert sorted(said) == sorted(by_sweep)


def _people(pulled: Path) -> Iterator[list[Json]]:
    """What there is about each person, the Patient first."""
    found: dict[str, list[Json]] = {}
    for file in sorted(pulled.glob("*/*.ndjson"), key=lambda file: (not file.name.startswith("Patient."), file.name)):
        for line in file.read_bytes().splitlines():
            resource = orjson.loads(line)
            if resource["resourceType"] == "Patient":
                found[resource["id"]] = [resource]
            elif (patient := subject_of(resource)) in found:
                found[patient].append(resource)
    yield from found.values()


def _findings(people: list[list[Json]], chosen: Engine) -> list[str]:
    templates, records = VIEW.templates("2.0"), list[PersonRecord]()
    for own in people:
        call = parse_call(hook_call(prefetched(own, templates, FIRST), context={"patientId": own[0]["id"]}), "patient-view")
        gathered = gather(call, templates, None, FIRST)
        assert gathered.missing == ()
        records.append(gathered.record)
    return [to_json(each.deciding) for each in evaluate(VIEW.packs, records, FIRST, chosen, statuses=SHOWN)]

"""The fast road into the warehouse: exactly the rows that the mapper gives, whatever stands in the lines."""

import gzip
import json
import os
from copy import deepcopy
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.staging import FAST, MAPPER, SOME, assert_equal, staged

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.mapping import map_resource
from fhir_adapters.pulled import Deletions
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.ingest.descriptions import DESCRIPTIONS, own, parents, texts
from fhir_adapters.warehouse.ingest.fast import Limits
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.ingest.plain import PlainLines
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.needed import Needed

AS_OF = date(2026, 6, 30)
EXAMPLES = int(os.environ.get("ALMONER_INGEST_EXAMPLES", "8"))
"""Lots of mutated resources; each has some forty."""
Resource = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ACT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
BP = {"coding": [{"system": LOINC, "code": "85354-9"}]}
A1C = {"coding": [{"system": LOINC, "code": "4548-4", "display": "Hemoglobin A1c"}], "text": "HbA1c"}
CARDIOVERSION = {"coding": [{"system": SNOMED, "code": "180325003"}]}
FIBRILLATION = {"coding": [{"system": SNOMED, "code": "49436004"}]}


def quantity(value: float, unit: str = "mm[Hg]") -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def category(code: str) -> list[Resource]:
    return [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}]


def of(resource_type: str, id: str, **members: Any) -> Resource:
    who = {DESCRIPTIONS[resource_type].subject: {"reference": "Patient/p-1"}}
    return {
        "resourceType": resource_type,
        "id": id,
        "meta": {"lastUpdated": "2026-02-03T04:05:06.789Z", "versionId": "7"},
        **who,
        **members,
    }


PLAIN: list[Resource] = [
    of(
        "Observation",
        "o-1",
        status="final",
        category=category("laboratory"),
        code=A1C,
        effectiveDateTime="2026-01-02T03:04:05+02:00",
        issued="2026-01-02T09:00:00.123Z",
        valueQuantity=quantity(7.25, "%"),
    ),
    of(
        "Observation",
        "o-2",
        status="final",
        category=category("vital-signs"),
        code=BP,
        effectivePeriod={"start": "2026-01-02", "end": "2026-01-03"},
        component=[
            {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": quantity(128)},
            {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": quantity(81.5)},
        ],
    ),
    of(
        "Condition",
        "c-1",
        clinicalStatus={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        verificationStatus={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        code=FIBRILLATION,
        onsetDateTime="2020-02-29",
        abatementDateTime="2021-02-28T10:00:00-05:00",
        recordedDate="2020-03-01",
    ),
    {
        **of(
            "Encounter",
            "e-1",
            status="finished",
            type=[CARDIOVERSION],
            period={"start": "2026-01-02T03:04:05Z", "end": "2026-01-02T04:00:00Z"},
        ),
        "class": ACT,
        "participant": [{"type": [CARDIOVERSION], "individual": {"reference": "Practitioner/x", "display": "Dr. X"}}],
    },
    of(
        "Procedure",
        "r-1",
        status="completed",
        code=CARDIOVERSION,
        performedPeriod={"start": "2026-01-02T03:04:05Z", "end": "2026-01-02T04:00:00Z"},
        performer=[{"actor": {"reference": "Patient/p-1"}}],
        reasonCode=[FIBRILLATION],
    ),
    of(
        "MedicationRequest",
        "m-1",
        status="completed",
        intent="order",
        medicationCodeableConcept={"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1803932"}]},
        authoredOn="2026-01-02",
        dispenseRequest={"validityPeriod": {"start": "2026-01-02", "end": "2026-03-04"}},
        dosageInstruction=[{"sequence": 1, "timing": {"repeat": {"frequency": 1}}}],
    ),
    of(
        "Immunization",
        "i-1",
        status="completed",
        vaccineCode={"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]},
        occurrenceDateTime="2026-01-02T03:04:05Z",
        performer=[{"function": CARDIOVERSION, "actor": {"reference": "Practitioner/x"}}],
    ),
    of(
        "CarePlan",
        "p-1",
        status="completed",
        intent="order",
        category=[CARDIOVERSION],
        created="2026-01-02",
        period={"start": "2026-01-02", "end": "2026-03-04"},
        activity=[{"detail": {"status": "completed"}}],
    ),
    of(
        "DiagnosticReport",
        "d-1",
        status="final",
        category=category("laboratory"),
        code=A1C,
        effectiveDateTime="2026-01-02T03:04:05Z",
        issued="2026-01-02T09:00:00Z",
        conclusionCode=[FIBRILLATION],
    ),
]


def write(folder: Path, name: str, lines: list[bytes], end: bytes = b"\n") -> Path:
    path = folder / name
    path.write_bytes(end.join(lines) + end)
    return path


def by_type(resources: list[Resource]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for resource in resources:
        found.setdefault(resource["resourceType"], []).append(json.dumps(resource, ensure_ascii=False).encode())
    return found


# ---------------------------------------------------------------- the same rows


@pytest.mark.parametrize("resource", PLAIN, ids=[resource["id"] for resource in PLAIN])
def test_a_plain_line_takes_the_fast_road_and_says_the_same(resource: Resource, tmp_path: Path) -> None:
    found = assert_equal([write(tmp_path, f"{resource['resourceType']}.ndjson", [orjson.dumps(resource)])])
    assert found.fast == len(found.rows["events"]) > 0


def test_a_synthetic_population_comes_out_the_same(tmp_path: Path) -> None:
    write_ndjson(tmp_path, 150, 5, AS_OF)
    for file in sorted(tmp_path.iterdir()):
        found = assert_equal([file])
        assert found.fast > 0.7 * len(found.rows["events"]) or file.name.removesuffix(".ndjson") not in DESCRIPTIONS


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["synthea/sdoh", "synthea/bulk-13", "synthea/us-core-120", "."])
def test_real_exports_come_out_the_same(folder: str, shared_data: Path) -> None:
    for file in sorted((shared_data / folder).glob("*.ndjson.gz")):
        assert_equal([file], Reading(fast_from=0, processes=1))


def test_the_files_of_a_load_keep_their_order_in_several_processes(tmp_path: Path) -> None:
    write_ndjson(tmp_path, 40, 5, AS_OF)
    found = assert_equal(sorted(tmp_path.iterdir()), Reading(fast_from=20_000, processes=2, limits=Limits(least=1)))
    assert found.fast


def test_a_small_block_cuts_nothing(tmp_path: Path) -> None:
    lines = [orjson.dumps(resource | {"id": f"o-{n}"}) for n, resource in enumerate([PLAIN[0]] * 200)]
    file = write(tmp_path, "Observation.ndjson", [b"\xef\xbb\xbf" + lines[0], *lines[1:]], b"\r\n")
    assert assert_equal([file], Reading(fast_from=0, processes=1, limits=Limits(block=3000, least=1))).fast == 200


def test_the_participants_of_r5_are_seen_as_the_mapper_sees_them(tmp_path: Path) -> None:
    """Named ``actor`` instead of ``individual``: a relative there is no performer, and a practitioner's kind is not said."""
    taking_part = [{"actor": {"reference": "RelatedPerson/x"}}, {"actor": {"reference": "Practitioner/x"}}, {"individual": {}}, {}]
    lines = [orjson.dumps(PLAIN[3] | {"id": f"e-{n}", "participant": [who]}) for n, who in enumerate(taking_part)]
    assert assert_equal([write(tmp_path, "Encounter.ndjson", lines)]).fast == len(lines)


def test_what_is_null_inside_is_not_what_is_absent(tmp_path: Path) -> None:
    empty: list[Resource] = [{"value": None}, {"value": None, "code": "%"}, {}]
    lines = [orjson.dumps(PLAIN[0] | {"id": f"q-{n}", "valueQuantity": found}) for n, found in enumerate(empty)]
    nothing: list[Resource] = [{"start": None}, {"start": None, "end": "2026-01-02"}, {}, {"end": "2026-01-02"}]
    lines += [orjson.dumps(PLAIN[0] | {"id": f"p-{n}", "effectivePeriod": found}) for n, found in enumerate(nothing)]
    lines += [orjson.dumps(PLAIN[1] | {"id": f"e-{n}", "effectivePeriod": found}) for n, found in enumerate(nothing)]
    assert assert_equal([write(tmp_path, "Observation.ndjson", lines)]).fast == 0


def test_a_file_that_is_pretty_is_read_as_fast(tmp_path: Path) -> None:
    lines = [json.dumps(PLAIN[n % 2] | {"id": f"o-{n}"}, separators=(" , ", " : ")).encode() for n in range(40)]
    assert_equal([write(tmp_path, "Observation.ndjson", lines, b" \r\n")])


# ---------------------------------------------------------------- odd resources

CODED = st.sampled_from([A1C, BP, FIBRILLATION, {"text": "words"}, {"coding": []}, {"coding": {"code": "x"}}, {"coding": [None]}])
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, 5, -1.5, 2**70, 1e22, "5", "", " ", "x", "true", "final", "unknown", "completed", "Final", "é", '"', "\\", "\x01", "1"]
    ),
    st.sampled_from(
        ["2026", "2026-05", "2026-05-06", "2026-02-30", "2026-05-06T10:00:00", "2026-05-06T24:00:00Z", "0000-01-01", "2026-5-6"]
    ),
    st.sampled_from(
        ["2026-05-06T10:00:60Z", "2026-05-06T10:00Z", "2026-05-06T10:00:00+14:00", " 2026-05-06", "2026-05-06T10:00:00.1234567Z"]
    ),
    st.sampled_from(["1677-01-01", "9999-12-31T23:59:59Z", "2024-02-29T23:59:59.999999-12:00", "1900-02-29", "2026-05-06T10:00:00+02:00"]),
    st.sampled_from(
        [
            "Patient/q",
            "https://x.org/fhir/Patient/q/_history/3",
            "Medication/q",
            {"reference": "Medication/q"},
            {"reference": "#q"},
            "Group/g",
            "#p",
            "urn:uuid:1",
            "Patient/",
            "Patient/é",
            "Patient/a b",
        ]
    ),
    st.sampled_from([{}, [], [None], [{}], {"start": "2026-05-06"}, {"end": "2026-05-06"}, {"start": "2026-05-07", "end": "2026-05-06"}]),
    st.sampled_from([{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}]),
    st.sampled_from(
        [
            {"value": "7"},
            {"value": 7, "comparator": "<"},
            {"value": None},
            {"value": 1, "unit": 5},
            {"identifier": {"system": "s", "value": "v"}},
        ]
    ),
    CODED,
    CODED.map(lambda concept: [concept]),
    CODED.map(lambda concept: [concept, {"coding": [{"code": 5}]}]),
)
MORE = [
    *(
        "_status",
        "contained",
        "modifierExtension",
        "dataAbsentReason",
        "valueString",
        "valueBoolean",
        "valueInteger",
        "valueCodeableConcept",
    ),
    *("valueDateTime", "_valueString", "valueQuantity", "component", "effectiveInstant", "effectiveTiming", "onsetString", "onsetPeriod"),
    *(
        "reason",
        "reasonCode",
        "statusReason",
        "occurrencePeriod",
        "performedDateTime",
        "performedAge",
        "recorded",
        "actualPeriod",
        "Status",
    ),
    *("doNotPerform", "medication", "medicationReference", "performerType", "subject", "patient", "meta", "category", "identifier"),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for step, item in inside for found in [(*path, step), *places(item, (*path, step))]]


@st.composite
def mutated(draw: st.DrawFn) -> Resource:
    """A plain resource in which one to three things are otherwise."""
    resource = deepcopy(draw(st.sampled_from(PLAIN)))
    for _ in range(draw(st.integers(1, 3))):
        options = [path for path in places(resource) if path != ("resourceType",)]
        path = draw(st.sampled_from([*options, *((name,) for name in MORE)]))
        parent: Any = resource
        for step in path[:-1]:
            parent = parent[step]
        how = draw(st.sampled_from(["change", "change", "remove", "again"]))
        if how == "remove" and (isinstance(parent, list) or path[-1] in parent):
            parent.pop(path[-1])
        elif how == "again" and isinstance(parent, list):
            parent.append(deepcopy(parent[path[-1]]))
        else:
            parent[path[-1]] = deepcopy(draw(ODD))
    return resource


@pytest.mark.slow
@settings(deadline=None, max_examples=EXAMPLES)
@given(st.lists(mutated(), min_size=20, max_size=60), st.sampled_from([None, SOME]))
def test_whatever_is_otherwise_in_a_resource_comes_out_as_the_mapper_has_it(resources: list[Resource], needed: Needed | None) -> None:
    with TemporaryDirectory() as name:
        for n, resource in enumerate(resources):
            if isinstance(resource.get("id"), str):
                resource["id"] += f"-{n}"
        for kind, lines in by_type(resources).items():
            assert_equal([write(Path(name), f"{kind}.ndjson", lines)], needed=needed)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, len(PLAIN) - 1), st.data())
def test_two_lines_with_one_pattern_may_differ_in_all_that_differs(number: int, data: st.DataObject) -> None:
    """Equal skeletons, other dates and numbers, also in another order."""
    moments = st.dates(date(1950, 1, 1), date(2030, 1, 1)).map(date.isoformat)
    times = st.datetimes(datetime(1950, 1, 1), datetime(2030, 1, 1)).map(lambda time: time.isoformat(timespec="milliseconds") + "-05:00")  # noqa: DTZ001
    resources = []
    for n in range(12):
        resource = deepcopy(PLAIN[number]) | {"id": f"x-{n}"}
        for path in places(resource):
            parent: Any = resource
            for step in path[:-1]:
                parent = parent[step]
            if isinstance(parent[path[-1]], str) and parent[path[-1]][:4].isdigit() and "-" in parent[path[-1]][:5]:
                parent[path[-1]] = data.draw(st.one_of(moments, times))
            elif path[-1] == "value" and isinstance(parent["value"], int | float):
                parent["value"] = data.draw(st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6))
        resources.append(resource)
    with TemporaryDirectory() as name:
        for kind, lines in by_type(resources).items():
            assert_equal([write(Path(name), f"{kind}.ndjson", lines)])


# ---------------------------------------------------------------- odd lines

GOOD = orjson.dumps(PLAIN[0])
ODD_LINES = {
    "blank": b"",
    "spaces": b"   ",
    "cut off": GOOD[:-20],
    "two on a line": GOOD + GOOD,
    "rubbish after it": GOOD + b" x",
    "array": b"[1,2]",
    "null": b"null",
    "number": b"5",
    "another type": orjson.dumps(PLAIN[2]),
    "no type": b'{"id":"x"}',
    "a Bundle": orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": PLAIN[0]}, {"resource": PLAIN[2]}]}),
    "a name twice": GOOD.replace(b'"status":', b'"status":"amended","status":'),
    "a name twice inside": GOOD.replace(b'"value":', b'"value":9,"value":'),
    "not UTF-8": GOOD.replace(b"HbA1c", b"Hb\xff"),
    "half a character": GOOD.replace(b"HbA1c", b"Hb\\ud800"),
    "NaN": GOOD.replace(b"7.25", b"NaN"),
    "too great a number": GOOD.replace(b"7.25", b"1e400"),
    "a number with an exponent": GOOD.replace(b"7.25", b"7e1"),
    "a text for a number": GOOD.replace(b"7.25", b'"7.25"'),
    "a number for an id": GOOD.replace(b'"o-1"', b"17"),
    "a number for a code": GOOD.replace(b'"4548-4"', b"4548"),
    "a NUL": GOOD.replace(b"HbA1c", b"Hb\\u0000"),
    "deep": b'{"resourceType":"Observation","x":' + b"[" * 1500 + b"]" * 1500 + b"}",
}


@pytest.mark.parametrize("line", ODD_LINES.values(), ids=ODD_LINES)
@pytest.mark.parametrize("place", [0, 40, 79])
def test_an_odd_line_among_plain_ones_changes_nothing_else(line: bytes, place: int, tmp_path: Path) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}"}) for n in range(80)]
    lines[place] = line
    if place:  # the first line says of which type the file is
        assert assert_equal([write(tmp_path, "Observation.ndjson", lines)]).fast
    assert_equal([write(tmp_path, "Observation.ndjson", lines, b"\n")])


def test_a_file_that_is_cut_in_mid_line_is_not_whole(tmp_path: Path) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}"}) for n in range(80)]
    file = tmp_path / "Observation.ndjson"
    file.write_bytes(b"\n".join(lines)[:-30])
    assert assert_equal([file]).parts[0].cut_short


def test_a_compressed_file_that_is_cut_gives_what_comes_before(tmp_path: Path) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}", "note": [{"text": str(hash(n) ** 9)}]}) for n in range(2000)]
    file = tmp_path / "Observation.ndjson.gz"
    whole = gzip.compress(b"\n".join(lines))
    file.write_bytes(whole[: len(whole) // 2])
    found = assert_equal([file])
    assert found.parts[0].cut_short
    assert 0 < found.fast < 2000


def test_a_line_beyond_the_limit_is_refused_alone(tmp_path: Path) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}", "note": [{"text": "x" * (5000 if n == 7 else 1)}]}) for n in range(30)]
    found = staged([write(tmp_path, "Observation.ndjson", lines)], Reading(fast_from=0, limits=Limits(block=2000, line=4000, least=1)))
    assert found.fast == 29
    assert [(entry.reason.value, entry.resource_type) for entry in found.refused.entries] == [("line too long", "Observation")]


def test_types_that_are_not_kept_are_counted(tmp_path: Path) -> None:
    lines = [b'{"resourceType":"Provenance","id":"%d"}' % n for n in range(50)] + [GOOD, b"", b"{"]
    found = assert_equal([write(tmp_path, "Provenance.ndjson", lines)])
    assert found.types == {"Provenance", "Observation"}


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}"}) for n in range(50)]
    found = assert_equal([write(tmp_path, "Observation.ndjson", lines)], FAST, Deletions({"Observation/o-7": 1, "Condition/o-8": 1}))
    assert found.fast == 49


def test_a_lost_line_stops_the_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [orjson.dumps(PLAIN[0] | {"id": f"o-{n}"}) for n in range(50)] + [b'{"resourceType":"Observation"}']
    done = PlainLines.done
    monkeypatch.setattr(PlainLines, "done", lambda self, place: (done(self, place)[0], []))
    with pytest.raises(SourceUnreadable, match="1 line"):
        staged([write(tmp_path, "Observation.ndjson", lines)], FAST)


# ---------------------------------------------------------------- what the mapper reads


class Watched(dict[str, Any]):
    """A resource that notes which of its members are asked for."""

    asked: set[str]

    def __init__(self, resource: Resource, asked: set[str]) -> None:
        super().__init__(resource)
        self.asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)


NEVER_FAST = {"resourceType", "id", "meta", "subject", "patient", "contained"}
"""Read of every type (``contained`` and the subject's other forms only if the subject is not plain)."""


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_member_that_the_mapper_asks_for_is_described(name: str) -> None:
    description = DESCRIPTIONS[name]
    tops = {path.split(".")[0] for path in (*texts(description), *own(description).values(), *parents(description), *description.rare)}
    asked: set[str] = set()
    for resource in [*(plain for plain in PLAIN if plain["resourceType"] == name), of(name, "bare")]:
        map_resource(Watched(resource, asked), Quarantine())
    assert asked - tops - NEVER_FAST == set()


# ---------------------------------------------------------------- the whole load


def test_the_same_id_twice_is_told_whichever_road_it_took(tmp_path: Path) -> None:
    same, other = PLAIN[0], PLAIN[0] | {"valueQuantity": quantity(9.5, "%")}
    partial = PLAIN[0] | {"id": "o-9", "effectiveDateTime": "2026-01"}
    lines = [orjson.dumps(resource) for resource in [same, other, same, partial, partial | {"language": "en"}, PLAIN[0] | {"id": "o-9"}]]
    person = orjson.dumps({"resourceType": "Patient", "id": "p-1"})
    (tmp_path / "files").mkdir()
    write(tmp_path / "files", "Observation.ndjson", lines)
    write(tmp_path / "files", "Patient.ndjson", [person])
    for name, road in {"mapper": MAPPER, "fast": FAST}.items():
        found = load_export(tmp_path / name, export_in(tmp_path / "files", at=datetime(2026, 7, 1, tzinfo=UTC)), Habits(reading=road))
        told = [(entry.id, entry.reason.value) for entry in found.report.quarantine.entries]
        assert told == [("o-1", "duplicate id"), ("o-1", "duplicate id"), ("o-9", "duplicate id")]

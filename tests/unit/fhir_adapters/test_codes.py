import pytest

from fhir_adapters.codes import BINDINGS, loinc_item, read_codes, read_status
from fhir_adapters.quarantine import Quarantine, Reading, Reason
from fhir_adapters.references import patient_id
from rules.facts import TABLES, Coding, Table
from rules.units import LOINC


@pytest.fixture
def reading() -> Reading:
    return Reading(Quarantine(), "Observation", "1")


def test_every_coding_counts_once(reading: Reading) -> None:
    concept = {
        "coding": [
            {"system": LOINC + " ", "code": "4548-4", "display": "A1c"},
            {"system": LOINC, "code": " 4548-4 "},
            {"system": "urn:local", "code": "HBA1C"},
            {"code": "bare"},
            {"system": LOINC, "display": "no code"},
        ]
    }
    assert read_codes(reading, concept, "code").found == (Coding(LOINC, "4548-4"), Coding("urn:local", "HBA1C"), Coding("", "bare"))
    assert reading.defects == 0


@pytest.mark.parametrize("concept", [None, {"text": "only words"}, {}, {"coding": []}])
def test_text_alone_gives_no_codes_and_is_no_defect(reading: Reading, concept: object) -> None:
    assert read_codes(reading, concept, "code") == ((), False)
    assert reading.defects == 0


@pytest.mark.parametrize("concept", ["4548-4", 5, ["x"], {"coding": "x"}, {"coding": [{"code": 4548}]}, {"coding": [{"code": " "}]}, [[]]])
def test_an_unreadable_concept_is_lost_and_reported(reading: Reading, concept: object) -> None:
    assert read_codes(reading, concept, "code") == ((), True)
    assert reading.defects == 1


def test_one_good_coding_saves_a_concept(reading: Reading) -> None:
    codes = read_codes(reading, {"coding": [7, {"system": LOINC, "code": "4548-4"}]}, "code")
    assert codes == ((Coding(LOINC, "4548-4"),), False)
    assert reading.defects == 1


@pytest.mark.parametrize(("text", "code"), [("/88122-7", "88122-7"), ("/93043-8/56051-6", "56051-6"), ("44250-9", "44250-9")])
def test_a_link_id_may_be_a_loinc_code(text: str, code: str) -> None:
    assert loinc_item(text) == code


@pytest.mark.parametrize("text", ["/88122-8", "1.1", "1-8", "", "/", "88122", "LA33-6", "8812２-7", "88122-7/"])
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert loinc_item(text) is None


@pytest.mark.parametrize("status", ["bogus", "Final", "FINAL", "final ", "", 5, ["final"], {}])
def test_a_status_outside_its_value_set_is_unknown_and_reported(reading: Reading, status: object) -> None:
    assert read_status(reading, status, "status") is None
    assert reading.quarantine.counts["Observation", Reason.NOT_IN_BINDING] == 1


def test_unknown_is_unknown_and_no_defect(reading: Reading) -> None:
    assert read_status(reading, "unknown", "status") is None
    assert reading.defects == 0


STATUS = {"status", "clinicalStatus", "lifecycleStatus"}
NOT_BOUND = {"unknown", "refuted", "entered-in-error", "do-not-perform"}
"""Known as *unknown*, or from another element than the status."""


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_statuses_of_a_table_are_those_that_can_occur(table: Table) -> None:
    bound = [codes for name, codes in BINDINGS.items() if name.split(".")[0] in table.resource_types and name.split(".")[1] in STATUS]
    assert table.known - NOT_BOUND == frozenset().union(*bound) - NOT_BOUND
    assert table.counted <= table.known - NOT_BOUND
    assert table.usual in table.counted


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p-1",
        "Patient/p-1/_history/2",
        "http://ehr.example/fhir/Patient/p-1",
        "https://ehr.example/a/b/Patient/p-1/_history/3",
        " Patient/p-1 ",
    ],
)
def test_forms_of_a_reference_to_a_patient(reference: str) -> None:
    assert patient_id({"reference": reference}) == "p-1"


def test_a_urn_is_resolved_inside_its_bundle() -> None:
    assert patient_id({"reference": "urn:uuid:7"}, {"urn:uuid:7": "Patient/p-1"}) == "p-1"
    assert patient_id({"reference": "urn:uuid:8"}, {"urn:uuid:7": "Patient/p-1"}) is None


@pytest.mark.parametrize(
    "subject",
    [
        *(None, "Patient/1", 5, [], {}, {"identifier": {"system": "urn:mrn", "value": "1"}}, {"reference": 5}),
        *(
            {"reference": r}
            for r in ("Group/1", "#p", "Patient", "Patient/", "Patient?identifier=1", "javascript:Patient/1", "Patient/a/b", "Patient/ä")
        ),
    ],
)
def test_references_that_do_not_say_who(subject: object) -> None:
    assert patient_id(subject) is None

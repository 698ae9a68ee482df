"""Whatever JSON comes, nothing raises, and what a resource became is always said."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_adapters.dataset import Collector
from fhir_adapters.extraction import extract
from fhir_adapters.forms import read_form
from fhir_adapters.gravity import DOMAINS
from fhir_adapters.mapping import MAPPED_TYPES, Outcome, map_resource
from fhir_adapters.quarantine import Quarantine, Reading
from fhir_adapters.report import Report
from fhir_adapters.social import Aspect, social_facts
from rules.facts import Event

WORDS = st.sampled_from(
    [
        "",
        " ",
        "final",
        "unknown",
        "active",
        "2024",
        "2024-02-30",
        "2024-05-01T10:00:00Z",
        "http://loinc.org",
        "/88122-7",
        "Patient/p1",
        "\ud800",
        "x|y",
        "Medication/m",
        "Patient?identifier=x|y",
        "#a",
        "replaced-by",
        "HTEST",
        "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), WORDS)
ELEMENTS = (
    "id meta lastUpdated versionId status code coding system value unit comparator valueQuantity valueCodeableConcept valueBoolean"
    " valueInteger valueString dataAbsentReason component effectiveDateTime effectivePeriod effectiveTiming event repeat boundsPeriod"
    " issued start end item linkId answer valueCoding valueDecimal questionnaire definition authored onsetDateTime onsetPeriod onsetAge"
    " abatementDateTime recordedDate clinicalStatus verificationStatus class type period performedDateTime performedPeriod category"
    " authoredOn lifecycleStatus startDate statusDate description birthDate gender deceasedBoolean deceasedDateTime communication"
    " language preferred extension url valueReference address line postalCode use name given family text telecom reference subject for"
    " entry resource fullUrl request method intent doNotPerform reasonCode statusReason cancelationReason statusReasonCodeableConcept"
    " medicationCodeableConcept medicationReference contained dispenseRequest validityPeriod dosageInstruction timing whenHandedOver"
    " dateAsserted vaccineCode occurrenceDateTime recorded serviceType created topic sent received scope dateTime provision policyRule"
    " conclusionCode link other identifier active meta tag security concept medication reason decision actualPeriod occurrenceDateTime"
    " notPerformedReason cancellationReason adherence kind rank valueCode _valueBoolean contained version name"
)
KEYS = st.sampled_from(ELEMENTS.split())
JSON = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)), max_leaves=25)
SUBJECTS = st.one_of(st.just({"reference": "Patient/p1"}), JSON)


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = draw(st.dictionaries(KEYS, JSON, max_size=8))
    subject = draw(SUBJECTS)
    subjects = dict.fromkeys(("subject", "for", "patient", "beneficiary"), subject) | {"participant": [{"actor": subject}]}
    return body | {"resourceType": draw(st.sampled_from(sorted(MAPPED_TYPES)))} | subjects


@given(resources())
def test_mapping_never_raises(resource: dict[str, Any]) -> None:
    quarantine = Quarantine()
    mapped = map_resource(resource, quarantine)
    assert mapped.outcome in (Outcome.MAPPED, Outcome.QUARANTINED)
    assert mapped.outcome is Outcome.MAPPED or quarantine.entries
    assert all(isinstance(event, Event) and event.source == mapped.source for event in mapped.events)
    assert len({event.part for event in mapped.events}) == len(mapped.events)
    for event in mapped.events:
        assert event.order
        assert event.start is None or event.start.low <= event.start.high


NAMED = st.sampled_from(["Medication", "Questionnaire"])


@given(st.dictionaries(KEYS, JSON, max_size=8), NAMED)
def test_what_others_refer_to_never_raises(body: dict[str, Any], kind: str) -> None:
    assert map_resource(body | {"resourceType": kind}, Quarantine()).outcome in (Outcome.MAPPED, Outcome.IGNORED)


@given(st.dictionaries(KEYS, JSON, max_size=6), st.dictionaries(KEYS, JSON, max_size=6))
def test_extraction_never_raises(form: dict[str, Any], response: dict[str, Any]) -> None:
    found = read_form(form | {"url": "http://loinc.org"}, Reading(Quarantine(), "Questionnaire", "f"))
    assert found is not None
    made = extract(found, response | {"id": "r", "status": "completed"})
    assert all(one["status"] == "final" for one in made.observations)


@given(st.lists(resources(), max_size=4))
def test_social_facts_of_anything_are_whole(found: list[dict[str, Any]]) -> None:
    collector = Collector(Report())
    part = collector.report.part("x")
    for resource in [{"resourceType": "Patient", "id": "p1"}, *found]:
        collector.add(resource, part)
    for record in collector.records(()):
        assert len(social_facts(record, date(2024, 6, 1), stale_after=timedelta(days=365))) == len(DOMAINS) * len(Aspect)


@given(st.one_of(JSON, st.dictionaries(KEYS, JSON).map(lambda body: body | {"resourceType": "Bundle"}), resources()))
def test_collecting_never_raises_and_balances(document: Any) -> None:
    report = Report()
    part = report.part("x")
    part.lines = 1
    collector = Collector(report)
    collector.add_document(document, part)
    collector.population(())
    assert report.balances()


def test_items_as_deep_as_the_parser_allows() -> None:
    item: dict[str, Any] = {"linkId": "a"}
    for _ in range(5000):
        item = {"linkId": "a", "item": [item]}
    response = {"resourceType": "QuestionnaireResponse", "subject": {"reference": "Patient/p1"}, "item": [item]}
    assert len(map_resource(response, Quarantine()).events) == 5000

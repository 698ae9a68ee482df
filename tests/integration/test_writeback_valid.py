"""Everything that is written is valid FHIR, in the eyes of judges that share no code with ours. Runs where Medplum's packages are."""

import pytest
from support.medplum import required_codes, verdicts, why_not
from support.writeback import AUTHOR, RECORDED, key, referral, task

from fhir_adapters.writeback import Suggestion, change, put, suggestion
from fhir_adapters.writeback.bindings import REQUIRED, WRITABLE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "they run")]

DATA_TYPES = {
    "Address", "Age", "Annotation", "Attachment", "CodeableConcept", "Coding", "ContactDetail", "ContactPoint", "Duration", "Expression",
    "Extension", "HumanName", "Identifier", "Meta", "Money", "Narrative", "Period", "Quantity", "Range", "Ratio", "Reference",
    "RelatedArtifact", "SampledData", "Signature", "Timing", "UsageContext",
}  # fmt: skip
"""What the elements of the resources that we write can hold."""


def written() -> list[Suggestion]:
    """One of each type."""
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/ann"}, "priority": "routine"}
    flag = {"resourceType": "Flag", "status": "active", "code": {"text": "interpreter needed"}, "subject": {"reference": "Patient/ann"}}
    others = [suggestion(key(type=each["resourceType"]), each, run="run-1", author=AUTHOR, recorded=RECORDED) for each in (note, flag)]
    return [*referral(), *others]


def test_another_validator_finds_nothing_wrong() -> None:
    changed = change(key(), "Task/1", [put("status", "cancelled")], run="run-1", author=AUTHOR, recorded=RECORDED)
    ours = [*(each.resource for each in written()), *(each.provenance for each in written()), changed.provenance]
    assert {each["resourceType"] for each in ours} == {*WRITABLE, "Provenance"}
    assert verdicts(ours) == ["ok"] * len(ours)


def test_the_validator_would_notice() -> None:
    resource = task().resource
    assert "ok" not in verdicts([resource | {"colour": "red"}, {name: resource[name] for name in resource if name != "status"}])


def test_the_tables_of_codes_are_those_of_the_standard() -> None:
    assert required_codes({*WRITABLE, "Provenance", *DATA_TYPES}) == dict(REQUIRED)

"""Writing to EHRs: nothing twice, nothing lost, nothing that was not allowed. How: docs/explanation/writing-once.md."""

from fhir_adapters.writeback.delivery import Report
from fhir_adapters.writeback.edits import Edit, drop, include, put
from fhir_adapters.writeback.identity import Key
from fhir_adapters.writeback.intent import Author, Change, Intent, Suggestion, change, suggestion
from fhir_adapters.writeback.outbox import Outbox
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.preview import Preview
from fhir_adapters.writeback.reconciling import Reconciled
from fhir_adapters.writeback.states import Claim, State, Status

__all__ = [
    "Author",
    "Change",
    "Claim",
    "Edit",
    "Intent",
    "Key",
    "Outbox",
    "Policy",
    "Preview",
    "Reconciled",
    "Report",
    "State",
    "Status",
    "Suggestion",
    "change",
    "drop",
    "include",
    "put",
    "suggestion",
]

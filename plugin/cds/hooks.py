"""The hooks of HL7's library that are not deprecated, as data: what their context holds, and what of it a prefetch template may name.

From HL7/cds-hooks-library (1.0.1 and 2.0.0-cibuild); tokens as CDS Hooks 2.0 allows them: members at the root with a plain value.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["id", "user", "reference", "references", "bundle", "resource", "resources"]
"""What a context member holds. ``user`` is the reference to the person in front of the screen."""


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a hook's context."""

    name: str
    kind: Kind
    required: bool = True
    also: tuple[str, ...] = ()
    """Further names, of older versions or of HL7's own examples, under which clients send it."""
    types: tuple[str, ...] = ()
    """Resource types that it refers to or holds; empty: any."""

    @property
    def token(self) -> bool:
        """Whether a 2.0 prefetch template may name it."""
        return self.kind in ("id", "user", "reference", "references")


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook. ``maturity`` is HL7's, from 0 (draft) to 5 (mature)."""

    name: str
    version: str
    maturity: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The member of that name, if the hook has it."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def user_types(self) -> tuple[str, ...]:
        """What ``userId`` may refer to; empty: the hook tells of no user."""
        user = self.field("userId")
        return user.types if user else ()

    @property
    def user_required(self) -> bool:
        """Whether the hook promises a user."""
        user = self.field("userId")
        return user is not None and user.required

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that a 2.0 prefetch template may hold, without their braces."""
        return tuple(f"context.{field.name}" for field in self.fields if field.token)


_CLINICIANS: Final = ("Practitioner", "PractitionerRole")
_EVERYBODY: Final = (*_CLINICIANS, "Patient", "RelatedPerson")
_PATIENT: Final = Field("patientId", "id")


def _user(types: tuple[str, ...] = _CLINICIANS, *, required: bool = True) -> Field:
    return Field("userId", "user", required, types=types)


def _encounter(*, required: bool = False) -> Field:
    return Field("encounterId", "id", required)


def _bundle(name: str, *types: str, also: tuple[str, ...] = ()) -> Field:
    return Field(name, "bundle", also=also, types=types)


_DRAFTS: Final = _bundle("draftOrders")
_HOOKS: Final = (
    Hook("patient-view", "1.0", 5, (_user(_EVERYBODY), _PATIENT, _encounter())),
    Hook("encounter-start", "1.0", 1, (_user(), _PATIENT, _encounter(required=True))),
    Hook("encounter-discharge", "1.0", 1, (_user(), _PATIENT, _encounter(required=True))),
    Hook("order-select", "1.0", 4, (_user(), _PATIENT, _encounter(), Field("selections", "references"), _DRAFTS)),
    Hook("order-sign", "1.0", 5, (_user(), _PATIENT, _encounter(), _DRAFTS)),
    Hook(
        "order-dispatch",
        "1.1",
        0,
        (
            _PATIENT,
            Field("dispatchedOrders", "references", also=("dispatched-orders", "order")),
            Field("performer", "reference"),
            Field("fulfillmentTasks", "resources", required=False, also=("fulfillment-tasks", "task"), types=("Task",)),
        ),
    ),
    Hook("appointment-book", "1.0", 1, (_user(_EVERYBODY), _PATIENT, _encounter(), _bundle("appointments", "Appointment"))),
    Hook("problem-list-item-create", "0.1.0", 1, (_user(), _PATIENT, _encounter(), _bundle("conditions", "Condition"))),
    Hook(
        "medication-refill",
        "0.1.0",
        1,
        (_user(required=False), _PATIENT, _encounter(), _bundle("medications", "MedicationRequest")),
    ),
    Hook(
        "allergyintolerance-create",
        "0.1.0",
        1,
        (
            _user(("Practitioner",)),
            _PATIENT,
            _encounter(),
            Field("allergyIntolerance", "resource", also=("allergyIntolerances",), types=("AllergyIntolerance",)),
        ),
    ),
    Hook(
        "medication-verify",
        "0.1.0",
        1,
        (_user(), _PATIENT, _encounter(), Field("medication", "resource", also=("order",), types=("MedicationRequest",))),
    ),
)
HOOKS: Final = {hook.name: hook for hook in _HOOKS}
"""By name; `medication-prescribe` and `order-review` are deprecated and not among them."""

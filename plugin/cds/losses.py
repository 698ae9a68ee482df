"""What a client cannot show of a piece of advice, and what stands there instead."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class LossKind(StrEnum):
    """What sort of thing is lost."""

    SUGGESTION = "suggestion"
    ACTION = "action"
    ORDER_CODE = "order code"
    SELECTION = "selection"
    LABEL = "label"
    REASONS = "override reasons"
    FEEDBACK = "feedback"
    LINK = "link"
    APP_CONTEXT = "app context"
    TABLE = "table"
    TOPIC = "topic"


INSTEAD: Final = {
    LossKind.SUGGESTION: "The detail says in words what to do.",
    LossKind.ACTION: "The client cannot create this resource; our own module does when the suggestion is accepted.",
    LossKind.ORDER_CODE: "The order catalogue has no code for this service (order_codes of the client), so it is not offered as an order.",
    LossKind.SELECTION: "Only one of the suggestions can be taken.",
    LossKind.LABEL: "The description of the action is shown in place of the suggestion's label.",
    LossKind.REASONS: "Why a card is not followed cannot be said.",
    LossKind.FEEDBACK: "What becomes of the card is not reported; a referral is noticed when it appears in the record.",
    LossKind.LINK: "It is left out; in the text its title stays.",
    LossKind.APP_CONTEXT: "The link opens the app without what the card knows.",
    LossKind.TABLE: "Each row is a line.",
    LossKind.TOPIC: "The topic has another code, always the same one.",
}
"""For the people who set a client up: what happens in place of what is lost."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is lost."""

    kind: LossKind
    what: str
    """The thing itself: the text of a suggestion, the label of a link, a type of resource."""

    @property
    def instead(self) -> str:
        """What happens in its place."""
        return INSTEAD[self.kind]

"""The words of the pages about sweeps, which records have as codes."""

from typing import Final

from fhir_adapters.quarantine import Reason
from plugin.translations import marked, pgettext


def kinds() -> dict[str, str]:
    """Kinds of changes, in the language of the page; see `plugin.sweep.differences`."""
    return {
        "new": pgettext("changes", "new"),
        "still": pgettext("changes", "still"),
        "resolved": pgettext("changes", "resolved"),
        "became unknown": pgettext("changes", "became unknown"),
        "left": pgettext("changes", "left"),
    }


def statuses() -> dict[str, str]:
    """How runs end; see `plugin.sweep.runs`."""
    return {
        "running": pgettext("sweep", "running"),
        "published": pgettext("sweep", "published"),
        "refused": pgettext("sweep", "refused"),
        "failed": pgettext("sweep", "failed"),
        "stopped": pgettext("sweep", "stopped"),
    }


def outcomes() -> dict[str, str]:
    """What became of what was read; see `fhir_adapters.report`."""
    return {
        "read": pgettext("resources", "read"),
        "mapped": pgettext("resources", "mapped"),
        "not_needed": pgettext("resources", "not needed"),
        "ignored": pgettext("resources", "ignored"),
        "quarantined": pgettext("resources", "quarantined"),
        "duplicate": pgettext("resources", "duplicate"),
        "excluded": pgettext("resources", "excluded"),
    }


STEPS: Final = (marked("pull"), marked("land"), marked("evaluate"), marked("publish"))
COUNTS: Final = (
    *(
        marked("files"),
        marked("lines"),
        marked("withheld types"),
        marked("written"),
        marked("removed"),
        marked("unchanged"),
        marked("read beforehand"),
    ),
    *(marked("people"), marked("explained"), marked("columnar cpu seconds"), marked("buckets"), marked("findings")),
)
"""What steps count."""
REASONS: Final = {
    Reason.NOT_JSON: marked("not JSON"),
    Reason.NOT_AN_OBJECT: marked("not an object"),
    Reason.NOT_A_LIST: marked("not a list"),
    Reason.WRONG_TYPE: marked("wrong type"),
    Reason.EMPTY: marked("empty"),
    Reason.MISSING: marked("missing"),
    Reason.NOT_IN_BINDING: marked("code outside the required value set"),
    Reason.INVALID_DATE: marked("not a date"),
    Reason.NO_ZONE: marked("time without zone"),
    Reason.ENDS_BEFORE_START: marked("ends before it starts"),
    Reason.NOT_UTF8: marked("not UTF-8"),
    Reason.OPEN_QUOTE: marked("a quote is left open"),
    Reason.NOT_A_NUMBER: marked("not a finite number"),
    Reason.MORE_THAN_ONE: marked("more than one of a choice"),
    Reason.CONTRADICTION: marked("contradiction"),
    Reason.NO_SUBJECT: marked("no usable subject"),
    Reason.AMBIGUOUS: marked("identifier of more than one patient"),
    Reason.UNCLEAR_MERGE: marked("merged in a circle, or into more than one"),
    Reason.OTHER_PATIENT: marked("another patient's"),
    Reason.NO_PATIENT: marked("no Patient"),
    Reason.NO_MEDICATION: marked("medication not resolved"),
    Reason.DUPLICATE_ID: marked("duplicate id"),
    Reason.OTHER_SUBJECT: marked("duplicate id with another subject"),
    Reason.LINE_TOO_LONG: marked("line too long"),
    Reason.NESTED_TOO_DEEP: marked("nested too deep"),
    Reason.CUT_SHORT: marked("cut short"),
    Reason.DANGLING: marked("refers to what is not there"),
    Reason.RAGGED: marked("not as many cells as the header"),
    Reason.OUT_OF_RANGE: marked("out of range"),
    Reason.DELETION: marked("deletion not applied"),
    Reason.SERVER_NOTE: marked("the server reports a problem"),
}
"""Why something could not be used."""

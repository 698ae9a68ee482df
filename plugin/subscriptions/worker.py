"""Looks at what was heard: whom it is about, and what the rules say about that person now."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.mapping import subject_of
from fhir_adapters.subscriptions import Inbox, Pending
from fhir_adapters.transport import FhirServer

_GONE: Final = frozenset({404, 410})


@dataclass(slots=True)
class Looked:
    """What came of a round."""

    people: int = 0
    """Evaluated again."""
    aside: int = 0
    """Changes that are about nobody: a deleted resource, one without a patient."""
    put_off: int = 0
    """Changes to be looked at later, because a server did not answer."""
    vague: set[str] = field(default_factory=set)
    """Subscriptions that told that something changed but not what: search for it."""


def look(
    inbox: Inbox,
    server_named: Callable[[str], FhirServer],
    evaluate: Callable[[str, str], None],
    hear: Callable[[str, str], None] | None = None,
) -> Looked:
    """Look at everything that is due; ``evaluate`` gets the name of a server and a patient's id there, ``hear`` the place of each Task.

    A person is evaluated once, however many changes there are; what fails is put off, not lost.
    """
    looked = Looked()
    while round := inbox.pending():
        people: dict[tuple[str, str], list[Pending]] = {}
        for each in round:
            _sort(inbox, each, server_named, people, looked, hear)
        for (server, patient), changes in people.items():
            _evaluate(inbox, partial(evaluate, server, patient), changes, looked)
    return looked


def _sort(
    inbox: Inbox,
    each: Pending,
    server_named: Callable[[str], FhirServer],
    people: dict[tuple[str, str], list[Pending]],
    looked: Looked,
    hear: Callable[[str, str], None] | None,
) -> None:
    """Find out whom a change is about."""
    if each.focus is None:
        looked.vague.add(each.key)
        inbox.done(each)
        return
    try:
        if hear is not None and each.focus.startswith("Task/"):
            hear(each.server, each.focus)
        patient = _patient(server_named(each.server), each.focus)
    except EhrUnavailable:
        inbox.put_off(each)
        looked.put_off += 1
        return
    if patient is None:
        inbox.done(each)
        looked.aside += 1
    else:
        people.setdefault((each.server, patient), []).append(each)


def _patient(server: FhirServer, focus: str) -> str | None:
    kind, id = focus.split("/")
    if kind == "Patient":
        return id
    try:
        return subject_of(server.get(focus))
    except EhrUnavailable as error:
        if error.status in _GONE:
            return None
        raise


def _evaluate(inbox: Inbox, evaluate: Callable[[], None], changes: list[Pending], looked: Looked) -> None:
    try:
        evaluate()
    except EhrUnavailable:
        for each in changes:
            inbox.put_off(each)
        looked.put_off += len(changes)
        return
    for each in changes:
        inbox.done(each)
    looked.people += 1

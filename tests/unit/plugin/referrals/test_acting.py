"""Proposing, sending, answering and cancelling referrals: who may, on what leave, and what is kept of it."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update
from support.referrals import (
    CARE,
    DOCTOR,
    NOON,
    RULE,
    TODAY,
    agency,
    bank,
    chosen,
    consent,
    directory,
    episode,
    grip,
    proposal,
    sent,
    stored,
)

from fhir_adapters.referral_states import MAY_SET, IllegalMove, Side, Status, leads
from plugin.access import Forbidden, Right, Role, Scope, verify
from plugin.outreach.acting import NotNow
from plugin.outreach.restricting import in_force, restrict
from plugin.outreach.words import Restriction
from plugin.referrals.acting import Answer, Grip, answer, cancel, looked_into, mistaken, send
from plugin.referrals.consenting import Consent, agree, refuse, withdraw
from plugin.referrals.matching import Sought, candidates, next_candidate
from plugin.referrals.moving import Output
from plugin.referrals.proposing import propose
from plugin.referrals.reading import NoSuchReferral, listed, one
from plugin.store import Store
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.referrals import REFERRALS, WRITES

FED = Output("resulting-activity", {"text": "A parcel a week"})
LATER = NOON + timedelta(days=1)
BANK = agency(1)


def answered(store: Store, id: str, to: Status, scope: Scope = BANK, **said: Any) -> int:
    with store.write() as connection:
        return answer(connection, scope, grip(store, id), Answer(to, **said), LATER)


# ---------------------------------------------------------------- which services


def test_services_come_with_the_reasons_why_and_why_not() -> None:
    first, second, third = candidates(directory(), proposal().sought, TODAY)
    assert (first.fits, second.fits, third.fits) == (True, True, False)
    assert third.against == ("serves only 99999",)
    assert (first.agency, first.agency_name) == ("dir#Organization/bank-1", "Food bank 1")
    unsure = candidates(directory(bank(1, capacity=())), proposal().sought, TODAY)[0]
    assert unsure.verdict == "ask"
    assert unsure.to_ask == ("does not say whether it can take somebody",)


def test_the_next_service_is_one_that_surely_fits_and_was_not_tried() -> None:
    listings = [each.listing for each in candidates(directory(), proposal().sought, TODAY)]
    found = next_candidate(directory(), proposal().sought, TODAY, listings[:1])
    assert found is not None
    assert found.listing == listings[1]
    assert next_candidate(directory(), proposal().sought, TODAY, listings[:2]) is None


def test_what_was_sought_can_be_kept() -> None:
    sought = proposal().sought
    assert Sought.of_json(sought.to_json()) == sought


# ---------------------------------------------------------------- proposing


def test_a_proposal_is_a_draft_and_the_same_one_again_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        assert propose(connection, CARE, proposal(), NOON) == 1
        assert propose(connection, CARE, proposal(), LATER) == 1
        found = one(connection, CARE, proposal().id, NOON)
    assert (found.row.state, found.row.rule, found.row.partner, len(found.history)) == ("draft", RULE[0], "food bank", 1)
    with store.read() as connection:
        assert verify(connection) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"wanted": None}, "ask first"),
        ({"wanted": False}, "do not want"),
        ({"sought": Sought("hunger", "food bank")}, "choose a need"),
        ({"sought": Sought("food-insecurity", "circus")}, "choose a need"),
        ({"candidate": chosen(2)}, "not for them: serves only 99999"),
    ],
)
def test_nobody_is_referred_who_was_not_asked_nor_where_they_cannot_go(store: Store, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(NotNow, match=said), store.write() as connection:
        propose(connection, CARE, proposal(**fields), NOON)


def test_for_one_need_of_somebody_one_referral_is_open(store: Store) -> None:
    first = sent(store)
    with pytest.raises(NotNow, match="open already"), store.write() as connection:
        propose(connection, CARE, proposal(message="again"), NOON)
    answered(store, first, Status.REJECTED, reason_code="not-eligible")
    with store.write() as connection:
        assert propose(connection, CARE, proposal(message="again"), NOON) == 1


def test_an_id_is_of_one_referral(store: Store) -> None:
    id = sent(store)
    with pytest.raises(NotNow, match="something else"), store.write() as connection:
        propose(connection, CARE, proposal("ben", id=id), NOON)


def test_a_refusal_is_kept_and_honoured_for_a_year(store: Store) -> None:
    with store.write() as connection:
        refuse(connection, CARE, "ann", "food-insecurity", [RULE[0]], NOON)
        assert {each.scope for each in in_force(connection, ["ann"], TODAY)["ann"]} == {"need:food-insecurity", RULE[0]}
    with pytest.raises(NotNow, match="do not want this help"), store.write() as connection:
        propose(connection, CARE, proposal(), NOON)
    with store.write() as connection:
        assert propose(connection, CARE, proposal(), NOON + timedelta(days=366)) == 1


@pytest.mark.parametrize("kind", [Restriction.DECEASED, Restriction.MOVED, Restriction.OPTED_OUT])
def test_nobody_is_referred_whom_nobody_is_to_reach(store: Store, kind: Restriction) -> None:
    with store.write() as connection:
        consent(connection)
        version = propose(connection, CARE, proposal(), NOON)
        restrict(connection, CARE, "ann", kind, NOON)
    with pytest.raises(NotNow, match=f"on record: {kind}"), store.write() as connection:
        send(connection, CARE, Grip(proposal().id, version), NOON)


# ---------------------------------------------------------------- sending


def drafted(store: Store, **fields: Any) -> Grip:
    wish = proposal(**fields)
    with store.write() as connection:
        return Grip(wish.id, propose(connection, CARE, wish, NOON))


def test_without_consent_nothing_goes_out(store: Store) -> None:
    draft = drafted(store)
    with pytest.raises(NotNow, match="nobody has agreed"), store.write() as connection:
        send(connection, CARE, draft, NOON)
    assert stored(store, draft.referral).state == "draft"


@pytest.mark.requirement("gravity:priv-4", "gravity:priv-7")
@pytest.mark.parametrize(
    "fields",
    [
        {"partner": "council"},
        {"need": "homelessness"},
        {"agency": "dir#Organization/bank-2"},
        {"until": TODAY - timedelta(days=1)},
        {"patient": "ben"},
    ],
)
def test_a_consent_holds_for_what_it_says_only(store: Store, fields: dict[str, Any]) -> None:
    draft = drafted(store)
    with store.write() as connection:
        consent(connection, **fields)
    with pytest.raises(NotNow, match="nobody has agreed"), store.write() as connection:
        send(connection, CARE, draft, NOON)


def test_a_consent_that_was_withdrawn_is_none(store: Store) -> None:
    draft = drafted(store)
    with store.write() as connection:
        id = consent(connection)
        assert withdraw(connection, CARE, "ann", id, NOON)
        assert not withdraw(connection, CARE, "ann", id, NOON)
    with pytest.raises(NotNow, match="nobody has agreed"), store.write() as connection:
        send(connection, CARE, draft, NOON)


def test_a_school_is_told_with_a_guardians_consent_only(store: Store) -> None:
    draft = drafted(store, sought=Sought("food-insecurity", "school"))
    with store.write() as connection:
        agree(connection, CARE, Consent("ann", "food-insecurity", "school", "patient"), NOON)
    with pytest.raises(NotNow, match="nobody has agreed"), store.write() as connection:
        send(connection, CARE, draft, NOON)
    with store.write() as connection:
        agree(connection, CARE, Consent("ann", "food-insecurity", "school", "guardian"), NOON)
        assert send(connection, CARE, draft, NOON) == 2


def test_nothing_but_a_person_refers_to_the_police(store: Store) -> None:
    wish = proposal(sought=Sought("intimate-partner-violence", "police"))
    with pytest.raises(NotNow, match="only a person"), store.write() as connection:
        propose(connection, Scope("timers", Role.SYSTEM), wish, NOON)
    with store.write() as connection:
        agree(connection, CARE, Consent("ann", "intimate-partner-violence", "police", "patient"), NOON)
        draft = Grip(wish.id, propose(connection, CARE, wish, NOON))
    with pytest.raises(NotNow, match="only a person"), store.write() as connection:
        send(connection, Scope("timers", Role.SYSTEM), draft, NOON)
    with pytest.raises(NoSuchReferral), store.write() as connection:
        send(connection, CARE, draft, NOON)  # on a list for all it does not stand
    with store.write() as connection:
        send(connection, DOCTOR, draft, NOON)
    assert stored(store, wish.id).unsafe, "about violence at home an agency does not call by itself"


@pytest.mark.requirement("gravity:priv-4")
def test_where_it_is_not_safe_to_talk_the_agency_is_told_not_to(store: Store) -> None:
    with store.write() as connection:
        restrict(connection, CARE, "ann", Restriction.UNSAFE, NOON)
    assert stored(store, sent(store)).unsafe
    assert not stored(store, sent(store, "ben")).unsafe


def test_who_sends_a_version_that_is_no_more_is_told(store: Store) -> None:
    id = sent(store)
    with pytest.raises(NotNow, match="changed it meanwhile"), store.write() as connection:
        cancel(connection, CARE, Grip(id, 1), "mistake", NOON)


def test_what_cannot_be_written_there_is_said_at_once(store: Store) -> None:
    draft = drafted(store, reasons=("Condition/a b",), sought=Sought("food-insecurity", "health provider"))
    with store.write() as connection:
        agree(connection, CARE, Consent("ann", "food-insecurity", "health provider", "agreement"), NOON)
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(priority="at once"))
    with pytest.raises(NotNow, match="cannot be written"), store.write() as connection:
        send(connection, CARE, draft, NOON)
    assert stored(store, draft.referral).state == "draft"


@pytest.mark.parametrize(("rules", "state"), [([RULE[0]], "closed"), ([RULE[0], "damp-home"], "open")])
def test_the_episode_is_over_if_nothing_else_is_to_be_talked_about(store: Store, rules: list[str], state: str) -> None:
    id = episode(store, rules=rules)
    sent(store)
    with store.read() as connection:
        row = connection.execute(select(EPISODES).where(EPISODES.c.id == id)).one()
    assert (row.state, row.outcome) == (state, "referred" if state == "closed" else None)


# ---------------------------------------------------------------- answering


PATHS = {
    Status.DRAFT: (),
    Status.REQUESTED: (),
    Status.ACCEPTED: (Status.ACCEPTED,),
    Status.REJECTED: (Status.REJECTED,),
    Status.IN_PROGRESS: (Status.ACCEPTED, Status.IN_PROGRESS),
    Status.ON_HOLD: (Status.ACCEPTED, Status.ON_HOLD),
    Status.COMPLETED: (Status.ACCEPTED, Status.COMPLETED),
    Status.FAILED: (Status.ACCEPTED, Status.FAILED),
    Status.CANCELLED: (Status.CANCELLED,),
}


BY_REQUESTER: dict[Status, Callable[[Connection, Grip], int]] = {
    Status.REQUESTED: lambda connection, grip: send(connection, CARE, grip, LATER),
    Status.CANCELLED: lambda connection, grip: cancel(connection, CARE, grip, "mistake", LATER),
    Status.ENTERED_IN_ERROR: lambda connection, grip: mistaken(connection, CARE, grip, LATER),
}


def test_of_all_states_and_sides_exactly_the_allowed_steps_are_taken(store: Store) -> None:
    """By the functions that people's pages call: an agency answers, who refers cancels or says that it was a mistake."""
    done: set[tuple[str, str, str]] = set()
    wanted: set[tuple[str, str, str]] = set()
    for number, (start, to, side) in enumerate(product(PATHS, Status, Side)):
        patient = f"p{number}"
        id = drafted(store, patient=patient).referral if start is Status.DRAFT else sent(store, patient)
        for step in PATHS[start]:
            answered(store, id, step, reason_code="not-reached", outputs=(FED,))
        assert stored(store, id).state == start
        if side is Side.REQUESTER and to not in BY_REQUESTER:
            continue
        if leads(start, to) and to in MAY_SET[side] and not (side is Side.TARGET and start is Status.DRAFT):
            wanted.add((start, to, side))
        try:
            with store.write() as connection:
                if start is Status.DRAFT and to is Status.REQUESTED:
                    consent(connection, patient)
                if side is Side.REQUESTER:
                    BY_REQUESTER[to](connection, Grip(id, stored(store, id).version))
                else:
                    answer(connection, agency(1), Grip(id, stored(store, id).version), Answer(to, "not-reached", outputs=(FED,)), LATER)
        except (IllegalMove, NoSuchReferral):
            continue
        if stored(store, id).state != start:
            done.add((start, to, side))
    assert done == wanted
    with store.read() as connection:
        verify(connection)


@pytest.mark.requirement("gravity:refer-9")
def test_a_rejection_has_a_reason_and_a_completion_an_outcome(store: Store) -> None:
    id = sent(store)
    for said in ({}, {"reason_code": "other"}, {"reason_code": "other", "reason": "  "}):
        with pytest.raises(IllegalMove, match="say why"):
            answered(store, id, Status.REJECTED, **said)
    answered(store, id, Status.ACCEPTED)
    with pytest.raises(IllegalMove, match="what came of it"):
        answered(store, id, Status.COMPLETED)
    answered(store, id, Status.COMPLETED, outputs=(FED,))
    with store.write() as connection:
        found = one(connection, CARE, id, LATER)
    assert [(each.kind, each.value) for each in found.outputs] == [("resulting-activity", {"text": "A parcel a week"})]
    assert [each.after for each in found.history] == ["draft", "requested", "accepted", "completed"]


def test_more_can_be_told_after_the_end(store: Store) -> None:
    id = sent(store)
    answered(store, id, Status.ACCEPTED)
    answered(store, id, Status.COMPLETED, outputs=(FED,))
    answered(store, id, Status.COMPLETED, outputs=(Output("additional-content", {"reference": "Observation/1"}),))
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(WRITES).where(WRITES.c.referral == id, WRITES.c.kind == "task")) == 3


def test_another_agencys_referrals_are_not_there(store: Store) -> None:
    mine, theirs = sent(store, "ann"), sent(store, "ben", candidate=chosen(1))
    draft = drafted(store, patient="cal").referral
    for id in (theirs, draft, "nothing of the kind"):
        with pytest.raises(NoSuchReferral), store.write() as connection:
            one(connection, agency(1), id, NOON)
        with pytest.raises(NoSuchReferral), store.write() as connection:
            answer(connection, agency(1), Grip(id, 2), Answer(Status.ACCEPTED), NOON)
    with store.read() as connection:
        assert [row.id for row in listed(connection, agency(1), "all")[0]] == [mine]
        assert listed(connection, CARE, "all")[1] == 3
        assert listed(connection, CARE, "closed") == ([], 0)


NOT_ALLOWED = [
    (Role.ANALYST, "see"),
    (Role.ANALYST, "cancel"),
    (Role.CARE_MANAGER, "answer"),
    (Role.AGENCY, "cancel"),
    (Role.AGENCY, "propose"),
    (Role.AGENCY, "send"),
    (Role.ADMINISTRATOR, "see"),
    (Role.INFORMATICIAN, "consent"),
]


@pytest.mark.parametrize(("role", "what"), NOT_ALLOWED)
def test_everything_takes_a_right(store: Store, role: Role, what: str) -> None:
    id = sent(store)
    scope = agency(1) if role is Role.AGENCY else Scope("somebody", role)
    acts: dict[str, Any] = {
        "see": lambda c: one(c, scope, id, NOON),
        "cancel": lambda c: cancel(c, scope, Grip(id, 2), "mistake", NOON),
        "answer": lambda c: answer(c, scope, Grip(id, 2), Answer(Status.ACCEPTED), NOON),
        "propose": lambda c: propose(c, scope, proposal("ben"), NOON),
        "send": lambda c: send(c, scope, Grip(id, 2), NOON),
        "consent": lambda c: agree(c, scope, Consent("ann", "stress", "council", "patient"), NOON),
    }
    with pytest.raises(Forbidden), store.write() as connection:
        acts[what](connection)
    assert stored(store, id).version == 2


def test_what_asked_for_attention_can_be_seen_to(store: Store) -> None:
    id = sent(store)
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(attention="nudged"))
        assert [row.id for row in listed(connection, CARE, "attention")[0]] == [id]
        looked_into(connection, CARE, Grip(id, 2), LATER)
        assert listed(connection, CARE, "attention")[1] == 0


def test_a_draft_that_was_a_mistake_is_told_to_nobody(store: Store) -> None:
    draft = drafted(store)
    with store.write() as connection:
        mistaken(connection, CARE, draft, NOON)
        assert connection.scalar(select(func.count()).select_from(WRITES)) == 0
    assert stored(store, draft.referral).state == "entered-in-error"


def test_only_words_that_are_known() -> None:
    with pytest.raises(ValueError, match="reasons of the list"):
        Answer(Status.REJECTED, "because")
    with pytest.raises(ValueError, match="characters"):
        Answer(Status.REJECTED, "other", "x" * 201)
    with pytest.raises(ValueError, match="kind that is known"):
        Output("gossip", {"text": "x"})
    with pytest.raises(ValueError, match="who gave it"):
        Consent("ann", "stress", "council", "neighbour")
    assert Right.REFER in CARE.rights

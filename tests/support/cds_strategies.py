"""Rules, clients and links as nobody would think of them: for tests of every card, compiled or on the wire."""

from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st
from support.cds_advice import FOOD, HOUSING, ORDERS, client_of

from plugin.cds.clients.client import Client
from plugin.cds.clients.profile import known_profiles
from plugin.cds.text import plain
from rules.document import Citation, Rule

PROSE: Final = st.text(min_size=1, max_size=300).filter(lambda text: bool(plain(text)))
ADDRESSES: Final = st.sampled_from(["https://x.example/a", "https://y.example", "javascript:alert(1)", "", "//z.example"])


@st.composite
def reworded(draw: st.DrawFn, rule: Rule) -> Rule:
    """The rule with the same meaning and any words."""
    citations = tuple(draw(st.lists(st.builds(Citation, PROSE, ADDRESSES), max_size=3)))
    referral = rule.referral and replace(rule.referral, display=draw(PROSE), partner_types=(draw(PROSE),))
    found = replace(rule, title=draw(PROSE), why=draw(PROSE), limitations=draw(st.just("") | PROSE), citations=citations)
    return replace(found, referral=draw(st.sampled_from([referral, None])))


@st.composite
def clients(draw: st.DrawFn) -> Client:
    """A client of any profile, as it is or with other habits."""
    habits: dict[str, Any] = {
        "markdown": st.sampled_from(["gfm", "html", "plain"]),
        "max_suggestions": st.none() | st.integers(0, 3),
        "actions_per_suggestion": st.none() | st.integers(0, 2),
        "selection": st.sampled_from([("any",), ("at-most-one",), ("any", "at-most-one")]),
        "creates": st.sampled_from([(), ("ServiceRequest",), ("Task",), ("Condition",), ("Task", "ServiceRequest")]),
        "shows_labels": st.booleans(),
        "order_codes": st.booleans(),
        "applies_actions": st.booleans(),
        "override_reasons": st.booleans(),
        "links": st.sampled_from([(), ("absolute",), ("smart",), ("absolute", "smart")]),
        "app_context": st.booleans(),
        "topic_code": st.sampled_from(["any", "alphanumeric"]),
        "feedback": st.sampled_from(["none", "standard", "epic"]),
        "version": st.sampled_from(["2.0", "3.0"]),
        "action_selection_behavior": st.booleans(),
    }
    changed = draw(st.just({}) | st.fixed_dictionaries({}, optional=habits))
    return client_of(
        draw(st.sampled_from(known_profiles())),
        changed,
        language=draw(st.sampled_from(["en", "es"])),
        links=draw(st.sampled_from([(), ("https://x.example",)])),
        order_codes=draw(st.sampled_from([{}, {FOOD: f"{ORDERS}|1", HOUSING: f"{ORDERS}|2"}])),
        max_cards=2,
    )

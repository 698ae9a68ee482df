"""A card cut down to what one client can show. What does not fit is left out and said, never sent in the hope that it is ignored."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from plugin.cds.clients.client import Client
from plugin.cds.clients.profile import ClientProfile
from plugin.cds.losses import Loss, LossKind

Json = dict[str, Any]
LONGEST_TOPIC: Final = 100
_HASHED: Final = 8


def fitted(card: Json, client: Client) -> tuple[Json, tuple[Loss, ...]]:
    """The card as ``client`` can show it, but for the text of its detail; and what is lost. A card from elsewhere must be valid."""
    suggestions, lost = fit_suggestions(card.get("suggestions", ()), client)
    topic, changed = fit_topic(card["source"]["topic"], client.profile)
    links, dropped = fit_links(card.get("links", ()), client)
    source = {name: value for name, value in card["source"].items() if name != "url" or may_lead(client, value)} | {"topic": topic}
    found = {name: value for name, value in card.items() if name not in ("suggestions", "selectionBehavior", "links")} | {"source": source}
    found |= {"suggestions": suggestions, "selectionBehavior": behaviour(client.profile)} if suggestions else {}
    found |= {"links": links} if links else {}
    losses = [*lost, *changed, *dropped, *_source_lost(card, source), *_unheard(card, client.profile)]
    if not client.profile.override_reasons:
        found.pop("overrideReasons", None)
    return found, tuple(losses)


def may_lead(client: Client, url: str) -> bool:
    """Whether a card may lead there: anywhere if the client has no list, else only to what begins as one of its entries."""
    allowed = client.settings.links
    return not allowed or any(url == each or url.startswith(each if each.endswith("/") else (f"{each}/", f"{each}?")) for each in allowed)


def behaviour(profile: ClientProfile) -> str:
    """``any``, for our suggestions do not exclude one another, unless the client knows only the other."""
    return "any" if "any" in profile.selection else "at-most-one"


# ---------------------------------------------------------------- suggestions


def fit_suggestions(suggestions: Iterable[Json], client: Client) -> tuple[list[Json], list[Loss]]:
    """Those that can be shown, in order, and what is lost."""
    profile, kept, lost = client.profile, list[Json](), list[Loss]()
    for suggestion in suggestions:
        if profile.max_suggestions is not None and len(kept) >= profile.max_suggestions:
            lost.append(Loss(LossKind.SUGGESTION, suggestion["label"]))
            continue
        found, losses = _fit_suggestion(suggestion, client)
        kept += [found] if found else []
        lost += losses
    if len(kept) > 1 and behaviour(profile) == "at-most-one":
        lost.append(Loss(LossKind.SELECTION, "any"))
        kept = [_recommended_once(each, first=each is kept[0]) for each in kept]
    if kept and not profile.shows_labels:
        lost += [Loss(LossKind.LABEL, each["label"]) for each in kept]
    return kept, lost


def _recommended_once(suggestion: Json, *, first: bool) -> Json:
    return suggestion if first else {name: value for name, value in suggestion.items() if name != "isRecommended"}


def _fit_suggestion(suggestion: Json, client: Client) -> tuple[Json | None, list[Loss]]:
    """The first action is what the suggestion is about: without it there is none, unless accepting it can tell us to act."""
    profile, actions = client.profile, suggestion.get("actions", [])
    kept: list[Json] = []
    lost: list[Loss] = []
    for action in actions:
        full = profile.actions_per_suggestion is not None and len(kept) >= profile.actions_per_suggestion
        if full or not _creatable(action, profile):
            lost.append(Loss(LossKind.ACTION, _type(action)))
            continue
        coded = _coded(action, client)
        if coded is None:
            return None, [Loss(LossKind.ORDER_CODE, suggestion["label"]), Loss(LossKind.SUGGESTION, suggestion["label"])]
        kept.append(coded)
    first_is_lost = bool(actions) and not (kept and _type(kept[0]) == _type(actions[0]))
    if (first_is_lost or not kept) and not _is_heard(profile):
        return None, [Loss(LossKind.SUGGESTION, suggestion["label"])]
    return _with_actions(suggestion, [] if first_is_lost else kept, profile), lost


def _is_heard(profile: ClientProfile) -> bool:
    """Whether a suggestion without any action says something to somebody: its label to the clinician, its acceptance to us."""
    return profile.shows_labels and profile.feedback != "none"


def _with_actions(suggestion: Json, actions: Sequence[Json], profile: ClientProfile) -> Json:
    found = {name: value for name, value in suggestion.items() if name not in ("actions", "actionSelectionBehavior")}
    if actions:
        found["actions"] = [_without_idle_id(action, actions) for action in actions]
    if len(actions) > 1 and profile.version == "3.0" and profile.action_selection_behavior:
        found["actionSelectionBehavior"] = suggestion.get("actionSelectionBehavior", "all")
    return found


def _creatable(action: Json, profile: ClientProfile) -> bool:
    return not profile.creates or _type(action) in profile.creates


def _type(action: Json) -> str:
    resource = action.get("resource")
    return str(resource.get("resourceType", "")) if isinstance(resource, dict) else str(action.get("resourceId", "")).partition("/")[0]


def _coded(action: Json, client: Client) -> Json | None:
    """The action with the code of the site's own order catalogue before ours; ``None`` if it needs one and there is none."""
    resource = action.get("resource", {})
    if resource.get("resourceType") != "ServiceRequest":
        return action
    codings = resource.get("code", {}).get("coding", [])
    names = [f"{coding.get('system', '')}|{coding.get('code', '')}" for coding in codings]
    theirs = next((client.settings.order_codes[name] for name in names if name in client.settings.order_codes), None)
    if theirs is None:
        return None if client.profile.order_codes else action
    system, _, code = theirs.partition("|")
    concept = resource["code"] | {"coding": [{"system": system, "code": code}, *codings]}
    return action | {"resource": resource | {"code": concept}}


def _without_idle_id(action: Json, among: Sequence[Json]) -> Json:
    """What is to be created has an id only if something else of the suggestion refers to it."""
    resource = action.get("resource")
    if action.get("type") != "create" or not isinstance(resource, dict) or "id" not in resource:
        return action
    name = f"{resource.get('resourceType')}/{resource['id']}"
    if any(_refers(other.get("resource"), name) for other in among if other is not action):
        return action
    return action | {"resource": {key: value for key, value in resource.items() if key != "id"}}


def _refers(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return value.get("reference") == name or any(_refers(each, name) for each in value.values())
    return isinstance(value, list) and any(_refers(each, name) for each in value)


# ---------------------------------------------------------------- topic, links, what is heard of the card


def fit_topic(topic: Json, profile: ClientProfile) -> tuple[Json, list[Loss]]:
    """The topic with a code that the client takes: always the same one for the same rule, and never that of another."""
    code = topic_code(str(topic["code"]), profile)
    return (topic, []) if code == topic["code"] else (topic | {"code": code}, [Loss(LossKind.TOPIC, str(topic["code"]))])


def topic_code(code: str, profile: ClientProfile) -> str:
    """Letters and digits only, where they are asked for: what had to go is told apart by a hash of the whole."""
    if profile.topic_code == "any" or (re.fullmatch(r"[A-Za-z0-9]+", code) and len(code) <= LONGEST_TOPIC):
        return code
    letters = re.sub(r"[^A-Za-z0-9]", "", code)
    return letters[: LONGEST_TOPIC - _HASHED] + sha256(code.encode()).hexdigest()[:_HASHED]


def fit_links(links: Iterable[Json], client: Client) -> tuple[list[Json], list[Loss]]:
    """The links that the client shows."""
    kept, lost = list[Json](), list[Loss]()
    for link in links:
        if link["type"] not in client.profile.links or not may_lead(client, link["url"]):
            lost.append(Loss(LossKind.LINK, link["label"]))
        elif "appContext" in link and not client.profile.app_context:
            lost.append(Loss(LossKind.APP_CONTEXT, link["label"]))
            kept.append({name: value for name, value in link.items() if name != "appContext"})
        else:
            kept.append(link)
    return kept, lost


def _source_lost(card: Json, source: Json) -> list[Loss]:
    return [Loss(LossKind.LINK, card["source"]["label"])] if "url" in card["source"] and "url" not in source else []


def _unheard(card: Json, profile: ClientProfile) -> list[Loss]:
    found = (
        [Loss(LossKind.REASONS, f"{len(card['overrideReasons'])}")] if card.get("overrideReasons") and not profile.override_reasons else []
    )
    return found + ([Loss(LossKind.FEEDBACK, "outcome")] if profile.feedback == "none" else [])

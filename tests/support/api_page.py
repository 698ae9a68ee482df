"""Writes ``docs/reference/api.md`` from the OpenAPI document: ``python -m support.api_page``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.api import resolved

from plugin.access import Role, Scope
from plugin.access.doors import door
from plugin.access.scope import Right
from plugin.api import PATH
from plugin.openapi.views import document

FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"
BEGINNING = """\
---
audience: developer
type: reference
---
# The API

Generated from the OpenAPI document, which an installation serves at `/openapi.json` with every field of every answer. How to begin:
[call the API](../how-to/call-the-api.md). All addresses begin with `/api/v1`.
"""


def page() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    told = document(None)
    yield from BEGINNING.splitlines()
    for tag in told["tags"]:
        found = [
            (path.removeprefix(PATH), method, operation)
            for path, item in told["paths"].items()
            for method, operation in item.items()
            if path.startswith(PATH) and tag["name"] in operation["tags"]
        ]
        if found:
            yield from ("", f"## {tag['name'].capitalize()}", "", tag["description"], "")
            yield from ("| call | what it does | what is sent |", "|---|---|---|")
            yield from (f"| `{method.upper()} {path}` | {operation['summary']} | {_sent(operation)} |" for path, method, operation in found)
    yield from ("", "## What is answered when", "", "| status | when |", "|---|---|")
    for status, response in sorted(_statuses(told).items()):
        yield f"| {status} | {response['description'].rstrip('.')} |"
    yield from ("", "## Whose work it is", "", "| calls | roles |", "|---|---|")
    yield from (f"| {calls} | {', '.join(_roles(right))} |" for calls, right in _rights().items())


def _sent(operation: Mapping[str, Any]) -> str:
    """The arguments, or the fields of the body; those that must be there in bold. Headers are told of elsewhere."""
    arguments = [resolved(each) for each in operation.get("parameters", ())]
    named = [f"`{each['name']}`" for each in arguments if each["in"] == "query"]
    if body := operation.get("requestBody"):
        schema = resolved(body["content"]["application/json"]["schema"])
        must = schema.get("required", ())
        named += [f"**`{name}`**" if name in must else f"`{name}`" for name in schema.get("properties", {})]
    deed = "If-Match" in {each["name"] for each in arguments}
    return "; ".join(part for part in (", ".join(named), "If-Match, Idempotency-Key" if deed else "") if part)


def _statuses(told: Mapping[str, Any]) -> dict[str, Any]:
    """Of all calls; where they differ, that of the first one."""
    found: dict[str, Any] = {}
    for path, item in told["paths"].items():
        for operation in item.values() if path.startswith(PATH) else ():
            for status, response in operation["responses"].items():
                found.setdefault(status, resolved(response))
    return found | {"200": {"description": "What was asked for, or that it was done"}}


def _rights() -> dict[str, Right]:
    """Which calls → what they ask for."""
    views = {
        "conversations: read": "api_conversations.one",
        "conversations: act": "api_conversations.act",
        "referrals: read": "api_referrals.one",
        "referrals: candidates, refer, act": "api_referrals.refer",
        "referrals to us": "api_inbound.take",
        "an agency's own referrals, and those whom it refers to us": "api_agency.answered",
    }
    asked = {calls: door(view) for calls, view in views.items()}
    return {calls: right for calls, right in asked.items() if isinstance(right, Right)}


def _roles(right: Right) -> list[str]:
    roles = (role for role in Role if role is not Role.SYSTEM)
    return [str(role) for role in roles if Scope("somebody", role, "a" if role is Role.AGENCY else None).may(right)]


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")

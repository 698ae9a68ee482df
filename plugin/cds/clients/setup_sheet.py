"""What an analyst types into the EHR so that it calls the service: one sheet for one client, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from plugin.cds.clients.client import Client
from plugin.cds.fitting import may_lead, topic_code
from plugin.cds.overrides import SYSTEM, codings
from plugin.cds.services import Service
from plugin.cds.text import is_web_address
from plugin.cds.texts import texts
from rules.document import Rule
from rules.pack import Pack

UNKNOWN_ADDRESS: Final = "https://ALMONER"
"""Stands for our address where ``public_url`` is not set."""


def setup_sheet(client: Client, services: Sequence[Service], packs: Sequence[Pack], public_url: str | None) -> str:
    """The sheet. ``packs`` are those whose rules the services evaluate."""
    base = f"{(public_url or UNKNOWN_ADDRESS).rstrip('/')}/cds-services"
    rules = sorted((rule for pack in packs for rule in pack.document.rules if rule.is_in_use), key=lambda rule: rule.id.text)
    parts = [
        _head(client, public_url),
        _endpoints(client, services, base),
        *(_prefetch(service, client) for service in services),
        _tokens(client, services, base),
        _table("Topics", "Cards name their rule by these codes, which never change.", ["code", "rule"], _topics(client, rules)),
        _orders(client, rules),
        _links(client, rules),
        _reasons(client),
        _todo(client),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(client: Client, public_url: str | None) -> str:
    missing = "" if public_url else f"\n\nSet `public_url`, and print this again: until then {UNKNOWN_ADDRESS} stands for our address."
    return f"# Set-up sheet: {client.profile.title} ({client.name}){missing}"


def _endpoints(client: Client, services: Sequence[Service], base: str) -> str:
    rows = [[service.hook.name, f"`{base}/{service.id}`"] for service in services]
    if client.profile.feedback != "none":
        rows += [["feedback", f"`{base}/{service.id}/feedback`"] for service in services]
    read = [["discovery", f"`{base}`"]] if client.profile.reads_discovery else []
    note = "" if read else "Discovery is not read: everything below is typed in. Addresses must match to the letter."
    return _table("Addresses", note, ["for", "address"], read + rows)


def _prefetch(service: Service, client: Client) -> str:
    templates = service.templates(client.profile.prefetch_tokens)
    types = ", ".join(sorted({template.resource_type for template in templates}))
    note = f"Access to read and search is needed for: {types}."
    return _list(f"Prefetch of {service.id}", note, [f"`{template.key}`: `{template.query}`" for template in templates])


def _tokens(client: Client, services: Sequence[Service], base: str) -> str:
    jwt = client.profile.jwt
    if jwt is None:
        return "## Tokens\n\nIt sends no token of CDS Hooks."
    bases = [f"{url.rstrip('/')}/cds-services" for url in client.settings.audience] or [base]
    rows = [
        ["alg", ", ".join(jwt.algorithms)],
        ["iss", client.settings.issuer or jwt.issuer or f"{jwt.issuer_is} (not in the settings yet)"],
        *([["sub", jwt.subject_is]] if jwt.subject_is else []),
        ["aud", "the address that is called, to the letter: " + ", ".join(f"`{each}`" for each in _called(client, services, bases))],
        ["keys (jku)", client.settings.jwks_url or jwt.jwks_url or (str(client.settings.jwks_file or "") or "not in the settings yet")],
    ]
    if client.settings.tenant:
        rows.append(["tenant", client.settings.tenant])
    return _table("Tokens", "", ["claim", "value"], rows)


def _called(client: Client, services: Sequence[Service], bases: Sequence[str]) -> Iterator[str]:
    for base in bases:
        if client.profile.reads_discovery:
            yield base
        for service in services:
            yield f"{base}/{service.id}"
            if client.profile.feedback != "none":
                yield f"{base}/{service.id}/feedback"


def _topics(client: Client, rules: Sequence[Rule]) -> list[list[str]]:
    return [[f"`{topic_code(rule.id.text, client.profile)}`", rule.title] for rule in rules]


def _orders(client: Client, rules: Sequence[Rule]) -> str:
    if not client.profile.order_codes or client.profile.max_suggestions == 0:
        return ""
    services = {f"{r.service.system}|{r.service.code}": r.display for rule in rules if (r := rule.referral)}
    lines = [f"{display}, for us `{name}`: {_order(client.settings.order_codes, name)}" for name, display in sorted(services.items())]
    note = "A service without a code of the site's order catalogue is not offered as an order (`order_codes` of the client)."
    return _list("Orders", note, lines)


def _order(codes: Mapping[str, str], name: str) -> str:
    return f"`{codes[name]}`" if name in codes else "**missing**"


def _links(client: Client, rules: Sequence[Rule]) -> str:
    addresses = sorted({c.url for rule in rules for c in rule.citations if is_web_address(c.url) and may_lead(client, c.url)})
    note = "To be allowed; EHRs remove others." if addresses else "Cards lead nowhere."
    return _list("Links", note, [f"<{address}>" for address in addresses])


def _reasons(client: Client) -> str:
    if not client.profile.override_reasons:
        return ""
    rows = [[f"`{each['code']}`", each["display"]] for each in codings(texts(client.settings.language))]
    return _table("Override reasons", f"Codes of `{SYSTEM}`, to be mapped to the site's own.", ["code", "reason"], rows)


def _todo(client: Client) -> str:
    steps = client.profile.registration
    return "\n".join(["## At the client's side", "", *(f"{n}. {step}" for n, step in enumerate(steps, 1))]) if steps else ""


def _table(title: str, note: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join([f"## {title}", *(["", note] if note else []), "", *lines])


def _list(title: str, note: str, lines: Sequence[str]) -> str:
    """Not a table: what is copied from here may hold the sign that divides a table's cells."""
    return "\n".join([f"## {title}", "", note, *(["", *(f"- {line}" for line in lines)] if lines else [])])

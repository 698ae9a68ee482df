"""The registration sheet: what the operator of an EHR must know and enter to let Almoner in. Markdown, to be sent as it is."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhir_adapters.connections import Connection
from fhir_adapters.smart import Endpoints
from fhir_adapters.smart.keys import thumbprint
from fhir_adapters.smart.scopes import READ, joined, speaks_version_2, written
from fhir_adapters.vendors import vendor
from plugin import __version__
from plugin.servers.needs import Need
from rules.pack import Pack

_BLANK: Final = "________"
_DOES: Final = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything that the sheet says."""

    connection: Connection
    packs: Sequence[Pack]
    needs: Sequence[Need]
    endpoints: Endpoints | None
    """``None``: the server was not asked, or does not say."""
    left_out: Mapping[str, str]
    """Resource type → why it is not asked for."""
    public_keys: Sequence[dict[str, Any]]
    jwks_url: str | None


def sheet(about: Registration) -> str:
    """The text of the sheet."""
    return "\n".join([*_head(about), "", *_scopes(about), "", *_keys(about), *_steps(about), "", *_people(about)]) + "\n"


def _head(about: Registration) -> Iterator[str]:
    at = about.connection
    yield f"# Registration of Almoner: {at.name}"
    yield ""
    yield "| to enter | value |"
    yield "|---|---|"
    yield from (f"| {label} | {value} |" for label, value in _rows(about, at))


def _rows(about: Registration, at: Connection) -> Iterator[tuple[str, str]]:
    yield "Application", f"Almoner {__version__}"
    yield "Purpose", f"Population health: finds people for whom a rule says that something should be done ({_titles(about.packs)})"
    yield "Kind of client", "SMART Backend Services: system, confidential, asymmetric (`client_credentials` with `private_key_jwt`)"
    yield "Users, redirect URIs, client secret", "none"
    yield "FHIR server", f"`{at.base_url}`"
    yield "Token endpoint", f"`{about.endpoints.token}`" if about.endpoints else _BLANK
    yield "Signing algorithm", ", ".join(sorted({key["alg"] for key in about.public_keys})) or _BLANK
    yield "Key set (JWKS URL)", f"`{about.jwks_url}`" if about.jwks_url else "not set up (`public_url`): enter the key set below"
    yield "Client id, given by you", _BLANK
    yield "Access", f"reads; writes {', '.join(at.write)}" if at.write else "reads only"
    at_once, per_minute = at.rate()
    yield "Requests", f"at most {at_once} at one time" + (f" and {per_minute:g} a minute" if per_minute else "")
    yield "Tokens", "one for its whole life, kept in memory only"
    yield "Client certificate (mutual TLS)", "yes" if at.certificate else "no"
    yield "Our outgoing addresses", _BLANK


def _scopes(about: Registration) -> Iterator[str]:
    yield "## Scopes"
    yield ""
    own = about.connection.client.scopes if about.connection.client else ()
    if own:
        yield "As the settings say, instead of what the rules need:"
        yield ""
        yield from (f"- `{scope}`" for scope in own)
        return
    yield "The least that the rules in use need. Each is for the whole population, for there is no user."
    if about.endpoints is None:
        yield "The server was not asked which syntax it speaks; these are in that of SMART 2 (`.rs` is `.read` in SMART 1)."
    yield ""
    yield "| scope | allows | needed by |"
    yield "|---|---|---|"
    version_2 = about.endpoints is None or speaks_version_2(about.endpoints, vendor(about.connection.vendor))
    reads = {need.resource_type: need.read_by for need in about.needs}
    for name in dict.fromkeys([*reads, *about.connection.write]):
        if name not in about.left_out:
            yield _scope(about, name, reads.get(name, ()), version_2=version_2)
    if about.left_out:
        yield ""
        yield "Needed, but not asked for:"
        yield ""
        yield from (f"- {name}: {reason} (needed by {_names(reads.get(name, ()))})" for name, reason in about.left_out.items())


def _scope(about: Registration, name: str, read_by: Sequence[str], *, version_2: bool) -> str:
    writes = name in about.connection.write
    letters = joined((READ if read_by else "", "crus" if writes else ""))
    reasons = [*([_names(read_by)] if read_by else []), *(["to write what somebody decided here"] if writes else [])]
    scopes = " ".join(f"`{scope}`" for scope in written(name, letters, version_2=version_2))
    return f"| {scopes} | {', '.join(_DOES[letter] for letter in letters)} | {'; '.join(reasons)} |"


def _keys(about: Registration) -> Iterator[str]:
    yield "## Public keys"
    yield ""
    if not about.public_keys:
        yield "None yet: `almoner keys new` makes one."
        return
    yield "Compare the fingerprint (RFC 7638, SHA-256) by telephone."
    yield ""
    yield "| kid | algorithm | fingerprint |"
    yield "|---|---|---|"
    yield from (f"| `{key['kid']}` | {key['alg']} | `{thumbprint(key)}` |" for key in about.public_keys)
    yield ""
    yield "```json"
    yield json.dumps({"keys": list(about.public_keys)}, indent=2)
    yield "```"


def _steps(about: Registration) -> Iterator[str]:
    profile = vendor(about.connection.vendor)
    if profile.registration:
        yield from ("", f"## Usual steps with {profile.title}", "", *(f"- {step}" for step in profile.registration))


def _people(about: Registration) -> Iterator[str]:
    yield "## Contacts"
    yield ""
    yield "| for | name | reach |"
    yield "|---|---|---|"
    yield from (f"| {role} | {_BLANK} | {_BLANK} |" for role in ("operation", "security and privacy", "clinical responsibility"))
    yield ""
    yield f"The rules are owned by: {', '.join(sorted({pack.document.owner for pack in about.packs if pack.document.owner})) or _BLANK}."


def _titles(packs: Sequence[Pack]) -> str:
    return ", ".join(f"{pack.document.title} {pack.document.version}".strip() for pack in packs)


def _names(rules: Iterable[str]) -> str:
    return ", ".join(f"`{rule}`" for rule in rules) or "nothing that is in use"

"""Writes the how-to page of each vendor profile: ``python -m support.vendor_pages``."""

from collections.abc import Iterator
from pathlib import Path

from fhir_adapters.vendors import GENERIC, Vendor, known_vendors, vendor

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "connect"

SETTINGS = """\
```yaml
servers:
  clinic:
    base_url: https://ehr.example/fhir/R4
    vendor: {name}
    client_id: the-id-that-you-were-given
    key: /etc/almoner/keys/clinic.pem
```
"""


def page(profile: Vendor) -> str:
    """The page of one vendor."""
    return "\n".join(_lines(profile)) + "\n"


def _lines(profile: Vendor) -> Iterator[str]:
    yield f"# Connect {profile.title}"
    yield ""
    yield "Generated from the vendor profile. What the server says of itself comes first."
    yield "What the profile says that it cannot do is not tried."
    yield ""
    yield from ("## Settings", "", *SETTINGS.format(name=profile.name).splitlines(), "")
    yield "Then `almoner doctor --server clinic` says what the server can do, what the rules need, and prints the registration sheet."
    yield ""
    if profile.registration:
        yield from ("## Registration", "", *(f"{n}. {step}" for n, step in enumerate(profile.registration, 1)), "")
    yield from ("## Habits", "", *(f"- {habit}" for habit in _habits(profile)), "")
    if profile.sources:
        yield from ("## Where this is known from", "", *(f"- {s.fact} {linked(s.where)}, read {s.seen}" for s in profile.sources))
    else:
        yield "Nothing else is assumed of it."


def linked(where: str) -> str:
    """Where something is known from: an address becomes a link, what follows it or has none stays."""
    if not where.startswith("https://"):
        return where
    address, _, rest = where.partition(" ")
    return f"<{address}>{' ' + rest if rest else ''}"


def _habits(profile: Vendor) -> Iterator[str]:
    yield f"Searches ask for {profile.page_size:,} resources a page; at most {profile.at_once} requests at once" + (
        f", {profile.per_minute:g} a minute." if profile.per_minute else "."
    )
    for name, split in profile.splits.items():
        yield f"{name} is searched for each `{split.parameter}` in turn: {', '.join(split.values)}. One that has none of them is not found."
    if not profile.whole_population:
        yield "A search must name a patient: people are read one after another, from a Group or a list."
    if not profile.last_updated:
        yield "It does not say when a resource was last changed: every pull is a full one."
    if profile.post_search:
        yield "Searches that name a patient are sent by POST."
    if profile.batches:
        yield "The searches of a patient go in one batch."
    for name, value in profile.headers.items():
        yield f"Every request carries `{name}: {value}`."
    bulk = profile.bulk
    if bulk.version == "none":
        yield "Its exports are not served over FHIR."
    else:
        yield f"Bulk Data {bulk.version}, {' and '.join(bulk.levels)} exports" + ("." if bulk.since else "; `_since` does not work.")
    yield from _writing(profile)


def _writing(profile: Vendor) -> Iterator[str]:
    writing = profile.writing
    never = {"a `PUT` that creates": writing.own_ids, "`If-None-Exist`": writing.if_none_exist, "transactions": writing.transactions}
    avoided = [what for what, may in never.items() if not may]
    yield "Writing: as its CapabilityStatement says" + (f", but never with {' or '.join(avoided)}." if avoided else ".")
    for what, types in (("new resources", writing.create), ("changes", writing.update)):
        if types is not None:
            yield f"Of what Almoner writes it takes {what} of {', '.join(sorted(types)) or 'nothing'} only."
    for name, instead in writing.instead.items():
        yield f"{name}: {instead}."


def index(profiles: list[Vendor]) -> str:
    """The page that lists them."""
    rows = [f"| [{p.title}]({p.name}.md) | `{p.name}` | {len(p.sources)} |" for p in profiles]
    head = ["# Connect an EHR", "", "One page for each vendor profile. A server of another vendor: begin with `generic`.", ""]
    return "\n".join([*head, "| server | `vendor:` | sources |", "|---|---|--:|", *rows]) + "\n"


def pages() -> dict[str, str]:
    """File name → text."""
    profiles = sorted((vendor(name) for name in known_vendors()), key=lambda p: (p.name == GENERIC.name, p.title.lower()))
    return {"README.md": index(profiles)} | {f"{p.name}.md": page(p) for p in profiles}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

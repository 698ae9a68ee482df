"""Writes the how-to page of each CDS Hooks client profile, and the table of losses: ``python -m support.client_pages``."""

from collections.abc import Iterator
from pathlib import Path

from support.vendor_pages import linked

from plugin.cds.clients.profile import ClientProfile, known_profiles, profile
from plugin.cds.losses import INSTEAD

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "how-to" / "cds-hooks"
LOSSES = DOCS / "reference" / "cds-losses.md"
GENERIC = "generic"

SETTINGS = """\
```yaml
public_url: https://almoner.example
cds:
  clients:
    clinic:
      profile: {name}{tokens}
      fhir_servers: [https://ehr.example/fhir/R4]
```
"""
TOKENS = """
      issuer: {issuer}
      jwks_url: {keys}"""
MARKUP = {"gfm": "GitHub-flavoured Markdown", "html": "HTML", "plain": "text without markup, a line for each row of a table"}
HEAD = """\
# What a client cannot show

Generated from the code. Advice is the same for every client; the card is not. The compiler leaves out what a client is known not to show,
says so (`almoner cds try`, the page of cards), and puts something in its place. Nothing is sent in the hope that it is ignored.

| what is lost | what happens instead |
|---|---|
"""


def page(client: ClientProfile) -> str:
    """The page of one profile."""
    return "\n".join(_lines(client)) + "\n"


def _lines(client: ClientProfile) -> Iterator[str]:
    yield from (f"# Cards in {client.title}", "", "Generated from the client profile.", "", "## Settings", "")
    yield from (*_settings(client).splitlines(), "")
    yield "Then `almoner cds setup-sheet --client clinic` prints what has to be entered at the other side, and"
    yield "`almoner cds try CALL.json --client clinic` shows the cards that a call gets there."
    if client.registration:
        yield from ("", "## At its side", "", *(f"{n}. {step}" for n, step in enumerate(client.registration, 1)))
    yield from ("", "## Habits", "", *(f"- {habit}" for habit in habits(client)))
    yield from ("", "## Where this is known from", "")
    yield from (f"- {source.fact} {linked(source.where)}, read {source.seen}" for source in client.sources)


def _settings(client: ClientProfile) -> str:
    jwt = client.jwt
    if jwt is None:
        return SETTINGS.format(name=client.name, tokens="")
    keys = jwt.jwks_url or "https://ehr.example/jwks.json"
    tokens = TOKENS.format(issuer=jwt.issuer or "https://ehr.example/fhir/R4", keys=keys)
    return SETTINGS.format(name=client.name, tokens=tokens)


def habits(client: ClientProfile) -> Iterator[str]:
    """Its habits, one sentence each."""
    yield f"CDS Hooks {client.version}. Hooks: {', '.join(client.hooks) if client.hooks else 'any'}."
    if not client.reads_discovery:
        yield "It does not read discovery."
    if client.null_means == "unknown":
        yield "`null` in the prefetch says nothing: what it stands for is read from the FHIR server, or unknown."
    yield f"The detail is {MARKUP[client.markdown]}."
    yield from _suggestions(client)
    if not client.override_reasons:
        yield "Reasons to decline are not sent."
    if not client.app_context:
        yield "SMART links carry no `appContext`."
    if client.topic_code == "alphanumeric":
        yield "The code of a topic has letters and digits only: the rule's id without other signs, and a hash that keeps it apart."
    yield {
        "none": "It does not report what became of a card.",
        "standard": "It reports what became of a card.",
        "epic": "It reports what became of a card, at once or in batches, in a form of its own.",
    }[client.feedback]
    if client.jwt is None:
        yield "It sends no token of CDS Hooks."
    else:
        yield f"Its tokens are signed {' or '.join(client.jwt.algorithms)}; clocks may differ by {client.jwt.leeway} seconds."


def _suggestions(client: ClientProfile) -> Iterator[str]:
    if client.max_suggestions == 0:
        yield "No suggestions are sent: the text says what to do."
        return
    if client.actions_per_suggestion is not None:
        yield f"A suggestion has {client.actions_per_suggestion} action."
    if not client.shows_labels:
        yield "The description of the action is shown, not the label of the suggestion."
    if client.creates:
        yield f"Actions create {', '.join(client.creates)}; other resources our own module makes when the suggestion is accepted."
    if client.order_codes:
        yield "An order has the code of the site's own catalogue (`order_codes`); without one it is not offered."
    if not client.applies_actions:
        yield "Accepting a suggestion creates nothing there: our own module does."


def index(profiles: list[ClientProfile]) -> str:
    """The page that lists them."""
    rows = [f"| [{p.title}]({p.name}.md) | `{p.name}` | {len(p.sources)} |" for p in profiles]
    head = [
        "# Cards in an EHR",
        "",
        "One page for each client profile. Begin with `generic` for a client that has none. What a client cannot show, and what happens",
        "instead, stands on the page of [losses](../../reference/cds-losses.md). To see one card in all of them,",
        "set `cds.preview: true` and open `/cds/preview`.",
        "",
        "| client | `profile:` | sources |",
        "|---|---|--:|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def pages() -> dict[Path, str]:
    """File → text."""
    profiles = sorted((profile(name) for name in known_profiles()), key=lambda p: (p.name == GENERIC, p.title.lower()))
    losses = HEAD + "".join(f"| {kind} | {instead} |\n" for kind, instead in INSTEAD.items())
    return {FOLDER / "README.md": index(profiles), LOSSES: losses} | {FOLDER / f"{p.name}.md": page(p) for p in profiles}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

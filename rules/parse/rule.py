"""Packs and rules."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from rules import document as doc
from rules import grammar
from rules.errors import Span
from rules.facts import Coding
from rules.parse.codes import codes
from rules.parse.conditions import condition
from rules.parse.examples import parse_examples
from rules.parse.facts import period
from rules.parse.fields import BLANK, Fields, Problems, as_number, choice
from rules.parse.vocabulary import vocabulary
from rules.source import MapNode, Node, TextNode

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
_LIMIT: Final = r"(>=|<=|>|<|=) *\d+(\.\d+){0,2}"
_VERSIONS: Final = re.compile(rf"{_LIMIT}( *, *{_LIMIT})*", re.ASCII)


def parse_pack(node: MapNode, problems: Problems) -> doc.Pack:
    """``pack.yaml``: the header and what all rules of the pack share."""
    fields = Fields.of(node, grammar.PACK, problems)
    identifier(fields.text("pack"), problems)
    version = fields.text("version")
    if version is not BLANK and not _VERSION.fullmatch(version.text):
        problems.add(version.span, "ALM130", f"expected a version such as 1.2.0, got '{version}'")
    population = fields.node.get("population")
    return doc.Pack(
        id=fields.text("pack").text,
        version=version.text,
        title=fields.text("title").text,
        owner=fields.text("owner").text,
        developer=(fields.optional("developer") or BLANK).text,
        funding=(fields.optional("funding") or BLANK).text,
        licence=(fields.optional("licence") or BLANK).text,
        population=condition(population, problems) if population else None,
        vocabulary=vocabulary(fields, problems),
        imports=tuple(_import(item, problems) for item in fields.list("imports")),
        period=period(fields.text("period"), problems) if fields.has("period") else None,
    )


def _import(node: Node, problems: Problems) -> doc.Import:
    fields = Fields.of(node, grammar.IMPORT, problems)
    folder, versions = fields.text("pack"), fields.text("version")
    if PurePath(folder.text).is_absolute():
        problems.add(folder.span, "ALM151", f"'{folder}' means a folder of one machine", "write it as seen from this pack: ../library")
    if versions is not BLANK and not _VERSIONS.fullmatch(versions.text):
        problems.add(versions.span, "ALM150", f"expected the versions that fit, such as \">=1.2, <2\", got '{versions}'")
    return doc.Import(folder, versions)


def parse_rule(node: MapNode, problems: Problems) -> doc.Rule:
    """A rule file."""
    fields = Fields.of(node, grammar.RULE, problems)
    identifier(fields.text("rule"), problems)
    grade, cited = _evidence(fields.node.get("evidence"), problems)
    card, referral = _then(fields.node.get("then"), problems)
    when, examples = fields.node.get("when"), fields.node.get("examples")
    return doc.Rule(
        id=fields.text("rule"),
        title=fields.text("title").text,
        status=fields.choice("status", grammar.STATUSES),
        level=fields.choice("level", grammar.LEVELS),
        priority=_priority(fields.text("priority"), problems),
        why=fields.text("why").text,
        grade=grade,
        citations=cited,
        released=fields.day("released"),
        revised=fields.day("revised"),
        effective=_effective(fields.node.get("effective"), problems),
        limitations=fields.text("limitations").text,
        restricted=fields.choice("sensitivity", ("normal", "restricted"), "normal") == "restricted",
        vocabulary=vocabulary(fields, problems),
        when=condition(when, problems) if when else doc.Group("all", (), node.span),
        unless=tuple(condition(item, problems) for item in fields.list("unless")),
        card=card,
        referral=referral,
        examples=parse_examples(examples, problems) if examples else (),
        places=dict(places(fields.node)),
    )


def places(node: MapNode) -> Iterator[tuple[tuple[str, ...], Span]]:
    """Where the keys of a file stand, and those inside them."""
    for key, value in node.entries:
        yield (key.text,), key.span
        if isinstance(value, MapNode):
            for inner, _ in value.entries:
                yield (key.text, inner.text), inner.span


def identifier(value: TextNode, problems: Problems) -> None:
    """Report what is no id."""
    if value is not BLANK and not _ID.fullmatch(value.text):
        problems.add(value.span, "ALM131", f"'{value}' is not an id: use lower-case words joined by hyphens")


def _priority(value: TextNode, problems: Problems) -> int:
    if value is BLANK:
        return 0
    if not re.fullmatch(r"0|[1-9][0-9]?|100", value.text):
        problems.add(value.span, "ALM132", f"'priority' must be a whole number from 0 to 100, got '{value}'")
        return 0
    return int(as_number(value, "'priority'", problems))


def _evidence(node: Node | None, problems: Problems) -> tuple[str, tuple[doc.Citation, ...]]:
    if node is None:
        return "", ()
    fields = Fields.of(node, grammar.EVIDENCE, problems)
    return fields.choice("grade", grammar.GRADES), citations(fields, problems)


def citations(fields: Fields, problems: Problems) -> tuple[doc.Citation, ...]:
    """The ``citations`` of a rule's evidence, or of a measure."""
    found = []
    for item in fields.list("citations"):
        citation = Fields.of(item, grammar.CITATION, problems)
        url = citation.text("url")
        if url is not BLANK and not re.match(r"https://\S+$", url.text):
            problems.add(url.span, "ALM133", f"expected an https address, got '{url}'")
        found.append(doc.Citation(citation.text("title").text, url.text))
    return tuple(found)


def _effective(node: Node | None, problems: Problems) -> doc.Effective:
    if node is None:
        return doc.Effective()
    fields = Fields.of(node, grammar.EFFECTIVE, problems)
    found = doc.Effective(fields.day("from"), fields.day("until"))
    if found.last and found.first > found.last:
        problems.add(node.span, "ALM136", "the rule's time is over before it begins")
    return found


def _then(node: Node | None, problems: Problems) -> tuple[doc.Card, doc.Referral | None]:
    if node is None:
        return doc.Card(BLANK, ""), None
    fields = Fields.of(node, grammar.THEN, problems)
    card, refer = fields.node.get("card"), fields.node.get("refer")
    return _card(card, problems) if card else doc.Card(BLANK, ""), _referral(refer, problems) if refer else None


def _card(node: Node, problems: Problems) -> doc.Card:
    fields = Fields.of(node, grammar.CARD, problems)
    summary = fields.text("summary")
    if len(summary.text) >= 140:
        problems.add(summary.span, "ALM134", f"the summary has {len(summary.text)} characters; CDS Hooks allows fewer than 140")
    return doc.Card(summary, fields.choice("indicator", grammar.INDICATORS))


def _referral(node: Node, problems: Problems) -> doc.Referral:
    fields = Fields.of(node, grammar.REFER, problems)
    service = fields.node.get("service")
    found = codes(service, problems) if service else ()
    if service and len(found) > 1:
        problems.add(service.span, "ALM135", "'service' takes one code")
    return doc.Referral(
        partner_types=tuple(choice(t, "'to'", grammar.PARTNER_TYPES, problems) for t in fields.texts("to")),
        category=fields.choice("category", grammar.SDOH_CATEGORIES),
        service=found[0] if found else Coding("", ""),
        display=fields.text("display").text,
    )

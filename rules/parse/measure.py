"""Quality measures."""

from collections.abc import Iterator

from rules import document as doc
from rules.grammar import GROUP, IMPROVEMENTS, MEASURE, MEASURE_CASE, OUTCOMES
from rules.parse.conditions import condition
from rules.parse.examples import cases, example
from rules.parse.facts import check_name, episodes, period
from rules.parse.fields import BLANK, Fields, Problems, as_list, as_text, choice
from rules.parse.rule import citations, identifier, places
from rules.parse.vocabulary import vocabulary
from rules.source import ListNode, MapNode, Node, TextNode


def parse_measure(node: MapNode, problems: Problems) -> doc.Measure:
    """A measure file."""
    fields = Fields.of(node, MEASURE, problems)
    identifier(fields.text("measure"), problems)
    each, examples = fields.node.get("each"), fields.node.get("examples")
    groups = tuple(_group(name, value, problems) for name, value in fields.entries("groups"))
    if not groups and isinstance(written := fields.node.get("groups"), MapNode):
        problems.add(written.span, "ALM106", "'groups' is empty")
    return doc.Measure(
        id=fields.text("measure"),
        title=fields.text("title").text,
        why=fields.text("why").text,
        steward=fields.text("steward").text,
        citations=citations(fields, problems),
        released=fields.day("released"),
        revised=fields.day("revised"),
        limitations=fields.text("limitations").text,
        improvement=fields.choice("improvement", IMPROVEMENTS),
        period=period(fields.text("period"), problems) if fields.has("period") else None,
        each=episodes(fields.node.key("each") or BLANK, each, problems) if each else None,
        vocabulary=vocabulary(fields, problems),
        population=_condition("population", fields, problems),
        groups=groups,
        stratifiers=tuple(_stratifier(name, value, problems) for name, value in fields.entries("stratify by")),
        examples=tuple(_examples(examples, groups, problems)) if examples else (),
        places=dict(places(fields.node)),
    )


def _condition(key: str, fields: Fields, problems: Problems) -> doc.ConditionText | None:
    written = fields.node.get(key)
    return condition(written, problems) if written else None


def _group(name: TextNode, node: Node, problems: Problems) -> doc.MeasureGroup:
    check_name(name, problems)
    fields = Fields.of(node, GROUP, problems)
    return doc.MeasureGroup(
        name=name,
        met=_condition("met", fields, problems) or doc.Leaf(BLANK),
        eligible=_condition("eligible", fields, problems),
        excluded=_condition("excluded", fields, problems),
        excepted=_condition("excepted", fields, problems),
    )


def _stratifier(name: TextNode, node: Node, problems: Problems) -> doc.Stratifier:
    """The name of a fact, or ``stratum: condition`` lines."""
    check_name(name, problems)
    if isinstance(node, MapNode):
        return doc.Stratifier(name, None, tuple((label, condition(value, problems)) for label, value in node.entries))
    return doc.Stratifier(name, as_text(node, f"'{name}'", problems), ())


# ---------------------------------------------------------------- examples


def _examples(node: Node, groups: tuple[doc.MeasureGroup, ...], problems: Problems) -> Iterator[doc.MeasureExample]:
    for fields, as_of in cases(node, MEASURE_CASE, problems):
        expect = fields.node.get("expect")
        yield doc.MeasureExample(
            example=example(fields, as_of, ""),
            expect=tuple(_expected(item, groups, problems) for item in as_list(expect)) if expect else (),
            strata=tuple((name, as_text(value, f"the stratum of '{name}'", problems).text) for name, value in fields.entries("strata")),
        )


def _expected(node: Node, groups: tuple[doc.MeasureGroup, ...], problems: Problems) -> tuple[tuple[str, str], ...]:
    """The outcome in every group; a plain word if there is one group."""
    names = [group.name.text for group in groups]
    if isinstance(node, TextNode):
        if len(names) > 1:
            problems.add(node.span, "ALM161", f"this measure has {len(names)} groups: say what is expected in each", f"{names[0]}: {node}")
        return tuple((name, choice(node, "'expect'", OUTCOMES, problems)) for name in names[:1])
    written = node.entries if isinstance(node, MapNode) else ()
    if isinstance(node, ListNode) or sorted(key.text for key, _ in written) != sorted(names):
        problems.add(node.span, "ALM162", f"say what is expected in each group: {', '.join(names)}")
    return tuple((key.text, choice(as_text(value, f"'{key}'", problems), f"'{key}'", OUTCOMES, problems)) for key, value in written)

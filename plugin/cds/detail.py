"""The body of a card, in GitHub-flavoured Markdown: why this person, on what evidence, what speaks for it, what was not seen."""

from collections.abc import Iterator

from plugin.cds.advice import Advice
from plugin.cds.text import MOST, escaped, link, shown
from rules.document import Rule
from rules.explain import Reason
from rules.ir import EventFact


def detail(advice: Advice) -> str:
    """Everything below the summary. Paragraphs that have nothing to say are left out."""
    return "\n\n".join(_paragraphs(advice))


def _paragraphs(advice: Advice) -> Iterator[str]:
    rule, header, flip = advice.rule, advice.pack.document, advice.explained.finding.next_flip
    yield escaped(rule.why)
    yield "\n".join(_table(advice))
    yield _guidance(rule)
    if rule.limitations:
        yield f"**Limits:** {escaped(rule.limitations)}"
    if advice.missing:
        yield f"**Not available to this check:** {escaped(', '.join(advice.missing))}"
    if flip:
        yield f"Without new data this answer changes on {flip.isoformat()}."
    yield f"Data as of {advice.as_of.isoformat()}; rule {escaped(rule.id.text)}, {escaped(header.title)} {escaped(header.version)}"


def _table(advice: Advice) -> Iterator[str]:
    yield "| What | Value | Date | Source |"
    yield "| --- | --- | --- | --- |"
    for reason in advice.explained.reasons:
        whole = _said(reason, isinstance(advice.fact(reason.fact), EventFact))
        for evidence in reason.evidence:
            value = whole if evidence.value is None else shown(evidence.value, evidence.unit)
            yield _row(reason.asks, value, evidence.date, evidence.resource)
        if not reason.evidence:
            yield _row(reason.asks, whole, "", "")


def _said(reason: Reason, from_events: bool) -> str:
    """The fact's value; of a yes/no fact that rests on events, whether there is such an event."""
    if isinstance(reason.value, bool) and from_events:
        return "on record" if reason.value else "none on record"
    return shown(reason.value, reason.unit)


def _row(*cells: str) -> str:
    return f"| {' | '.join(escaped(cell, MOST) for cell in cells)} |"


def _guidance(rule: Rule) -> str:
    lines = [f"**What the guidance says** (evidence grade {escaped(rule.grade)}):", ""]
    return "\n".join(lines + [f"- {link(citation.title, citation.url)}" for citation in rule.citations])

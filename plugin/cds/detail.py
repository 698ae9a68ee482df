"""The body of a card: why this person, on what evidence, what speaks for it, what they want, what to do, what was not seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fhir_adapters.mapping.contact import TELECOM
from fhir_adapters.social import SocialFact
from plugin.cds.advice import Advice
from plugin.cds.markup import Item, Markup
from plugin.cds.text import MOST, plain
from plugin.cds.texts import Texts
from plugin.cds.wish import Wish
from rules.explain import Reason
from rules.facts import Person
from rules.ir import EventFact


@dataclass(frozen=True, slots=True)
class Writer:
    """How the detail is written for one client."""

    markup: Markup
    texts: Texts
    may_lead: Callable[[str], bool]
    """Whether a link may lead to an address."""
    below: frozenset[str]
    """The addresses of the links that stand below the text."""

    def detail(self, advice: Advice, wish: Wish | None, by_hand: Sequence[str]) -> str:
        """Everything below the summary. ``by_hand``: what could not be suggested. Parts that have nothing to say are left out."""
        return self.markup.joined(self._parts(advice, wish, by_hand))

    def _parts(self, advice: Advice, wish: Wish | None, by_hand: Sequence[str]) -> Iterator[str]:
        yield self.markup.paragraph(advice.rule.why)
        yield self.markup.table([self.texts.say(name) for name in ("what", "value", "date", "source")], self._rows(advice))
        yield self._guidance(advice)
        if wish:
            yield self.markup.paragraph(self._wish(wish), self.texts.say("wish"))
        yield from self._person(advice.record.person)
        if by_hand:
            yield self.markup.items([Item(each) for each in by_hand], self.texts.say("by hand"))
        yield from self._small_print(advice)

    def _rows(self, advice: Advice) -> Iterator[Sequence[str]]:
        for reason in advice.explained.reasons:
            whole = self._said(reason, isinstance(advice.fact(reason.fact), EventFact))
            for evidence in reason.evidence:
                value = whole if evidence.value is None else self.texts.shown(evidence.value, evidence.unit)
                yield reason.asks, value, self.texts.day(evidence.date), evidence.resource
            if not reason.evidence:
                yield reason.asks, whole, "", ""

    def _said(self, reason: Reason, from_events: bool) -> str:
        """The fact's value; of a yes/no fact that rests on events, whether there is such an event."""
        if isinstance(reason.value, bool) and from_events:
            return self.texts.say("on record" if reason.value else "none on record")
        return self.texts.shown(reason.value, reason.unit)

    def _guidance(self, advice: Advice) -> str:
        told = self.texts.say("guidance"), self.texts.say("grade", grade=advice.rule.grade)
        cited = [c for c in advice.rule.citations if c.url not in self.below]
        if not cited and advice.rule.citations:
            return self.markup.paragraph(f"{told[1]} {self.texts.say('links below')}", told[0])
        return self.markup.items([Item(c.title, c.url if self.may_lead(c.url) else None) for c in cited], *told)

    def _wish(self, wish: Wish) -> str:
        consent = f"{self.texts.say('consent')} {self._social('consent', wish.consent)}"
        return f"{self._social('wish', wish.desire)}. {consent}."

    def _social(self, what: str, fact: SocialFact) -> str:
        said = self.texts.say(f"{what} {fact.state}")
        if fact.by:
            said = self.texts.say("said", said=said, day=fact.by.day.isoformat(), source=plain(fact.by.source, MOST))
        return f"{said}; {self.texts.say('disagree')}" if fact.conflicts else said

    def _person(self, person: Person) -> Iterator[str]:
        if person.language or person.interpreter is not None:
            known = [plain(self.texts.language(person.language), MOST) if person.language else self.texts.say("not known")]
            if person.interpreter is not None:
                known.append(self.texts.say("interpreter" if person.interpreter else "no interpreter"))
            yield self.markup.paragraph("; ".join(known), self.texts.say("speaks"))
        if person.contact:
            code = person.contact.code
            way = self.texts.contacts.get(code, code) if person.contact.system == TELECOM else code
            yield self.markup.paragraph(plain(way, MOST), self.texts.say("contact"))

    def _small_print(self, advice: Advice) -> Iterator[str]:
        rule, header, flip = advice.rule, advice.pack.document, advice.next_flip()
        if rule.limitations:
            yield self.markup.paragraph(rule.limitations, self.texts.say("limits"))
        if advice.missing:
            missing = ", ".join(self.texts.tables[table] for table in advice.missing)
            yield self.markup.paragraph(missing, self.texts.say("missing"))
        if flip:
            yield self.markup.paragraph(self.texts.say("flip", day=flip.isoformat()))
        told = {"day": advice.as_of.isoformat(), "rule": rule.id.text, "pack": header.title, "version": header.version}
        yield self.markup.paragraph(self.texts.say("as of", **told))

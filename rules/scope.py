"""Which names a line may use: those of its own rule, then those of the pack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rules import document as doc
from rules import ir
from rules.errors import Diagnostic, did_you_mean
from rules.expansions import ExpansionError, read_expansion
from rules.facts import Coding
from rules.grammar import ATTRIBUTES
from rules.parse.fields import BLANK, Problems
from rules.pins import expansion_file, pinned_codes
from rules.source import PACK_FILE, TextNode


@dataclass(frozen=True, slots=True)
class Scope:
    """The names in view at one place of a pack. A rule's own facts are called ``rule-id/name`` inside the program."""

    valuesets: Mapping[str, doc.ValueSet]
    questions: Mapping[str, doc.Question]
    facts: Mapping[str, doc.Fact]
    prefix: str
    outer: "Scope | None"
    problems: Problems
    reads_files: bool = True
    """Whether sets in files are read; else they have no codes."""
    period: doc.Period | None = None
    """The measurement period that is said here."""
    _view: dict[str, doc.Fact] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of_pack(cls, pack: doc.Pack, problems: Problems, *, reads_files: bool = True, period: doc.Period | None = None) -> "Scope":
        """What all rules of a pack may name: its own vocabulary, and outside of that everything it imports.

        ``period`` is that of the pack which imports this one.
        """
        libraries = pack.libraries()
        imported = cls.of(sum((each.vocabulary for each in libraries), doc.Vocabulary()), None, problems) if libraries else None
        return cls.of(pack.vocabulary, imported, problems, reads_files=reads_files, period=period or pack.period)

    @classmethod
    def of(
        cls,
        vocabulary: doc.Vocabulary,
        outer: "Scope | None",
        problems: Problems,
        prefix: str = "",
        *,
        reads_files: bool = True,
        period: doc.Period | None = None,
    ) -> "Scope":
        """The scope of a vocabulary. A name written twice, here or further out, is reported."""
        scope = cls({}, {}, {}, prefix, outer, problems, reads_files, period)
        for kind, named in (("valuesets", vocabulary.valuesets), ("questions", vocabulary.questions), ("facts", vocabulary.facts)):
            for item in named:
                scope._add(kind, item)
        return scope

    def _add(self, kind: str, item: doc.ValueSet | doc.Question | doc.Fact) -> None:
        name = item.name
        level: Scope | None = self
        while level is not None:
            if earlier := getattr(level, kind).get(name.text):
                self.problems.add(name.span, "ALM230", f"'{name}' is defined twice (first at {earlier.name.span})")
                return
            level = level.outer
        getattr(self, kind)[name.text] = item

    # ---------------------------------------------------------------- codes

    def codes(self, name: TextNode) -> tuple[Coding, ...]:
        """The codes of a value set or of a question."""
        for level in self._levels():
            if (named := level.valuesets.get(name.text)) and (named.file or named.definition):
                return self._expansion(named) if self.reads_files else ()
            if found := named or level.questions.get(name.text):
                return found.codes
        if name is not BLANK:
            known = [n for level in self._levels() for n in (*level.valuesets, *level.questions)]
            self.problems.add(name.span, "ALM231", f"there is no value set called '{name}'", did_you_mean(name.text, known))
        return ()

    def _expansion(self, valueset: doc.ValueSet) -> tuple[Coding, ...]:
        try:
            return expansion(valueset)
        except ExpansionError as error:
            mistake = (
                Diagnostic(valueset.file.span, "ALM233", f"value set '{valueset.name}', {valueset.file}: {error}")
                if valueset.file
                else Diagnostic(valueset.name.span, "ALM234", f"value set '{valueset.name}': {error}")
            )
            if mistake not in self.problems.found:
                self.problems.found.append(mistake)
            return ()

    def question(self, name: TextNode, *, quiet: bool = False) -> doc.Question | None:
        """A screening question."""
        for level in self._levels():
            if found := level.questions.get(name.text):
                return found
        if name is not BLANK and not quiet:
            known = [n for level in self._levels() for n in level.questions]
            self.problems.add(name.span, "ALM232", f"there is no question called '{name}'", did_you_mean(name.text, known))
        return None

    # ---------------------------------------------------------------- facts

    def facts_in_view(self) -> Mapping[str, doc.Fact]:
        """Every fact by the name that an author may write here."""
        if not self._view:
            self._view.update((name, fact) for level in reversed(list(self._levels())) for name, fact in level.facts.items())
        return self._view

    def fact_names(self) -> list[str]:
        """The names of `facts_in_view`."""
        return list(self.facts_in_view())

    def fact(self, name: TextNode) -> doc.Fact | None:
        """A fact by its exact name."""
        found = self.facts_in_view().get(name.text)
        if found is None and name is not BLANK:
            self.problems.add(name.span, "ALM210", f"there is no fact called '{name}'", did_you_mean(name.text, self.fact_names()))
        return found

    def longest_fact(self, line: str) -> str | None:
        """The longest fact name that a line starts with."""
        known = self.facts_in_view()
        name = line[: max(map(len, known), default=0) + 1]
        while name not in known:
            name, space, _ = name.rpartition(" ")
            if not space:
                return None
        return name

    def full_name(self, name: str) -> str:
        """The name inside the program of a fact defined in this scope."""
        return self.prefix + name

    def resolve(self, name: str) -> str:
        """The name inside the program of a fact in view."""
        for level in self._levels():
            if name in level.facts:
                return level.full_name(name)
        return name

    def measurement_period(self, place: TextNode) -> doc.Period | None:
        """The measurement period in view; its absence is reported at ``place``."""
        found = next((level.period for level in self._levels() if level.period), None)
        if found is None:
            self.problems.add(place.span, "ALM280", f"there is no measurement period for '{place}'", "say 'period: last year' in pack.yaml")
        return found

    def _levels(self) -> Iterator["Scope"]:
        level: Scope | None = self
        while level is not None:
            yield level
            level = level.outer


def expansion(valueset: doc.ValueSet) -> tuple[Coding, ...]:
    """The codes of a set that are in a file: one that the author names, or one that was fetched for its definition.

    Raises:
        ExpansionError: they cannot be had, and why.
    """
    if valueset.definition:
        return pinned_codes(pack_folder(valueset), valueset.definition)
    return read_expansion(file_of(valueset), valueset.version)


def file_of(valueset: doc.ValueSet) -> Path:
    """The file that holds, or should hold, the codes of a set."""
    if valueset.definition:
        return expansion_file(pack_folder(valueset), valueset.definition)
    return Path(valueset.name.span.path).parent / str(valueset.file)


def pack_folder(valueset: doc.ValueSet) -> Path:
    """The folder of the pack in whose files a set is written; without a pack around them, their own."""
    file = Path(valueset.name.span.path)
    around = (*file.parents[:2], *file.absolute().parents[:2])
    return next((folder for folder in around if (folder / PACK_FILE).is_file()), file.parent)


def type_of(fact: doc.Fact) -> ir.FactType:
    """Whether a fact is yes/no, a number, a word or (of events without unit or question) nothing but a day."""
    match fact:
        case doc.DerivedFact():
            return "yes/no"
        case doc.ComputedFact():
            return "word" if fact.words else "number"
        case doc.PatientFact():
            return ATTRIBUTES.get(fact.attribute.text, "word")
        case doc.Episode():
            return "date"
    if fact.aggregate.text in ("exists", "all"):
        return "yes/no"
    if fact.aggregate.text in ("latest", "earliest") and (fact.series.question or not fact.series.unit):
        return "word" if fact.series.question else "date"
    return "number"

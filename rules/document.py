"""What an author wrote, with the place of everything: the document before it has a meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from rules.days import Duration
from rules.errors import Span
from rules.facts import Coding
from rules.grammar import SHOWN_STATUSES
from rules.pins import Definition
from rules.source import TextNode


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line of a condition, such as ``hba1c > 9 %``."""

    text: TextNode


@dataclass(frozen=True, slots=True)
class Group:
    """``all``, ``any``, ``none``, ``not`` or ``at least`` over conditions."""

    kind: str
    parts: tuple["ConditionText", ...]
    span: Span
    number: int = 0
    """Of ``at least``: how many of the parts."""


ConditionText = Leaf | Group


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A named set of codes, written out or in a file."""

    name: TextNode
    codes: tuple[Coding, ...]
    file: TextNode | None = None
    """Name of the file that holds the codes, beside the YAML file."""
    version: str | None = None
    """The version that the file must have."""
    definition: Definition | None = None
    """What a terminology server was asked for; its answer is a file of the pack."""


@dataclass(frozen=True, slots=True)
class Question:
    """A screening question bound to its answers: word → answer codes, the winning word first."""

    name: TextNode
    codes: tuple[Coding, ...]
    words: tuple[tuple[TextNode, tuple[Coding, ...]], ...]


@dataclass(frozen=True, slots=True)
class PatientFact:
    """``age: {patient: age}``, or ``{patient: age, on: start of last year}``."""

    name: TextNode
    attribute: TextNode
    on: "Limit | None" = None


@dataclass(frozen=True, slots=True)
class DerivedFact:
    """``needs food: {when: …}``."""

    name: TextNode
    when: ConditionText


@dataclass(frozen=True, slots=True)
class ComputedFact:
    """``bmi: {value: weight / (height * height)}``, or a decision table. Lines in order; a line without condition always holds."""

    name: TextNode
    lines: tuple[tuple["ConditionText | None", TextNode], ...]
    unit: TextNode | None
    places: int | None
    words: frozenset[str] = frozenset()
    """The values that are words; empty: the fact is a number. A name of a fact is no word (`rules.word_tables`)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One end of a window as written: a fact's name, a fixed day, a calendar year, the measurement period, or the day of evaluation;
    moved by an offset.
    """

    fact: TextNode | None = None
    day: date | None = None
    year: int | None = None
    last: bool = False
    offset: Duration | None = None
    backwards: bool = False
    days: int = 0
    """Further days: ``before: 66 years after birth`` ends a day before that."""
    period: TextNode | None = None
    """The words that mean the measurement period; its first day, or if ``last`` its last."""
    span: Span = field(default=Span(""), compare=False)
    """Where it is written."""


@dataclass(frozen=True, slots=True)
class Period:
    """A measurement period: two days, or a calendar year counted from that of the day of evaluation."""

    written: str
    first: Limit
    last: Limit


@dataclass(frozen=True, slots=True)
class Window:
    """``within``, ``since``, ``after``, ``until``, ``before``, ``during``, ``timing``."""

    lower: tuple[Limit, ...] = ()
    upper: tuple[Limit, ...] = ()
    timing: str = "starts"


CodeText = TextNode | ValueSet
"""A value set by name, or written out."""


@dataclass(frozen=True, slots=True)
class Series:
    """Which events."""

    tables: tuple[TextNode, ...]
    code: CodeText | None = None
    question: TextNode | None = None
    answers: tuple[TextNode, ...] = ()
    statuses: tuple[TextNode, ...] | None = None
    where: tuple[TextNode, ...] = ()
    tags: tuple[tuple[str, CodeText], ...] = ()
    usable: bool = False
    unit: TextNode | None = None
    relations: tuple["Relation", ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """``followed by: {…}`` and its kin."""

    kind: TextNode
    series: Series
    most: Duration | None
    least: Duration | None


@dataclass(frozen=True, slots=True)
class EventFact:
    """``hba1c: {latest: observations, code: HbA1c, within: 12 months, unit: "%"}``."""

    name: TextNode
    aggregate: TextNode
    series: Series
    window: Window
    household: bool = False
    scale: str | None = None
    days: bool = False
    ties: TextNode | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """The fact ``episode`` of a measure that counts episodes: the day of the one that is being looked at. Nobody writes it."""

    name: TextNode
    tables: tuple[TextNode, ...]


Fact = PatientFact | DerivedFact | ComputedFact | EventFact | Episode


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a pack or a rule brings along."""

    valuesets: tuple[ValueSet, ...] = ()
    questions: tuple[Question, ...] = ()
    facts: tuple[Fact, ...] = ()

    def __add__(self, other: "Vocabulary") -> "Vocabulary":
        return Vocabulary(self.valuesets + other.valuesets, self.questions + other.questions, self.facts + other.facts)


@dataclass(frozen=True, slots=True)
class Citation:
    """What a rule rests on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """What the clinician reads first. ``summary`` may name facts in braces."""

    summary: TextNode
    indicator: str


@dataclass(frozen=True, slots=True)
class Referral:
    """A need and the kind of partner that can meet it; never a named organisation."""

    partner_types: tuple[str, ...]
    category: str
    service: Coding
    display: str


@dataclass(frozen=True, slots=True)
class ExampleEvent:
    """One event of an example before its names are looked up."""

    table: str
    index: int
    what: TextNode
    """A value set, a question, or a code written as ``loinc 4548-4``."""
    answer: TextNode | None = None
    date: TextNode | None = None
    status: TextNode | None = None
    value: float | None = None
    unit: TextNode | None = None
    end: TextNode | None = None
    tags: tuple[tuple[str, TextNode], ...] = ()


@dataclass(frozen=True, slots=True)
class ExamplePerson:
    """A small person."""

    attributes: tuple[tuple[str, TextNode], ...] = ()
    events: tuple[ExampleEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A small person with the answer that the author expects."""

    name: str
    as_of: TextNode
    person: ExamplePerson
    household: tuple[ExamplePerson, ...] | None
    """``None``: nobody knows who lives there."""
    not_loaded: frozenset[str]
    expect: str
    facts: tuple[tuple[TextNode, TextNode], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Effective:
    """From and until when a rule's findings are shown; empty: without an end on that side."""

    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written. ``when`` already holds the pack's ``population`` where it has one."""

    id: TextNode
    title: str
    status: str
    level: str
    priority: int
    why: str
    grade: str
    citations: tuple[Citation, ...]
    released: str
    revised: str
    limitations: str
    restricted: bool
    vocabulary: Vocabulary
    when: ConditionText
    unless: tuple[ConditionText, ...]
    card: Card
    referral: Referral | None
    effective: Effective = Effective()
    examples: tuple[Example, ...] = ()
    places: Mapping[tuple[str, ...], Span] = field(default_factory=dict, repr=False, compare=False)
    """Where the keys of the file and those one level below them stand."""

    @property
    def is_in_use(self) -> bool:
        """Whether its status lets people see its findings."""
        return self.status in SHOWN_STATUSES

    def is_shown(self, as_of: date) -> bool:
        """Whether people see its findings about that day."""
        return self.is_in_use and self.is_effective(as_of)

    @property
    def is_watched(self) -> bool:
        """Whether its findings are counted: people see them, or it is silent, tried where nobody sees it."""
        return self.is_in_use or self.status == "silent"

    def is_effective(self, as_of: date) -> bool:
        """Whether that day is one for which the rule was made."""
        return self.effective.first <= as_of.isoformat() <= (self.effective.last or "9999")


# ---------------------------------------------------------------- measures


@dataclass(frozen=True, slots=True)
class MeasureGroup:
    """One rate of a measure: who counts, who is left out, who has what is wanted, and who may do without it."""

    name: TextNode
    met: ConditionText
    eligible: ConditionText | None = None
    excluded: ConditionText | None = None
    excepted: ConditionText | None = None


@dataclass(frozen=True, slots=True)
class Stratifier:
    """A division of those who are counted: by the value of a fact, or by conditions of which the first that holds counts."""

    name: TextNode
    fact: TextNode | None
    strata: tuple[tuple[TextNode, ConditionText], ...]


@dataclass(frozen=True, slots=True)
class MeasureExample:
    """An example with, for everybody or every episode that is counted, the outcome expected in each group."""

    example: Example
    expect: tuple[tuple[tuple[str, str], ...], ...]
    strata: tuple[tuple[TextNode, str], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One quality measure as written."""

    id: TextNode
    title: str
    why: str
    steward: str
    citations: tuple[Citation, ...]
    released: str
    revised: str
    limitations: str
    improvement: str
    period: Period | None
    each: EventFact | None
    """The episodes; ``None``: people are counted."""
    vocabulary: Vocabulary
    population: ConditionText | None
    groups: tuple[MeasureGroup, ...]
    stratifiers: tuple[Stratifier, ...]
    examples: tuple[MeasureExample, ...] = ()
    places: Mapping[tuple[str, ...], Span] = field(default_factory=dict, repr=False, compare=False)
    """Where keys stand."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as written: its header, its shared vocabulary, its rules and measures and what it imports."""

    id: str
    version: str
    title: str
    owner: str
    developer: str
    funding: str
    licence: str
    population: ConditionText | None
    vocabulary: Vocabulary
    rules: tuple[Rule, ...] = field(default=())
    measures: tuple[Measure, ...] = ()
    period: Period | None = None
    imports: tuple["Import", ...] = ()

    def libraries(self) -> tuple["Pack", ...]:
        """Every pack that this one imports, itself or through another, each once, what is imported first."""
        found: dict[str, Pack] = {}
        for each in self.imports:
            if each.pack is not None:
                found |= {library.id: library for library in (*each.pack.libraries(), each.pack)}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Import:
    """A pack whose names the rules of this one may use."""

    folder: TextNode
    """Seen from the folder of this pack."""
    versions: TextNode
    """The versions that fit: ``>=1.2, <2``."""
    pack: Pack | None = None
    """The header and the names of that pack, without its rules; ``None`` until they are read."""

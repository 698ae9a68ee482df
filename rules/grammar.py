"""The keys of the language, declared once: the parser, the error messages and the reference page read them here."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may stand in an object of the language."""

    name: str
    help: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """An object of the language: what it is called in messages, and its keys in the order authors should write them."""

    title: str
    keys: tuple[Key, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys."""
        return tuple(k.name for k in self.keys)


AGGREGATES: Final = ("exists", "count", "latest", "time since latest")
ATTRIBUTES: Final[dict[str, Literal["yes/no", "number", "word"]]] = {
    "age": "number",
    "sex": "word",
    "deceased": "yes/no",
    "language": "word",
    "postcode": "word",
}
SEXES: Final = ("female", "male", "other")
GROUPS: Final = ("all", "any", "none", "not")
STATUSES: Final = ("draft", "silent", "pilot", "live", "retired")
LEVELS: Final = ("act", "watch", "prevent")
INDICATORS: Final = ("info", "warning", "critical")
GRADES: Final = ("A", "B", "C", "D", "I", "expert opinion")
PARTNER_TYPES: Final = (
    "health provider",
    "council",
    "school",
    "fire service",
    "voluntary sector",
    "housing association",
    "social services",
    "police",
    "public health",
    "benefits advice",
    "legal aid",
    "transport",
    "food bank",
    "employment service",
)
SDOH_CATEGORIES: Final = (
    "sdoh-category-unspecified",
    "food-insecurity",
    "housing-instability",
    "homelessness",
    "inadequate-housing",
    "transportation-insecurity",
    "financial-insecurity",
    "material-hardship",
    "educational-attainment",
    "employment-status",
    "veteran-status",
    "stress",
    "social-connection",
    "intimate-partner-violence",
    "elder-abuse",
    "personal-health-literacy",
    "health-insurance-coverage-status",
    "medical-cost-burden",
    "digital-literacy",
    "digital-access",
    "utility-insecurity",
    "incarceration-status",
    "language-access",
    "protective-factor",
)
"""The SDOHCC categories of Gravity SDOH Clinical Care 3.0.0."""

_VOCABULARY: Final = (
    Key("valuesets", "Names for sets of codes: `HbA1c: {loinc: [4548-4]}`."),
    Key("questions", "Screening questions: their codes, and which answers mean which word."),
    Key("facts", "Names for values about a person, one value each."),
)

PACK: Final = Shape(
    "pack",
    (
        Key("pack", "The pack's id: lower-case words joined by hyphens.", required=True),
        Key("version", "Semantic version of the pack.", required=True),
        Key("title", "What the pack is for, in one line.", required=True),
        Key("owner", "Who answers for the pack.", required=True),
        Key("licence", "SPDX identifier."),
        Key("developer", "Who wrote the rules (HTI-1 source attribute)."),
        Key("funding", "Who paid for the technical implementation (HTI-1 source attribute)."),
        Key("population", "A condition that every rule of the pack also needs, such as `not: deceased`."),
        *_VOCABULARY,
    ),
)

VOCABULARY: Final = Shape("value set file", _VOCABULARY)

RULE: Final = Shape(
    "rule",
    (
        Key("rule", "The rule's id; the same as the file's name.", required=True),
        Key("title", "What the rule finds, in one line.", required=True),
        Key("status", f"One of {', '.join(STATUSES)}.", required=True),
        Key("level", f"What the finding asks for: {', '.join(LEVELS)}.", required=True),
        Key("priority", "0 to 100; the higher comes first.", required=True),
        Key("why", "Why this person should hear of it, in one or two sentences.", required=True),
        Key("evidence", "The grade of the evidence and its citations.", required=True),
        Key("released", "Day of first release (HTI-1 source attribute).", required=True),
        Key("revised", "Day of last revision (HTI-1 source attribute)."),
        Key("limitations", "What the rule cannot see or should not be used for.", required=True),
        Key("sensitivity", "`normal`, or `restricted` if the finding must stay off shared lists."),
        *_VOCABULARY,
        Key("when", "The condition. The rule says yes when it is yes.", required=True),
        Key("unless", "Conditions each of which must be definitely no."),
        Key("then", "What to do: a card, a referral.", required=True),
        Key("examples", "Small people with the expected answer; they run on every engine.", required=True),
    ),
)

EVIDENCE: Final = Shape(
    "evidence", (Key("grade", f"One of {', '.join(GRADES)}.", required=True), Key("citations", "What the rule rests on.", required=True))
)
CITATION: Final = Shape(
    "citation", (Key("title", "Title, publisher and year.", required=True), Key("url", "Where it can be read.", required=True))
)

PATIENT_FACT: Final = Shape("patient fact", (Key("patient", f"One of {', '.join(ATTRIBUTES)}.", required=True),))
DERIVED_FACT: Final = Shape("derived fact", (Key("when", "A condition over other facts.", required=True),))
EVENT_FACT: Final = Shape(
    "event fact",
    (
        *(Key(a, "Which events: one table, or a list of tables.") for a in AGGREGATES),
        Key("code", "A value set: by name, or written out."),
        Key("question", "A screening question: the fact is then the word that the latest answer means."),
        Key("status", "The statuses that count, instead of the table's usual ones."),
        Key("within", "A length of time that ends at `as_of`, such as `12 months`."),
        Key("since", "The name of a *latest* fact: only events on or after that day."),
        Key("of", "`household`: also the events of the others at the same address."),
        Key("unit", "UCUM unit of a number; values in other units are converted or unknown."),
        Key("in", "For `time since latest`: days, weeks, months or years."),
    ),
)
QUESTION: Final = Shape(
    "question",
    (Key("code", "The question's codes.", required=True), Key("answers", "Word: answer codes, the word that wins first.", required=True)),
)

THEN: Final = Shape(
    "then", (Key("card", "A card for the clinician.", required=True), Key("refer", "A referral to a kind of partner agency."))
)
CARD: Final = Shape(
    "card",
    (
        Key("summary", "What to do, under 140 characters; `{fact}` shows a fact.", required=True),
        Key("indicator", f"One of {', '.join(INDICATORS)}.", required=True),
    ),
)
REFER: Final = Shape(
    "refer",
    (
        Key("to", "The kinds of partner that can help.", required=True),
        Key("category", "SDOHCC category of Gravity SDOH Clinical Care.", required=True),
        Key("service", 'Code of the service asked for, `{snomed: "467771000124109"}`.', required=True),
        Key("display", "The code's name.", required=True),
    ),
)

EXAMPLES: Final = Shape(
    "examples", (Key("as_of", "The day on which the examples are evaluated.", required=True), Key("cases", "The people.", required=True))
)
CASE: Final = Shape(
    "example",
    (
        Key("name", "What the example shows.", required=True),
        Key("as_of", "Another day for this example."),
        Key("patient", "birth, sex, language, postcode, deceased, died."),
        Key("events", "What is on record."),
        Key("household", "The others at the address: a list of patient and events; `unknown` if nobody knows."),
        Key("not loaded", "Tables that could not be read."),
        Key("expect", "yes, no or unknown.", required=True),
        Key("facts", "Expected values of facts."),
    ),
)
MEMBER: Final = Shape("household member", (Key("patient", "birth, sex …"), Key("events", "What is on record.")))
PATIENT: Final = Shape("patient", tuple(Key(k, "") for k in ("birth", "sex", "language", "postcode", "deceased", "died")))
EVENT_DETAILS: Final = (
    Key("date", "When it began: 2026-03-14, 2026-03, 2026, or `unknown`. The day of evaluation if left out."),
    Key("status", "Its status; the usual one if left out; `unknown` if not recorded."),
    Key("value", "A number."),
    Key("unit", "The number's unit as written in the record."),
    Key("answer", "A word of the question, or a code; `none`, unless that is a word of the question, is an empty answer."),
)

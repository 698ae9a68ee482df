"""The keys of the language, declared once: the parser, the error messages and the reference page read them here."""

from dataclasses import dataclass, field
from typing import Final, Literal

from rules.facts import ROLES


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
    names: frozenset[str] = field(init=False)
    """The names of all keys."""
    required: tuple[Key, ...] = field(init=False)
    """Those that must be written."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(k.name for k in self.keys))
        object.__setattr__(self, "required", tuple(k for k in self.keys if k.required))

    @property
    def one(self) -> str:
        """The title with its article: *an event fact*."""
        return f"{'an' if self.title[0] in 'aeiou' else 'a'} {self.title}"


AGGREGATES: Final = (
    *("exists", "all", "count", "latest", "earliest", "highest", "lowest", "mean", "sum"),
    *("trend", "time since latest", "days covered"),
)
VALUE_AGGREGATES: Final = ("latest", "earliest", "highest", "lowest", "mean", "sum", "trend")
SCALED_AGGREGATES: Final = ("trend", "time since latest")
"""Those that say ``in`` which unit of time they are counted."""
DATED_AGGREGATES: Final = ("latest", "earliest", "highest", "lowest")
"""Those that choose one event, from whose day other windows can count."""
TIMINGS: Final = ("starts", "ends", "overlaps", "inside", "overlaps before", "overlaps after")
DISTANCES: Final = ("followed by", "not followed by", "preceded by", "not preceded by")
RELATIONS: Final = (*DISTANCES, "during", "not during", "containing", "not containing")
TIES: Final = ("highest", "lowest")
ATTRIBUTES: Final[dict[str, Literal["yes/no", "number", "word", "date"]]] = {
    "age": "number",
    "birth": "date",
    "sex": "word",
    "deceased": "yes/no",
    "language": "word",
    "postcode": "word",
}
SEXES: Final = ("female", "male", "other")
GROUPS: Final = ("all", "any", "none", "not")
AT_LEAST: Final = Shape(
    "condition",
    (Key("at least", "How many of the conditions under 'of' must be yes.", required=True), Key("of", "The conditions.", required=True)),
)
STATUSES: Final = ("draft", "silent", "pilot", "live", "retired")
SHOWN_STATUSES: Final = ("pilot", "live")
"""Rules of another status are evaluated and counted, but their findings are shown to nobody."""
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
        Key("imports", "Other packs whose value sets, questions and facts the rules may use: a list of `{pack: …, version: …}`."),
        Key("population", "A condition that every rule and measure of the pack also needs, such as `not: deceased`."),
        Key("period", "The measurement period: `last year`, `this year`, or `2025-01-01 to 2025-12-31`."),
        *_VOCABULARY,
    ),
)
IMPORT: Final = Shape(
    "import",
    (
        Key("pack", "The folder of the other pack, seen from the folder of this one: `../library`.", required=True),
        Key("version", 'The versions that fit: `">=1.2, <2"`.', required=True),
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
        Key("effective", "From and until when its findings are shown: `{from: 2026-01-01, until: 2027-12-31}`, both or one."),
        Key("limitations", "What the rule cannot see or should not be used for.", required=True),
        Key("sensitivity", "`normal`, or `restricted` if the finding must stay off shared lists."),
        *_VOCABULARY,
        Key("when", "The condition. The rule says yes when it is yes.", required=True),
        Key("unless", "Conditions each of which must be definitely no."),
        Key("then", "What to do: a card, a referral.", required=True),
        Key("examples", "Small people with the expected answer; they run on every engine.", required=True),
    ),
)

EFFECTIVE: Final = Shape("period", (Key("from", "The first day."), Key("until", "The last day.")))
EVIDENCE: Final = Shape(
    "evidence", (Key("grade", f"One of {', '.join(GRADES)}.", required=True), Key("citations", "What the rule rests on.", required=True))
)
CITATION: Final = Shape(
    "citation", (Key("title", "Title, publisher and year.", required=True), Key("url", "Where it can be read.", required=True))
)

PATIENT_FACT: Final = Shape(
    "patient fact",
    (
        Key("patient", f"One of {', '.join(ATTRIBUTES)}.", required=True),
        Key(
            "on",
            "For `age`: on another day: a dated fact, a date, `3 months ago`, `start of last year`, `start of measurement period`.",
        ),
    ),
)
DERIVED_FACT: Final = Shape("derived fact", (Key("when", "A condition over other facts.", required=True),))
COMPUTED_FACT: Final = Shape(
    "computed fact",
    (
        Key(
            "value",
            "Arithmetic over number facts: `(phq9 - baseline) / baseline * 100`; + - * / ^ ( ) min( , ) max( , ) log( , base).",
            required=True,
        ),
        Key("unit", "Unit of the result."),
        Key("round", "Decimal places, half up. Needed with ^ and log."),
    ),
)
TABLE_FACT: Final = Shape(
    "table fact",
    (
        Key("table", "Lines of `{when: …, value: …}`, the first that holds counts; the last may be `{otherwise: …}`.", required=True),
        Key("unit", "Unit of the values, if they are numbers."),
        Key("round", "Decimal places, half up."),
    ),
)
BRANCH: Final = Shape(
    "table line",
    (
        Key("when", "A condition over facts."),
        Key("value", "A number or arithmetic; or a word, which begins with a letter and is no fact's name. In one table all the same."),
        Key("otherwise", "The value if no line before holds."),
    ),
)

_OF_ROLE: Final = {"intent": "with an intent", "performer": "whose performer is of a kind"}
_SERIES_KEYS: Final = (
    Key("code", "A value set: by name, or written out."),
    Key("question", "A screening question; with `latest` or `earliest` the fact is the word that the answer means."),
    Key("answer", "Only events whose answer means one of these words of the question."),
    Key("status", "The statuses that count, instead of the table's usual ones."),
    Key("where", "Tests of the event's own number: `value >= 140 mm[Hg]`."),
    *(Key(role, f"Only events {_OF_ROLE.get(role, f'with a {role}')} in this value set.") for role in ROLES),
    Key("usable only", "`yes`: leave out events without a usable value instead of letting them make the fact unknown."),
    Key("unit", "UCUM unit of a number; values in other units are converted or unknown. Without it `latest` and `earliest` are but a day."),
    *(Key(r, "Another event of the same person: `{events: procedures, code: …, within: 14 days}`.") for r in DISTANCES),
    Key("not during", "Does not begin in the period of such an event: `{events: encounters, class: …}`."),
    Key("containing", "Such an event begins in its period: `{events: procedures, code: …}`."),
    Key("not containing", "No such event begins in its period."),
)
_WINDOW_KEYS: Final = (
    Key("within", "`12 months` (up to `as_of`), or `14 days after X`, `30 days before X`, `7 days of X`, X being a dated fact."),
    Key("since", "On or after: a dated fact, a date, `3 months ago`, `15 years after X`, or `start of measurement period`."),
    Key("after", "The day after or later: a dated fact, a date, or `end of measurement period`."),
    Key("until", "On or before: a dated fact, a date, `3 months ago`, `30 days before X`, or `end of measurement period`."),
    Key("before", "The day before or earlier: a dated fact, a date, or `start of measurement period`."),
    Key(
        "during",
        "`this year`, `last year`, `2025-01-01 to 2025-12-31`, `measurement period`, or another event in whose period it begins: "
        "`{events: encounters}`.",
    ),
    Key(
        "timing",
        f"What of the event lies in the window: {', '.join(TIMINGS)}. Usually starts. "
        "overlaps: it goes on at some time; before, after: it also does before the window opens, or after it closes.",
    ),
)
EVENT_FACT: Final = Shape(
    "event fact",
    (
        *(Key(a, "Which events: one table, or a list of tables.") for a in AGGREGATES),
        *_SERIES_KEYS,
        *_WINDOW_KEYS,
        Key("of", "`household`: also the events of the others at the same address."),
        Key("in", "For `time since latest` and `trend`: days, weeks, months or years."),
        Key("different days", "`yes`: count days, not events."),
        Key("ties", "`highest` or `lowest`: of several values on the latest (earliest) day take this one."),
    ),
)
RELATED: Final = Shape(
    "related event",
    (
        Key("events", "Which events: one table, or a list of tables.", required=True),
        *_SERIES_KEYS,
        Key("during", "Another event in whose period it begins."),
        Key("within", "At most so long after (or before) this event."),
        Key("at least", "At least so long after (or before) this event."),
    ),
)
EXPANSION: Final = Shape(
    "value set",
    (
        Key(
            "file",
            "A file beside this one: a FHIR ValueSet as JSON (its expansion), or CSV with the columns system and code.",
            required=True,
        ),
        Key("version", "The version that the file must have."),
    ),
)
PUBLISHED: Final = Shape(
    "published value set",
    (
        Key("url", "The canonical URL of the value set. `almoner pack expand` fetches its codes from a terminology server.", required=True),
        Key("version", "The version of the value set that the server must expand."),
    ),
)
HIERARCHY: Final = Shape(
    "hierarchy",
    (
        Key("is a", "Codes: each of them and everything below it. `almoner pack expand` asks a terminology server what that is."),
        Key("descendants of", "Codes: everything below them, without the codes themselves."),
        Key("version", "The version of the code system that the server must use."),
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
_KIND: Final = {"performer": "performer's kind"}
EVENT_DETAILS: Final = (
    Key("date", "When it began: 2026-03-14, 2026-03, 2026, or `unknown`. The day of evaluation if left out."),
    Key("status", "Its status; the usual one if left out; `unknown` if not recorded."),
    Key("value", "A number."),
    Key("unit", "The number's unit as written in the record."),
    Key("answer", "A word of the question, or a code; `none`, unless that is a word of the question, is an empty answer."),
    Key("end", "When it ended; `unknown` if nobody knows when; left out: still going on."),
    *(Key(role, f"Its {_KIND.get(role, role)}: a value set, or a code such as `loinc 1234-5`.") for role in ROLES),
)

# ---------------------------------------------------------------- measures

OUTCOMES: Final = ("not eligible", "excluded", "met", "excepted", "not met", "unknown")
"""What a measure says of a person or an episode; everybody is counted once."""
POPULATIONS: Final = ("eligible", "excluded", "met", "excepted")
IMPROVEMENTS: Final = ("higher is better", "lower is better")

MEASURE: Final = Shape(
    "measure",
    (
        Key("measure", "The measure's id; the same as the file's name.", required=True),
        Key("title", "What is counted, in one line.", required=True),
        Key("why", "Why it is worth counting, in one or two sentences.", required=True),
        Key("steward", "Who answers for the measure that this one restates, or for this one.", required=True),
        Key("citations", "What the measure rests on: the text that it restates, with its version.", required=True),
        Key("released", "Day of first release.", required=True),
        Key("revised", "Day of last revision."),
        Key("limitations", "What the measure cannot see or should not be used for.", required=True),
        Key("improvement", f"{' or '.join(IMPROVEMENTS)}.", required=True),
        Key("period", "The measurement period, if pack.yaml does not say it: `last year`, or `2025-01-01 to 2025-12-31`."),
        *_VOCABULARY,
        Key("each", "Count episodes: each of these events is looked at by itself; left out, people are counted."),
        Key("population", "Who is looked at at all (the initial population). That of the pack is needed too."),
        Key("groups", "The rates, each by its name.", required=True),
        Key("stratify by", "Divisions of those who are counted: a fact, or `stratum: condition` lines, the first that holds counts."),
        Key("examples", "Small people with the expected outcome; they run on every engine.", required=True),
    ),
)
EPISODES: Final = Shape(
    "series of episodes", (Key("events", "Which events: one table, or a list of tables.", required=True), *_SERIES_KEYS, *_WINDOW_KEYS)
)
GROUP: Final = Shape(
    "group",
    (
        Key("eligible", "Who of the population counts (the denominator). Left out: all of it."),
        Key("excluded", "Who of them is left out before anything else is asked (the denominator exclusion)."),
        Key("met", "Who has what is wanted (the numerator).", required=True),
        Key("excepted", "Who of those who lack it may do without (the denominator exception)."),
    ),
)
MEASURE_CASE: Final = Shape(
    "example of a measure",
    (
        *(key for key in CASE.keys if key.name not in ("expect", "facts")),
        Key("expect", f"One of {', '.join(OUTCOMES)}; by group, if there are several; a list, one item for each episode.", required=True),
        Key("strata", "Expected stratum by stratifier."),
        Key("facts", "Expected values of facts (of a measure of episodes: in every episode)."),
    ),
)

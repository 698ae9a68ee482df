"""Templates: a file for each topic, with its words for each channel, language and reading level, and every mistake in its place.

========  =======================================================
ALM530    ``{something}`` that nothing is put in for
ALM531    too long for a text message
ALM532    a sentence that is too long for the reading level
ALM533    the same channel, language and reading level twice
ALM534    words that would give something away
ALM535    words that must be there are missing
========  =======================================================
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

from fhir_adapters.gravity import DOMAINS
from fhir_adapters.yaml_reading import MISSING, UNKNOWN_NAME, YamlReading
from plugin.messages.words import CHANNELS, LEVELS, LONGEST_SENTENCE, LONGEST_SMS, NEUTRAL, PLACES
from plugin.translations import LANGUAGES, marked
from rules.errors import Span, did_you_mean
from rules.source import MapNode, Node, read_file

SHIPPED: Final = Path(__file__).parent / "templates"
SHIPPED_TITLES: Final = (
    *(marked("Help with food"), marked("Help with a cold or damp home"), marked("How you have been feeling")),
    *(marked("A few questions about daily life"), marked("Please call us (says nothing about why)")),
)
"""Those of the topics that come along, for whoever chooses one in another language; a site writes its own in the language of its staff."""
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_SENTENCE: Final = re.compile(r"[.!?:;](?:\s|$)|\n")
_KEYS: Final = ("title", "rules", "needs", "sensitivity", "texts")
_TEXT_KEYS: Final = ("for", "language", "level", "subject", "text")
_LONGEST: Final = {name: "x" * length for name, length in {"name": 40, "organisation": 40, "sender": 30, "phone": 16}.items()}
_TELLING: Final = frozenset({"organisation"})
"""Places of which the name of whoever writes may say what it is about."""


class Kind(NamedTuple):
    """Which of a topic's texts."""

    channel: str
    language: str
    level: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words with open places; ``subject`` is empty where the channel has none."""

    text: str
    subject: str = ""

    def filled(self, values: Mapping[str, str]) -> "Text":
        """With everything put in. Only what the template itself leaves open is: a name with braces stays as it is."""
        text, subject = (_PLACE.sub(lambda found: values[found[1]], written) for written in (self.text, self.subject))
        return Text(text, subject)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a message can be about."""

    id: str
    title: str
    rules: frozenset[str]
    needs: frozenset[str]
    """Gravity's categories, of what the rules refer for."""
    restricted: bool
    """Its words are for the ears of the person alone: nothing of it is written."""
    texts: Mapping[Kind, Text]

    def words(self, kind: Kind) -> Text | None:
        """Those of a kind, else those of the usual reading level; ``None``: there are none."""
        return self.texts.get(kind) or self.texts.get(kind._replace(level=next(iter(LEVELS))))


def load_topics(own: Path | None = None) -> Mapping[str, Topic]:
    """The topics that come along, and those in the folder ``own``, which stand in place of those of the same name: id → topic.

    Raises:
        RuleError: with every mistake in a file.
    """
    reading = _Reading()
    files = {file.stem: file for folder in (SHIPPED, own) if folder for file in sorted(folder.glob("*.yaml"))}
    topics = {name: reading.topic(name, file) for name, file in files.items()}
    reading.settle()
    return topics


class _Reading(YamlReading):
    """Reads files of topics."""

    def topic(self, id: str, file: Path) -> Topic:
        """What a file says; raises `RuleError` at once if it is no YAML."""
        whole = read_file(file)
        document = self.mapping(whole, whole.span, _KEYS)
        title = self.required(document, "title")
        needs = self.words(document.get("needs"))
        for need in sorted(needs - frozenset(DOMAINS)):
            node = document.get("needs")
            self.wrong(node.span if node else whole.span, UNKNOWN_NAME, f"'{need}' is no category of need", did_you_mean(need, DOMAINS))
        restricted = self.one_of(document.get("sensitivity"), ("normal", "restricted"), "normal") == "restricted"
        topic = Topic(id, title, self.words(document.get("rules")), needs, restricted, self._texts(document, id, restricted))
        self._whole(topic, document)
        return topic

    def _texts(self, document: MapNode, id: str, restricted: bool) -> Mapping[Kind, Text]:
        found: dict[Kind, Text] = {}
        for item in self.items(document.get("texts")):
            node = self.mapping(item, item.span, _TEXT_KEYS)
            if text := self._text(node):
                for kind in self._kinds(node):
                    self._check(kind, text, node, id, restricted)
                    if kind in found:
                        self.wrong(node.span, "ALM533", f"there is a text for {' '.join(kind)} already")
                    found[kind] = text
        return found

    def _text(self, node: MapNode) -> Text | None:
        text = self.required(node, "text")
        return Text(text.strip(), " ".join((self.text(node.get("subject")) or "").split())) if text else None

    def _kinds(self, node: MapNode) -> Iterator[Kind]:
        named = self.required(node, "for").split()
        for wrong in (name for name in named if name not in CHANNELS):
            self.wrong(_at(node, "for"), UNKNOWN_NAME, f"'{wrong}' is no channel", did_you_mean(wrong, CHANNELS))
        language = self.one_of(node.get("language"), LANGUAGES, LANGUAGES[0])
        level = self.one_of(node.get("level"), tuple(LEVELS), next(iter(LEVELS)))
        return (Kind(name, language, level) for name in named if name in CHANNELS)

    def _check(self, kind: Kind, text: Text, node: MapNode, id: str, restricted: bool) -> None:
        at, channel = _at(node, "text"), CHANNELS[kind.channel]
        places = set(_PLACE.findall(text.text + text.subject))
        for place in sorted(places - PLACES.keys()):
            self.wrong(at, "ALM530", f"nothing is known to put in for '{{{place}}}'", f"write one of: {', '.join(PLACES)}")
        if channel.subject and not text.subject:
            self.wrong(node.span, MISSING, f"'subject' is missing here: a {channel.name.lower()} has one")
        if kind.channel == "sms" and (length := len(_PLACE.sub(lambda f: _LONGEST.get(f[1], ""), text.text))) > LONGEST_SMS:
            self.wrong(at, "ALM531", f"with names filled in this is up to {length} characters long; a text message has {LONGEST_SMS}")
        if (most := max(map(len, map(str.split, _SENTENCE.split(text.text))))) > LONGEST_SENTENCE[kind.level]:
            self.wrong(at, "ALM532", f"a sentence has {most} words", f"level {kind.level}: at most {LONGEST_SENTENCE[kind.level]}")
        if id == NEUTRAL and places & _TELLING:
            self.wrong(at, "ALM534", "the neutral text must not name the organisation", "write {sender}")
        if restricted and channel.written:
            self.wrong(_at(node, "for"), "ALM534", f"nothing of a restricted topic is written, not as a {channel.name.lower()} either")

    def _whole(self, topic: Topic, document: MapNode) -> None:
        """The neutral words must be there whoever asks; of another topic at least one text."""
        if topic.id == NEUTRAL:
            missing = [kind for kind in map(Kind._make, product(CHANNELS, LANGUAGES, LEVELS)) if kind not in topic.texts]
            for kind in missing:
                self.wrong(document.span, "ALM535", f"the neutral words for {' '.join(kind)} are missing")
        elif document.get("texts") is None:
            self.wrong(document.span, "ALM535", "there is not one text")


def _at(node: MapNode, key: str) -> Span:
    """Where the value under ``key`` stands, else the whole."""
    value: Node | None = node.get(key)
    return node.span if value is None else value.span

"""Which words go to somebody over a channel. What others may read never says what must stay between us."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from plugin.messages.settings import MessageSettings
from plugin.messages.topics import Kind, Topic
from plugin.messages.words import CHANNELS, LEVELS, NEUTRAL
from plugin.outreach.episodes import Why
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE
from plugin.translations import LANGUAGES, marked
from rules.document import Rule

_BLANK = "________"
"""Where the settings do not say who writes: staff fill it in by hand."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What whoever writes has chosen."""

    topic: str
    channel: str
    language: str
    level: str


@dataclass(frozen=True, slots=True)
class Message:
    """Words as they go out."""

    choice: Choice
    """With what was taken instead of what was not there."""
    subject: str
    text: str
    neutral: bool
    """It says nothing about why."""
    instead: str = ""
    """Why these words stand in place of those that were chosen; empty: they do not."""

    def digest(self, address: str) -> str:
        """What whoever looked at it has seen: sent is only this, to this address."""
        return sha256("\0".join((self.choice.channel, address, self.subject, self.text)).encode()).hexdigest()


def about(topics: Mapping[str, Topic], why: Iterable[Why], rules: Mapping[str, Rule]) -> dict[str, list[str]]:
    """The topics that the reasons of an episode give, the most urgent first and the neutral one last, with the rules that give each.

    Of reasons that stand on no shared list for whoever asks, nothing follows.
    """
    found: dict[str, list[str]] = {}
    for reason in why:
        if reason.ended is None and reason.status == "yes" and reason.rule:
            for topic in topics.values():
                if reason.rule in topic.rules or _need(rules.get(reason.rule)) in topic.needs:
                    found.setdefault(topic.id, []).append(reason.rule)
    return {id: names for id, names in found.items() if id != NEUTRAL} | {NEUTRAL: []}


def _need(rule: Rule | None) -> str:
    return rule.referral.category if rule is not None and rule.referral else ""


def is_sensitive(topic: Topic, given_by: Iterable[str], rules: Mapping[str, Rule]) -> bool:
    """Whether nobody but the person may learn what it is about."""
    known = [rules[name] for name in given_by if name in rules]
    return (
        topic.restricted
        or bool(topic.needs & BY_ITS_NATURE_UNSAFE)
        or any(rule.restricted or _need(rule) in BY_ITS_NATURE_UNSAFE for rule in known)
    )


def compose(
    topics: Mapping[str, Topic], choice: Choice, values: Mapping[str, str], *, sensitive: bool = False, exposed: bool = False
) -> Message:
    """The words for a choice; the neutral ones if it is ``sensitive`` and others may read or hear it, or there are no others.

    ``exposed``: others than the person may pick up this telephone, or listen; whatever is written may be read by others anyhow.
    """
    instead = ""
    if sensitive and (exposed or CHANNELS[choice.channel].written):
        instead = marked("others may read or hear this: it says nothing about why")
        choice = _neutral(choice)
    kind = Kind(choice.channel, choice.language, choice.level)
    words = topics[choice.topic].words(kind)
    if words is None:
        instead = marked("there are no words for this channel and language: it says nothing about why")
        choice = _neutral(choice)
        words = topics[NEUTRAL].texts[kind]
    filled = words.filled(values)
    return Message(choice, filled.subject, filled.text, choice.topic == NEUTRAL, instead)


def _neutral(choice: Choice) -> Choice:
    return Choice(NEUTRAL, choice.channel, choice.language, choice.level)


def values(settings: MessageSettings, name: str) -> dict[str, str]:
    """What is put in where a text leaves something open."""
    told = {each: getattr(settings, each).strip() or _BLANK for each in ("organisation", "sender", "phone")}
    return told | {"name": " ".join(name.split()) or _BLANK}


def spoken(language: str | None) -> str | None:
    """The language of ours that somebody speaks; ``None``: none, or it is not known."""
    short = (language or "").partition("-")[0].lower()
    return short if short in LANGUAGES else None


def chosen(wish: Mapping[str, str], topics: Mapping[str, list[str]], language: str | None, channel: str | None) -> Choice:
    """What a form says; where it says nothing that can be: the most urgent topic, the channel and language of the person, plain words."""
    return Choice(
        _one_of(wish, "topic", topics, next(iter(topics))),
        _one_of(wish, "channel", CHANNELS, channel if channel is not None and channel in CHANNELS else "letter"),
        _one_of(wish, "language", LANGUAGES, spoken(language) or LANGUAGES[0]),
        _one_of(wish, "level", LEVELS, next(iter(LEVELS))),
    )


def _one_of(wish: Mapping[str, str], name: str, known: Collection[str], usual: str) -> str:
    return wish[name] if wish.get(name) in known else usual

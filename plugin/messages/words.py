"""The words of messages: channels that carry words, reading levels, and who can read what goes over a channel."""

from dataclasses import dataclass
from typing import Final

from plugin.translations import marked


@dataclass(frozen=True, slots=True)
class Channel:
    """A way on which words go."""

    name: str
    seen_by: str
    """Who can read or hear them, for whoever is about to send."""
    subject: bool = False
    """They have a subject line."""
    written: bool = True
    """They are read, not spoken: by whoever comes to see them."""
    agreed: bool = False
    """Nobody is written to on it who has not agreed to that, naming the address."""


CHANNELS: Final = {
    "sms": Channel(marked("Text message"), marked("whoever holds the phone, and whoever sees its locked screen"), agreed=True),
    "email": Channel(marked("E-mail"), marked("whoever reads this mailbox, and every mail server on the way"), subject=True, agreed=True),
    "portal": Channel(marked("Portal message"), marked("them, and whoever has access to their portal"), subject=True),
    "letter": Channel(marked("Letter"), marked("whoever opens the post at their home"), subject=True),
    "phone": Channel(marked("Telephone script"), marked("whoever picks up, and whoever stands beside them"), written=False),
}
"""Each channel that templates have words for."""
LEVELS: Final = {"plain": marked("Plain words"), "easy": marked("Very easy words")}
"""Each reading level; the first is the usual one."""
LONGEST_SENTENCE: Final = {"plain": 25, "easy": 12}
"""Words."""
LONGEST_SMS: Final = 320
"""Characters, with names filled in: what phones join to one message."""
NEUTRAL: Final = "neutral"
"""The topic that says nothing but that somebody asks to be called."""
PLACES: Final = {
    "name": "the person's name",
    "organisation": "who writes, as people know it (messages.organisation)",
    "sender": "who writes, by a name that gives nothing away (messages.sender)",
    "phone": "the number to call (messages.phone)",
}
"""What a text can leave open: ``{name}``."""
